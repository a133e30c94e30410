"""Programs of each kind for a scene, drawn so that they select exactly what is meant, and need what they say."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from pipelines.grounding.synthetic.describing import head_for, in_order, novel_fields, says_novel, shared_values
from pipelines.grounding.synthetic.predicates import FROM, PLACES, Facts, members
from pipelines.grounding.synthetic.programs import Program, Step, run
from pipelines.grounding.synthetic.recipes import Recipe
from pipelines.grounding.synthetic.things import VALUES

TRIES = {"hops": 100}  # draws of a kind; 16 else
SPARABLE = ("place", "negation", "relation", "hops")  # in which the last step may be one that could be left out
BARRED = {"same colour as": "colour", **dict.fromkeys(("biggest", "smallest", "bigger than", "smaller than"), "size")}
MOST_TARGETS = 4
PAIRS = 8  # of anchors that are tried for "between"


class Proposer:
    """Draws programs about one scene."""

    def __init__(self, rng: Random, facts: Facts, recipe: Recipe) -> None:
        self.rng, self.facts, self.recipe = rng, facts, recipe
        self.novel = {i: novel_fields(thing) for i, thing in enumerate(facts.things) if thing.look.is_novel}
        self.candidates = list(self.novel) if recipe.is_novel else list(range(len(facts.things)))
        self._links: dict[str, list[tuple[tuple[int, ...], int]]] = {}
        self._plain: dict[int, Program | None] = {}
        self.must_need = True

    def draw(self, kind: str) -> Program | None:
        """A program of a kind; None where the scene has none, as far as was tried."""
        tries = TRIES.get(kind, 16)
        may_be_spare = kind in SPARABLE and self.rng.random() < self.recipe.spare
        for at in range(tries):
            self.must_need = not (may_be_spare and at >= tries // 2)
            program = KINDS[kind](self)
            if program is not None and self.is_sayable(program):
                return self.with_spare(program)
        return None

    def is_sayable(self, program: Program) -> bool:
        """Whether no word pair is said that this recipe must not say."""
        return self.recipe.is_novel or not says_novel(program)

    def any_target(self) -> int:
        """Number of a thing that may be asked for."""
        return self.rng.choice(self.candidates)

    def head(
        self, target: int, tail: list[Step], is_needed: bool = True, barred: tuple[str, ...] = ()
    ) -> Program | None:
        """Filters and tail for one thing, or None."""
        forced = self.novel.get(target, ()) if self.recipe.is_novel else ()
        if set(forced) & set(barred):
            return None
        is_needed = is_needed and self.must_need and not forced  # the only one of its pair needs nothing more
        head = head_for(self.rng, self.facts, 1 << target, tail, is_needed, forced, barred)
        return None if head is None else head + tail

    def with_spare(self, program: Program) -> Program:
        """The program, in some cases with one or two filters that it could do without."""
        if self.rng.random() >= self.recipe.spare or program[0][0] == "or":
            return program
        targets = run(program, self.facts)[0]
        fixed = {step[1] for step in program if step[0] in ("has", "not")} | {BARRED.get(step[1]) for step in program}
        if not targets or not any(step[0] == "has" for step in program):
            return program
        values = shared_values(self.facts, targets)
        for field in [field for field in in_order(self.rng, values) if field not in fixed][
            : self.rng.choice((1, 1, 2))
        ]:
            longer = [["has", field, values[field]], *program]
            if run(longer, self.facts) == (targets, targets) and self.is_sayable(longer):
                program = longer
        return program

    def attribute(self) -> Program | None:
        """Looks alone."""
        return self.head(self.any_target(), [], is_needed=False)

    def place(self) -> Program | None:
        """Looks and a part of the picture."""
        target = self.any_target()
        places = [place for place in PLACES if self.facts.at(place)[0] >> target & 1]
        return self.head(target, [["at", self.rng.choice(places)]]) if places else None

    def negation(self) -> Program | None:
        """Looks, and one that it has not."""
        target, values = self.any_target(), []
        if self.rng.random() < 0.15:
            sure, possible = self.facts.at(place := self.rng.choice(PLACES))
            return self.head(target, [["not at", place]]) if not possible >> target & 1 and sure else None
        for field in ("colour", "pattern", "size", "finish", "tilt"):
            own = self.facts.things[target].value(field)
            values += [(field, value) for value in VALUES[field] if value != own and self.facts.has(field, value)[0]]
        for field, value in self.rng.sample(values, min(len(values), 5)):
            program = self.head(target, [["not", field, value]], barred=(field,))
            if program is not None:
                return program
        return None

    def links(self, name: str) -> list[tuple[tuple[int, ...], int]]:
        """Anchors, and the things that surely are so related to them; empty ones left out."""
        if name not in self._links:
            numbers = list(range(len(self.facts.things)))
            anchors: list[tuple[int, ...]] = [(j,) for j in numbers]
            if name == "between":
                pairs = [(j, k) for j in numbers for k in numbers if j < k]
                anchors = self.rng.sample(pairs, min(PAIRS, len(pairs)))
            found = [(pair, self._linked(name, pair)) for pair in anchors]
            self._links[name] = [(pair, sure) for pair, sure in found if sure]
        return self._links[name]

    def _linked(self, name: str, anchors: tuple[int, ...]) -> int:
        if name == "near":
            return sum(1 << i for i in range(len(self.facts.things))
                       if i != anchors[0] and self.facts.distance(i, anchors[0]) <= 0.32)  # fmt: skip
        return self.facts.related(name, anchors)[0]

    def _names(self) -> list[str]:
        """Relations of the recipe, in random order."""
        names = list(self.recipe.relations)
        self.rng.shuffle(names)
        return names

    def linked_to(self, target: int) -> tuple[str, tuple[int, ...]] | None:
        """A relation that a thing has, and to what; every name as likely."""
        for name in self._names():
            anchors = [pair for pair, sure in self.links(name) if sure >> target & 1]
            if anchors:
                return name, self.rng.choice(anchors)
        return None

    def link(self) -> tuple[str, tuple[int, ...], int] | None:
        """A relation of the scene with its anchors and a thing; every name as likely."""
        allowed = sum(1 << i for i in self.candidates)
        for name in self._names():
            found = [(pair, sure & allowed) for pair, sure in self.links(name) if sure & allowed]
            if found:
                pair, sure = self.rng.choice(found)
                return name, pair, self.rng.choice(members(sure))
        return None

    def relation(self) -> Program | None:
        """Looks, and a relation to something that its looks describe."""
        link = self.link()
        if link is None:
            return None
        name, anchors, target = link
        step = self._step(name, anchors, 0)
        if step is None:
            return None
        return self.head(target, [step], barred=_barred(name))

    def plain(self, target: int) -> Program | None:
        """Looks that single out a thing that is only referred to."""
        if target not in self._plain or self.rng.random() < 0.3:
            self._plain[target] = head_for(self.rng, self.facts, 1 << target, (), False)
        found = self._plain[target]
        if found is not None and self.rng.random() < self.recipe.spare / 2:
            found = self.with_spare(found)
        return found if found is None or self.is_sayable(found) else None

    def hops(self) -> Program | None:
        """A thing by two or three references."""
        return self.referring(self.any_target(), self.rng.randint(*self.recipe.hops))

    def referring(self, target: int, budget: int, is_inner: bool = False) -> Program | None:
        """A program for a thing with exactly so many references to others; an inner one has no two relations."""
        if budget == 0:
            return self.plain(target)
        link = self.linked_to(target)
        if link is None or len(link[1]) > budget:
            return None
        name, anchors = link
        left = budget - len(anchors)
        onward = left if len(anchors) == 1 and (is_inner or self.rng.random() < 0.5) else 0
        first = self._step(name, anchors, onward)
        if first is None:
            return None
        tail = [first]
        if onward == 0 and left and is_inner:
            return None
        if onward == 0 and left:
            second = self._another(target, anchors, left)
            if second is None:
                return None
            tail.append(second)
        return self._all_needed(target, tail)

    def _step(self, name: str, anchors: tuple[int, ...], onward: int) -> Step | None:
        if name in BARRED and not onward:
            phrases = [head_for(self.rng, self.facts, 1 << j, (), False, barred=_barred(name)) for j in anchors]
        else:
            phrases = [self.referring(j, onward, True) if at == 0 else self.plain(j) for at, j in enumerate(anchors)]
        return None if any(phrase is None for phrase in phrases) else ["rel", name, *phrases]

    def _another(self, target: int, used: tuple[int, ...], left: int) -> Step | None:
        link = self.linked_to(target)
        if link is None or set(link[1]) & set(used) or len(link[1]) > left:
            return None
        onward = left - len(link[1])
        return self._step(*link, onward) if onward == 0 or len(link[1]) == 1 else None

    def _all_needed(self, target: int, tail: list[Step]) -> Program | None:
        """Filters for a tail; where one of two relations would do, the other is spare."""
        program = self.head(target, tail, barred=tuple(field for step in tail for field in _barred(step[1])))
        if program is None or len(tail) == 1:
            return program
        head = program[: -len(tail)]
        does_one_do = any(run([*head, step], self.facts) == (1 << target, 1 << target) for step in tail)
        return None if does_one_do and self.rng.random() >= self.recipe.spare else program

    def superlative(self) -> Program | None:
        """The outermost, biggest or closest of those that look so."""
        target, name = self.any_target(), self.rng.choice(self.recipe.picks)
        step: Step = ["pick", name]
        if name in ("closest to", "farthest from", "bigger than", "smaller than"):
            anchor = self.rng.randrange(len(self.facts.things))
            phrase = None if anchor == target else self.plain(anchor)
            if phrase is None:
                return None
            step.append(phrase)
        return self.head(target, [step], barred=_barred(name))

    def ordinal(self) -> Program | None:
        """The n-th of those that look so, counted from a side."""
        low, high = self.recipe.ordinals
        return self.head(self.any_target(), [["nth", self.rng.randint(low, high), self.rng.choice(tuple(FROM))]])

    def plural(self) -> Program | None:
        """Two to four at once: all of a look, all in a place or a relation, or one and another."""
        if self.rng.random() < 0.25:
            return self._either()
        tail = self._plural_tail() if self.rng.random() < 0.45 else []
        if tail is None:
            return None
        values = list(shared_values(self.facts, 1 << self.any_target()).items())
        kept = [pair for pair in values if pair[0] == "category" and self.rng.random() < 0.88]
        others = [pair for pair in in_order(self.rng, dict(values)) if pair != "category"]
        kept += [(field, dict(values)[field]) for field in others[: self.rng.choice((0, 1, 1, 2))]]
        program = [["has", field, value] for field, value in kept] + tail
        sure, possible = run(program, self.facts)
        if sure != possible or not kept or not 2 <= sure.bit_count() <= MOST_TARGETS:
            return None
        count = sure.bit_count() if self.rng.random() < 0.5 else "all"
        return [*program, ["count", count]]

    def _plural_tail(self) -> list[Step] | None:
        if self.rng.random() < 0.5:
            return [["at", self.rng.choice(PLACES)]]
        names = [
            name for name in self.recipe.relations if name in ("left of", "right of", "above", "below", "touching")
        ]
        anchor = self.plain(self.rng.randrange(len(self.facts.things)))
        return None if anchor is None else [["rel", self.rng.choice(names), anchor]]

    def _either(self) -> Program | None:
        numbers = self.rng.sample(range(len(self.facts.things)), 2)
        phrases = [self.plain(i) for i in numbers]
        return None if any(phrase is None for phrase in phrases) else [["or", *phrases]]


def _barred(name: str) -> tuple[str, ...]:
    """Looks that are not said beside a relation or a superlative, as they would say the same."""
    return (BARRED[name],) if name in BARRED else ()


KINDS: dict[str, Callable[[Proposer], Program | None]] = {
    name: getattr(Proposer, name)
    for name in ("attribute", "place", "relation", "superlative", "ordinal", "negation", "hops", "plural")
}
