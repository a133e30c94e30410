"""An expression taken apart: what is meant, how it looks, where it is, and in what relation to what else.

A small deterministic grammar. The words of relations, places and orders are a closed list (`clause_words.py`); nouns
and looks are open, so whatever stands between those words is what a detector is asked for.

Convention: a clause belongs to the noun before it ("the fish above the lamp next to a tree": the lamp is next to the
tree); "and" before a clause goes back to the nearest noun that has one already.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from pipelines.grounding.full.clause_words import (
    ARTICLES,
    COUNTED,
    COUNTS,
    FRAMES,
    JOINS,
    LATE_LOOKS,
    ORDINALS,
    SAYINGS,
    SIDES,
    TAILS,
    WHOLE,
    Saying,
)  # fmt: skip

MOST_WORDS = 60  # of an expression; what is longer is cut
THING = "object"  # what a detector is asked for where no noun is said


@dataclass(frozen=True)
class Clause:
    """Something that is said of a thing beside its looks.

    Attributes:
        kind: "place", "pick" (an extreme), "nth", "relation" or "lack" (a look that it has not).
        name: which place, extreme, side to count from, relation or look.
        anchors: what it is related to: two for "between".
        rank: of "nth", from 1; -1 is the last.
        is_negated: it is not there, or not in that relation.
        said: the words, for the explanation.
    """

    kind: str
    name: str
    said: str
    anchors: tuple[Reference, ...] = ()
    rank: int = 0
    is_negated: bool = False


@dataclass(frozen=True)
class Reference:
    """A noun phrase.

    Attributes:
        looks: words beside the noun.
        count: so many are meant; 0 is all that fit, 1 is one.
    """

    noun: str
    looks: tuple[str, ...] = ()
    clauses: tuple[Clause, ...] = ()
    count: int = 1

    @property
    def phrase(self) -> str:
        """What a detector is asked for."""
        return " ".join((*self.looks, self.noun))


@dataclass(frozen=True)
class Expression:
    """References, of which any is meant ("the fish or the disc"); usually one."""

    references: tuple[Reference, ...]

    @property
    def phrases(self) -> tuple[str, ...]:
        """Every phrase that a detector has to look for, each once: what is meant first, then what is referred to."""
        found: dict[str, None] = {}
        for reference in self.references:
            _collect(reference, found)
        return tuple(found)


def _collect(reference: Reference, found: dict[str, None]) -> None:
    found[reference.phrase] = None
    for clause in reference.clauses:
        if clause.kind == "lack":
            found[f"{clause.name} {reference.noun}"] = None
        for anchor in clause.anchors:
            _collect(anchor, found)


def parse(text: str) -> Expression:
    """An expression taken apart. Words that no rule explains are taken as looks, so that every text has a reading."""
    words = re.findall(r"[^\W_]+", text.lower())[:MOST_WORDS]
    plain = " ".join(words)
    framed = FRAMES.match(plain)
    plain = TAILS.sub("", plain[framed.end() :] if framed else plain)
    reader = _Reader(plain or " ".join(words))
    references = [reader.reference()]
    while reader.takes("and") or reader.takes("or"):
        references.append(reader.reference())
    return Expression(tuple(references))


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
                self._skip(self.rest.index(" ") + 1)
            elif not self._read_one(draft):
                break
        return draft.finished()

    def _next_is(self, *words: str) -> bool:
        return self.rest.partition(" ")[0] in words

    def _goes_on(self, draft: _Draft, is_anchor: bool) -> bool:
        """Whether what follows "and" is said of the same thing."""
        after = self.rest.partition(" ")[2]
        found = _match(after)
        is_clause = any(after.startswith(word + " ") for word in JOINS) or (
            found is not None and not _leads(after, *found)
        )
        is_late_look = after.partition(" ")[0] in LATE_LOOKS and draft.is_open
        return (is_clause or is_late_look) and (draft.is_open or not is_anchor)

    def _read_one(self, draft: _Draft) -> bool:
        """Read a word or a clause."""
        if self.takes("not") or self.takes("isn t") or self.takes("except") or self.takes("other than"):
            return self._read_negation(draft)
        found = _match(self.rest)
        if found is not None:
            self._read_saying(draft, *found)
            return True
        word = self._skip((self.rest + " ").index(" "))
        if word in JOINS:
            draft.is_joined = bool(draft.words)
        elif word not in ARTICLES:
            draft.words.append(word)
        return True

    def _read_negation(self, draft: _Draft) -> bool:
        while self._next_is(*ARTICLES):
            self._skip(self.rest.index(" ") if " " in self.rest else len(self.rest))
        before = len(draft.clauses)
        found = _match(self.rest)
        if found is not None and found[0].kind in ("place", "relation"):
            self._read_saying(draft, *found)
        elif self.rest:
            look = self._skip((self.rest + " ").index(" "))
            self.takes("sized")
            self.takes("one")
            draft.clauses.append(Clause("lack", look, look))
        draft.clauses[before:] = [
            replace(clause, is_negated=True, said=f"not {clause.said}") for clause in draft.clauses[before:]
        ]
        return True

    def _read_saying(self, draft: _Draft, saying: Saying, found: re.Match[str]) -> None:
        said = self._skip(found.end())
        if saying.kind == "look":
            draft.late += said.removeprefix("with ").replace("to the ", "").split()
        elif saying.kind == "lack":
            look = said.removeprefix("without ")
            draft.clauses.append(Clause("lack", look, look, is_negated=True))
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


def _place(found: re.Match[str]) -> str:
    groups = found.groupdict()
    words = (groups["one"],) if groups.get("one") else (groups["row"], groups["column"])
    return " ".join(SIDES.get(word, word) for word in words)


def _rank(word: str) -> int:
    if word == "last":
        return -1
    return ORDINALS.index(word) + 1 if word in ORDINALS else int(re.sub(r"\D", "", word))
