"""What would you call this? The shortest expression that means one thing of a generated scene, and no other."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from pipelines.grounding.synthetic.describing import head_for
from pipelines.grounding.synthetic.predicates import FROM, PLACES, Facts
from pipelines.grounding.synthetic.programs import Program
from pipelines.grounding.synthetic.recipes import ALL_RELATIONS, OUTERMOST
from pipelines.grounding.synthetic.wording import Speaker

MOST_RANK = 6
PICKS = (*OUTERMOST, "biggest", "smallest")
BARRED = ("between", "near")  # to two things, and of a set
TRIES = 4  # looks, their order and words are drawn so often; the shortest is kept


def shortest_name(scene: Any, number: int) -> str | None:
    """By looks alone if they tell it apart, else with its place, its rank, or something near it.

    Args:
        scene: has `things`, `boxes_xyxy` and `ids`.
        number: of the thing, from 0.

    Returns:
        None where nothing that can be said means it alone.
    """
    facts = Facts.of(scene)
    for tails in (_nothing, _places, _ranks, _relations):
        found = [program for tail in tails(facts, number) for program in _programs(facts, number, tail)]
        if found:
            texts = [Speaker(Random(seed)).phrase(one) for seed, one in enumerate(found)]
            return min(texts, key=lambda text: (len(text.split()), len(text)))
    return None


def _programs(facts: Facts, number: int, tail: Program) -> list[Program]:
    drawn = (head_for(Random(seed), facts, 1 << number, tail, bool(tail)) for seed in range(TRIES))
    return [[*head, *tail] for head in drawn if head is not None]


def _nothing(facts: Facts, number: int) -> Iterator[Program]:
    yield []


def _places(facts: Facts, number: int) -> Iterator[Program]:
    yield from ([["at", place]] for place in PLACES if facts.at(place)[0] >> number & 1)


def _ranks(facts: Facts, number: int) -> Iterator[Program]:
    yield from ([["pick", name]] for name in PICKS)
    yield from ([["nth", rank, side]] for rank in range(2, MOST_RANK + 1) for side in FROM)


def _relations(facts: Facts, number: int) -> Iterator[Program]:
    for anchor in range(len(facts.things)):
        name_of = head_for(Random(0), facts, 1 << anchor, (), False)
        if name_of is None or anchor == number:
            continue
        for relation in ALL_RELATIONS:
            if relation not in BARRED and facts.related(relation, (anchor,))[0] >> number & 1:
                yield [["rel", relation, name_of]]
