"""An expression taken apart: what is meant, how it looks, where it is, and in what relation to what else.

A small deterministic grammar. The words of relations, places and orders are a closed list (`clause_words.py`); nouns
and looks are open, so whatever stands between those words is what a detector is asked for.

Convention: a clause belongs to the noun before it ("the fish above the lamp next to a tree": the lamp is next to the
tree); "and" before a clause goes back to the nearest noun that has one already. "With a hat and a bag" is one person
with both, "with the hat and the bag" are a person and a bag.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import dropwhile

from pipelines.grounding.full.clause_words import (
    ARTICLES,
    COUNTED,
    COUNTS,
    FRAMES,
    INDEFINITE,
    JOINS,
    LATE_LOOKS,
    ORDINALS,
    PLAINER,
    SAYINGS,
    SIDES,
    TAILS,
    WHOLE,
    Saying,
)  # fmt: skip
from pipelines.grounding.full.references import THING, Clause, Expression, Reference
from pipelines.grounding.thresholds import MOST_OBJECTS

MOST_WORDS = 60  # of an expression; what is longer is cut


def parse(text: str) -> Expression:
    """An expression taken apart. Words that no rule explains are taken as looks, so that every text has a reading."""
    words = re.findall(r"[^\W_]+", plainer(text))[:MOST_WORDS]
    plain = " ".join(words)
    framed = FRAMES.match(plain)
    plain = TAILS.sub("", plain[framed.end() :] if framed else plain)
    reader = _Reader(plain or " ".join(words))
    references = [reader.reference()]
    while reader.takes("and") or reader.takes("or"):
        references.append(reader.reference())
    return Expression(tuple(references))


def plainer(text: str) -> str:
    """In lower case, without possessives, short forms and "no": "with no hat" is "without hat"."""
    text = " ".join(text.lower().split())
    for pattern, plain in PLAINER:
        text = pattern.sub(plain, text)
    return text


def most_meant(text: str) -> int:
    """How many things an expression means: 1 of "the mug", 2 of "both mugs", as many as are shown of "the mugs"."""
    counts = [reference.count for reference in parse(text).references]
    return MOST_OBJECTS if 0 in counts else min(sum(counts), MOST_OBJECTS)


@dataclass
class _Draft:
    words: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    clauses: list[Clause] = field(default_factory=list)
    count: int = 1
    rank: int = 0
    rank_said: str = ""
    is_joined: bool = False  # by "that" or "which"

    @property
    def is_open(self) -> bool:
        return bool(self.clauses) or self.is_joined

    @property
    def has_only_looks(self) -> bool:
        return bool(self.words) and not self.clauses and LATE_LOOKS.issuperset(self.words)

    def finished(self) -> Reference:
        if self.rank:
            self.clauses.append(Clause("nth", "left", self.rank_said, rank=self.rank))
        nouns = [word for word in self.words if word not in LATE_LOOKS]
        noun = nouns[-1] if nouns else THING
        looks = list(self.words)
        if nouns:
            del looks[len(looks) - 1 - looks[::-1].index(noun)]
        count = 0 if self.count == 1 and nouns and _is_plural(noun) else self.count
        return Reference(noun, (*looks, *self.late), tuple(self.clauses), count)


def _is_plural(noun: str) -> bool:
    return noun in ("people", "men", "women", "children", "fishes") or (
        len(noun) > 3 and noun.endswith("s") and not noun.endswith(("ss", "us", "is", "glasses", "lens"))
    )


class _Reader:
    """Reads an expression from left to right."""

    def __init__(self, text: str) -> None:
        self.rest = text

    def takes(self, word: str) -> bool:
        """Whether that word comes next; it is then read."""
        if self.rest == word or self.rest.startswith(word + " "):
            self._skip(len(word))
            return True
        return False

    def _skip(self, count: int) -> str:
        said, self.rest = self.rest[:count], self.rest[count:].lstrip()
        return said

    def _skip_word(self) -> str:
        return self._skip((self.rest + " ").index(" "))

    def reference(self, is_first_of_two: bool = False, is_anchor: bool = False) -> Reference:
        """The noun phrase that comes next, with its clauses."""
        draft = _Draft()
        if whole := WHOLE.match(self.rest) or COUNTED.match(self.rest):
            draft.count = COUNTS.get(whole["count"] or "", 2 if self.rest.startswith("both") else 0)
            self._skip(whole.end())
        while self.rest:
            if self._next_is("and", "or"):
                if is_first_of_two or not self._goes_on(draft, is_anchor):
                    break
                self._skip_word()
            elif not self._read_one(draft):
                break
        return draft.finished()

    def _next_is(self, *words: str) -> bool:
        return self.rest.partition(" ")[0] in words

    def _goes_on(self, draft: _Draft, is_anchor: bool) -> bool:
        """Whether what follows "and" is said of the same thing."""
        after = self.rest.partition(" ")[2]
        found = _match(after)
        is_clause = any(after.startswith(word + " ") for word in (*JOINS, "not")) or (
            found is not None and not _leads(after, *found)
        )
        noun = _noun_of_looks(after)
        is_late_look = after.partition(" ")[0] in LATE_LOOKS and draft.is_open and not noun
        is_same = (is_clause or is_late_look) and (draft.is_open or not is_anchor)
        is_one = bool(noun) and not _is_plural(noun)  # "red and blue mugs" are some of each
        return is_same or (is_one and draft.has_only_looks and self._next_is("and"))

    def _read_one(self, draft: _Draft) -> bool:
        """Read a word or a clause."""
        if self.takes("not") or self.takes("except") or self.takes("other than"):
            return self._read_negation(draft)
        found = _match(self.rest)
        if found is not None:
            self._read_saying(draft, *found)
            return True
        word = self._skip_word()
        if word in JOINS:
            draft.is_joined = bool(draft.words)
        elif word not in ARTICLES:
            draft.words.append(word)
        return True

    def _read_negation(self, draft: _Draft) -> bool:
        is_indefinite = self._skip_articles()
        before = len(draft.clauses)
        found = _match(self.rest)
        if found is None or found[0].kind not in ("place", "relation"):
            self._read_lack(draft, "not", is_indefinite)
            return True
        self._read_saying(draft, *found)
        draft.clauses[before:] = [
            replace(clause, is_negated=True, said=f"not {clause.said}") for clause in draft.clauses[before:]
        ]
        return True

    def _skip_articles(self) -> bool:
        """Whether one of those that are read is "a" or "any"."""
        is_indefinite = False
        while self._next_is(*ARTICLES, *INDEFINITE):
            is_indefinite |= self._skip_word() in INDEFINITE
        return is_indefinite

    def _read_lack(self, draft: _Draft, said: str, is_indefinite: bool) -> None:
        """What a thing has not, and after "or" what else it has not."""
        look = " ".join(self._lacked(bool(draft.words)))
        if look:
            draft.clauses.append(Clause("lack", look, f"{said} {look}", is_negated=True))
        if look and self._next_is("or") and self._lacks_more(said, is_indefinite):
            self._skip_word()
            self._read_lack(draft, said, self._skip_articles())

    def _lacked(self, is_behind_noun: bool) -> list[str]:
        """The words of a look or a noun; one word where the noun itself is still to come."""
        look = [self._skip_word()] if self.rest else []
        while is_behind_noun and self.rest and not self._ends_phrase():
            look.append(self._skip_word())
        return [word for word in look if word != "sized"]

    def _ends_phrase(self) -> bool:
        return self._next_is(*JOINS, *ARTICLES, "and", "or", "not") or _match(self.rest) is not None

    def _lacks_more(self, said: str, is_indefinite: bool) -> bool:
        """Whether "or" stands before something else that is lacked, and not before another thing that may be meant."""
        other = _Reader(self.rest.partition(" ")[2])
        if not other.rest or other._next_is("the"):
            return False
        has_article = other._skip_articles()
        is_look = LATE_LOOKS.issuperset(other._lacked(True))
        return is_look or (said == "without" and has_article <= is_indefinite)

    def _read_saying(self, draft: _Draft, saying: Saying, found: re.Match[str]) -> None:
        said = self._skip(found.end())
        if saying.kind == "look":
            draft.late += said.removeprefix("with ").replace("to the ", "").split()
        elif saying.kind == "lack":
            self._read_lack(draft, said, self._skip_articles())
        elif saying.kind == "rank":
            draft.rank, draft.rank_said = _rank(found["rank"]), said
        elif saying.kind in ("side", "nth"):
            rank = draft.rank or (_rank(found["rank"]) if saying.kind == "nth" else 1)
            draft.clauses.append(Clause("nth", found["side"], f"{draft.rank_said} {said}".strip(), rank=rank))
            draft.rank, draft.rank_said = 0, ""
        elif saying.kind == "place":
            draft.clauses.append(Clause("place", saying.name or _place(found), said))
        elif saying.kind == "pick":
            draft.clauses.append(Clause("pick", saying.name, said))
        else:
            self._read_relation(draft, saying, said)

    def _read_relation(self, draft: _Draft, saying: Saying, said: str) -> None:
        is_between = saying.name == "between"
        anchors = [self.reference(is_between, is_anchor=True)]
        if is_between and self.takes("and"):
            anchors.append(self.reference(is_anchor=True))
        told = " and ".join(anchor.phrase for anchor in anchors)
        kind = "pick" if saying.kind == "picked" else "relation"
        draft.clauses.append(Clause(kind, saying.name, f"{said} {told}", tuple(anchors)))
        if saying.name == "with" and self._next_is("and") and self._has_more():
            self._skip_word()
            self._read_relation(draft, saying, said)

    def _has_more(self) -> bool:
        """Whether "and" stands before something else that is worn or held, not before another that wears or holds."""
        other = _Reader(self.rest.partition(" ")[2])
        is_other = other._next_is("the", "not", *JOINS) or COUNTED.match(other.rest) or WHOLE.match(other.rest)
        if not other.rest or is_other or _match(other.rest):
            return False
        other._skip_articles()
        is_look = LATE_LOOKS.issuperset(other._lacked(True))
        found = _match(other.rest)
        return not is_look and (found is None or found[0].name != "with")


def _match(text: str) -> tuple[Saying, re.Match[str]] | None:
    for saying in SAYINGS:
        if found := saying.pattern.match(text):
            return saying, found
    return None


def _leads(text: str, saying: Saying, found: re.Match[str]) -> bool:
    """Whether a place or a rank stands before a noun of its own: "the right mug"."""
    behind = text[found.end() :].lstrip()
    is_noun = bool(behind) and behind.partition(" ")[0] not in {*JOINS, "and", "or", "not"} and _match(behind) is None
    return is_noun and saying.kind in ("place", "pick", "rank")


def _noun_of_looks(text: str) -> str:
    """The noun that looks at the start of a text lead to: "cow" of "white cow"; empty where there is none."""
    words = [word for word in text.split() if word != "and"]
    behind = list(dropwhile(LATE_LOOKS.__contains__, words))
    is_noun = 0 < len(behind) < len(words) and behind[0] not in {*JOINS, *ARTICLES, "or", "not"}
    return behind[0] if is_noun and _match(" ".join(behind)) is None else ""


def _place(found: re.Match[str]) -> str:
    groups = found.groupdict()
    words = (groups["one"],) if groups.get("one") else (groups["row"], groups["column"])
    return " ".join(SIDES.get(word, word) for word in words)


def _rank(word: str) -> int:
    if word.endswith("last"):
        return -_rank(word.split()[0]) if " " in word else -1
    return ORDINALS.index(word) + 1 if word in ORDINALS else int(re.sub(r"\D", "", word))
