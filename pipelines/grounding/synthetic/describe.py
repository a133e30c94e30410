"""The other way round: the shortest expression that means one thing of a scene and no other."""

from __future__ import annotations

from random import Random

from pipelines.grounding.synthetic.describing import head_for
from pipelines.grounding.synthetic.predicates import FROM, PLACES, Facts
from pipelines.grounding.synthetic.programs import Program, Step
from pipelines.grounding.synthetic.recipes import ALL_RELATIONS, OUTERMOST
from pipelines.grounding.synthetic.wording import Speaker

VARIANTS = 4  # wordings of each meaning
MOST_COUNTED = 8
PICKS = (*OUTERMOST, "biggest", "smallest")
RELATIONS = tuple(name for name in ALL_RELATIONS if name not in ("between", "near"))  # to one thing, and of one


def describe(facts: Facts, index: int, seed: int = 0) -> tuple[str, Program] | None:
    """The shortest unambiguous noun phrase for a thing, with its program; None where nothing tells it apart.

    Looks alone come first, then a place, being the outermost, a count, and a relation to a thing that its looks tell.
    """
    rng = Random(f"{seed} {index}")
    meanings = [program for tail in _tails(rng, facts, index) if (program := _program(rng, facts, index, tail))]
    texts = [(Speaker(rng).phrase(program), program) for program in meanings for _ in range(VARIANTS)]
    return min(texts, key=lambda pair: (len(pair[0].split()), len(pair[0])), default=None)


def _program(rng: Random, facts: Facts, index: int, tail: list[Step]) -> Program | None:
    head = head_for(rng, facts, 1 << index, tail, bool(tail), forced=("category",))
    return None if head is None else head + tail


def _tails(rng: Random, facts: Facts, index: int) -> list[list[Step]]:
    tails: list[list[Step]] = [[], *([["at", place]] for place in PLACES), *([["pick", name]] for name in PICKS)]
    tails += [[["nth", rank, side]] for side in FROM for rank in range(2, min(MOST_COUNTED, len(facts.things)) + 1)]
    for anchor in range(len(facts.things)):
        phrase = head_for(rng, facts, 1 << anchor, (), False) if anchor != index else None
        tails += [[["rel", name, phrase]] for name in RELATIONS if phrase is not None]
    return tails
