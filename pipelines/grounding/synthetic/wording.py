"""Programs as English: telegraphic ("red ball left") or in full ("find the red ball on the left")."""

from __future__ import annotations

import re
from random import Random
from typing import Literal

from pipelines.grounding.synthetic import lexicon as words
from pipelines.grounding.synthetic.programs import Program, Step

FRAMES = (
    "find {}", "click on {}", "where is {}?", "show me {}", "i want {}", "please find {}", "look for {}", "select {}",
    "point to {}", "can you see {}?", "i need {}", "please click on {}", "can you find {}?", "locate {}", "mark {}",
    "i want you to find {}", "give me {}", "can you point to {}?", "pick {}", "please show me {}",
)  # fmt: skip
FRAMES_MANY = tuple(frame.replace("where is", "where are").replace("{} is", "{} are") for frame in FRAMES)
HELD_FRAMES = (
    "highlight {} for me", "could you locate {}?", "would you kindly select {}", "tell me which one is {}",
    "we are looking for {}",
)  # fmt: skip
JOINS = ("", "", "", "that is ", "which is ", "located ", "placed ", "lying ")
ADJECTIVES = ("size", "finish", "tilt", "pattern", "colour")
FRAMED = 0.76  # of the full ones
CLAUSED = 0.25  # looks that may stand behind the noun
HELD_SYNONYM = 0.3
INDEFINITE = 0.12  # of the things that are only referred to
_NAMES_A_THING = re.compile(r" (the|an?) ")


class Speaker:
    """Puts programs into words. `is_held` takes templates and synonyms that training never says."""

    def __init__(self, rng: Random, is_held: bool = False) -> None:
        self.rng, self.is_held = rng, is_held

    def brief(self, program: Program) -> str:
        """Telegraphic: no articles, no framing; the word for a place may come first."""
        if self.is_held and not any(step[0] == "has" and step[1] in ADJECTIVES for step in program):
            return self.full(program)  # nothing could be said otherwise than in training
        return self._brief(program)

    def _brief(self, program: Program) -> str:
        if program[0][0] == "or":
            return f"{self._brief(program[0][1])} and {self._brief(program[0][2])}"
        looks = {step[1]: step[2] for step in program if step[0] == "has"}
        noun = self._noun(looks.pop("category", "thing"), any(step[0] == "count" for step in program))
        before = [self._look(looks[field]) for field in ADJECTIVES if field in looks]
        behind = [words.BEHIND_NOUN[looks["direction"]][0]] if "direction" in looks else []
        relations = 0
        for step in program:
            lead, tail = self._brief_step(step)
            relations += step[0] == "rel"
            before[:0], behind = lead, behind + (["and"] if step[0] == "rel" and relations > 1 else []) + tail
        if self.is_held:  # training says the adjectives first
            return " ".join([noun, *before, *behind])
        if program[-1][0] == "at" and behind[-1] == program[-1][1] and self.rng.random() < 0.5:
            return " ".join([behind[-1], *before, noun, *behind[:-1]])
        return " ".join([*before, noun, *behind])

    def _brief_step(self, step: Step) -> tuple[list[str], list[str]]:
        name = step[0]
        if name == "at":
            return [], [self._one(words.BRIEF_PLACES, step[1])]
        if name == "not":
            return [], [self._not(step[1], step[2])]
        if name == "not at":
            return [], ["not " + words.BRIEF_PLACES[step[1]][0 if " " in step[1] else 1]]
        if name == "rel" or (name == "pick" and len(step) > 2):
            return [], [
                self._one(words.BRIEF_RELATIONS, step[1]),
                " and ".join(self._brief(inner) for inner in step[2:]),
            ]
        if name == "pick":
            return [self._one(words.PICKS, step[1])], []
        if name == "nth":
            return [words.ORDINALS[step[1] - 1]], ["from " + step[2]]
        if name == "count":
            return ["both" if step[1] == 2 else "all" if step[1] == "all" else words.COUNTS[step[1]]], []
        return [], []

    def full(self, program: Program) -> str:
        """A whole sentence, or a noun phrase with its articles."""
        phrase = self.phrase(program)
        if not self.is_held and self.rng.random() >= FRAMED:
            return phrase
        is_many = program[0][0] == "or" or program[-1][0] == "count"
        frames = HELD_FRAMES if self.is_held else FRAMES_MANY if is_many else FRAMES
        if self.is_held and is_many:
            frames = tuple(frame for frame in HELD_FRAMES if "which one" not in frame)
        return self.rng.choice(frames).format(phrase)

    def phrase(self, program: Program, is_inner: bool = False) -> str:
        """A noun phrase with its article and clauses; one inside another is kept plain, so that it reads one way."""
        if program[0][0] == "or":
            one, two = self.phrase(program[0][1], True), self.phrase(program[0][2], True)
            return f"{one} {self.rng.choice(('and', 'and', 'or'))} {two}"
        looks = {step[1]: step[2] for step in program if step[0] == "has"}
        count = next((step[1] for step in program if step[0] == "count"), None)
        verb = "are" if count else "is"
        clauses = [
            self._clause_of(looks.pop(field), verb) for field in self._late(looks, is_inner or _is_ranked(program))
        ]
        category = looks.pop("category", "thing")
        lead, tail = self._ranked(program)
        adjectives = [self._look(looks[field]) for field in ADJECTIVES if field in looks]
        clauses = [clause for clause in tail if clause.startswith("from") or clause.startswith("counting")] + clauses
        for step in program:
            clause = self._clause(step, verb)
            if clause:
                clauses.append(f"and {clause}" if clauses and self._is_clause(clauses[-1]) else clause)
        noun = self._noun(category, count is not None)
        article = self._article(count)
        if is_inner and not lead and self.rng.random() < INDEFINITE:
            article = "an" if (adjectives or [noun])[0].startswith(tuple("aeiou")) else "a"
        return " ".join([article, *lead, *adjectives, noun, *clauses])

    def _late(self, looks: dict[str, str], is_plain: bool) -> list[str]:
        """Looks that are said behind the noun."""
        late = [field for field in looks if field == "direction"]
        chance = [field for field in ("pattern", "colour", "finish", "tilt", "size") if field in looks]
        if chance and not is_plain and self.rng.random() < CLAUSED:
            late.append(self.rng.choice(chance))
        return late

    def _clause_of(self, value: str, verb: str) -> str:
        if value in words.BEHIND_NOUN and (value in ("left", "right", "up", "down") or self.rng.random() < 0.5):
            return self._one(words.BEHIND_NOUN, value)
        return f"{self.rng.choice(('that', 'which'))} {verb} {self._look(value)}"

    def _ranked(self, program: Program) -> tuple[list[str], list[str]]:
        """Words of superlatives and ordinals before and behind the noun."""
        lead, tail = [], []
        for step in program:
            if step[0] == "pick" and len(step) == 2:
                lead.append(self._one(words.PICKS, step[1], words.HELD_PICKS))
            if step[0] == "nth":
                lead.append(words.ORDINALS[step[1] - 1])
                tail.append(self.rng.choice(("from the ", "from the ", "counting from the ")) + step[2])
        return lead, tail

    def _clause(self, step: Step, verb: str) -> str:
        """What a step adds behind the noun, or nothing."""
        name = step[0]
        if name in ("at", "not at"):
            place = self._one(words.PLACES, step[1], words.HELD_PLACES).format(picture=self.rng.choice(words.PICTURES))
            return f"that {verb} not {place}" if name == "not at" else self._joined(place, verb)
        if name == "not":
            clause = self._not(step[1], step[2])
            return f"that {verb} {clause}" if clause.startswith("not") else clause
        if name == "rel" or (name == "pick" and len(step) > 2):
            inner = " and ".join(self.phrase(program, True) for program in step[2:])
            relation = self._one(words.RELATIONS, step[1], words.HELD_RELATIONS)
            if relation.startswith(("of ", "with ", "that ")):
                return f"{relation} {inner}"
            if step[1] in ("closest to", "farthest from"):
                return f"{relation} {inner}"
            if step[1] == "pointed at by":
                inner = inner if self.rng.random() < 0.5 else ""
            return self._joined(f"{relation} {inner}", verb) if inner else self._pointed(step)
        return ""

    def _pointed(self, step: Step) -> str:
        return f"that {self.phrase(step[2], True)} {self.rng.choice(('points at', 'points to', 'is pointing at'))}"

    def _joined(self, clause: str, verb: str) -> str:
        join = self.rng.choice(JOINS).replace("is", verb) if self.rng.random() < 0.9 else ""
        if clause.startswith(
            ("pointing", "touching", "covering", "pointed", "bigger", "larger", "smaller", "coloured")
        ):
            join = join if join.startswith(("that", "which")) else ""
        return join + clause

    def _is_clause(self, clause: str) -> bool:
        return clause.startswith(("that ", "which ", "with", "and ", "lo", "pl", "ly")) or bool(
            _NAMES_A_THING.search(clause)
        )

    def _article(self, count: int | Literal["all"] | None) -> str:
        if count is None:
            return "the"
        if count == "all":
            return self.rng.choice(("all the", "all", "all of the", "each of the"))
        if count == 2:
            return self.rng.choice(("both", "the two", "both of the"))
        return self.rng.choice(("the {}", "all {}", "all {} of the")).format(words.COUNTS[count])

    def _not(self, field: str, value: str) -> str:
        if value in words.WITHOUT and self.rng.random() < 0.4:
            return self._one(words.WITHOUT, value)
        return f"not {self._look(value)}"

    def _noun(self, category: str, is_many: bool) -> str:
        noun = self._one(words.NOUNS, category, words.HELD_NOUNS)
        return words.plural_of(noun) if is_many else noun

    def _look(self, value: str) -> str:
        return self._one(words.LOOKS, value, words.HELD_LOOKS)

    def _one(self, table: words.Words, key: str, held: words.Words | None = None) -> str:
        """One of the ways to say it; the first is as usual as the others together."""
        if self.is_held and held and key in held and self.rng.random() < HELD_SYNONYM:
            return self.rng.choice(held[key])
        options = table.get(key, (key,))
        return options[0] if len(options) == 1 or self.rng.random() < 0.4 else self.rng.choice(options)


def _is_ranked(program: Program) -> bool:
    """Whether looks behind the noun might be taken to be asked for after the counting."""
    return any(step[0] == "nth" or (step[0] == "pick" and len(step) == 2) for step in program)


def careless(rng: Random, text: str) -> str:
    """The text with the case and the punctuation of someone in a hurry."""
    draw = rng.random()
    if draw < 0.3:
        return text[0].upper() + text[1:] + rng.choice(("", ".", "."))
    if draw < 0.42:
        return text.upper()
    if draw < 0.6:
        return text.rstrip("?") + rng.choice(("..", "!", " ?", ".", ","))
    if draw < 0.75:
        return text.title()
    if draw < 0.88:
        return text.replace(" ", "  ", 1)
    return text.replace(" that", ", that").replace(" which", ", which").rstrip("?")
