"""Programs: what an expression means, as lists of steps that can be written as JSON, and their execution.

A program starts from every thing and narrows the set down, step by step:

    ["has", field, value]           things that look so
    ["not", field, value]           the others
    ["at", place]                   in a part of the picture; ["not at", place] the others
    ["rel", name, program, ...]     in a relation to one thing, or between two
    ["pick", name, program?]        leftmost, biggest, closest to another ...
    ["nth", n, side]                counted from a side
    ["count", n or "all"]           that all of the n are meant; changes nothing
    ["or", program, program]        instead of every thing: those of either program
"""

from __future__ import annotations

from typing import Any

from pipelines.grounding.synthetic.predicates import NOTHING, Facts, Span, members

Step = list[Any]
Program = list[Step]
SET_RELATIONS = ("near",)  # the nearest of a set
COMPARED = ("bigger than", "smaller than")


def execute(program: Program, facts: Facts) -> tuple[int, ...]:
    """Numbers of the things that a program selects. Raises ValueError where that is not clear."""
    sure, possible = run(program, facts)
    if sure != possible:
        raise ValueError(f"not clear in this scene: {program}")
    return tuple(members(sure))


def run(program: Program, facts: Facts) -> Span:
    """What surely and what possibly is selected."""
    span = (facts.every, facts.every)
    for step in program:
        span = apply(step, span, facts, anchors_of(step, facts))
    return span


def anchors_of(step: Step, facts: Facts) -> list[Span]:
    """What a step's own programs select."""
    return [run(inner, facts) for inner in programs_in(step)]


def programs_in(step: Step) -> list[Program]:
    """Programs inside a step."""
    return step[2:] if step[0] in ("rel", "pick") else step[1:] if step[0] == "or" else []


def is_filter(step: Step) -> bool:
    """Whether a step judges each thing by itself, whatever else is in the set."""
    return step[0] in ("has", "not", "at", "not at", "count") or (
        step[0] in ("rel", "pick") and step[1] not in SET_RELATIONS and (step[0] == "rel" or step[1] in COMPARED)
    )


def references(program: Program, facts: Facts) -> tuple[int, ...]:
    """Numbers of the things that are only referred to ("... left of the blue ball"), as far as there are such."""
    found = 0
    for step in program:
        for inner in programs_in(step):
            found |= (run(inner, facts)[0] if step[0] != "or" else 0) | sum(1 << i for i in references(inner, facts))
    return tuple(members(found))


def apply(step: Step, span: Span, facts: Facts, anchors: list[Span]) -> Span:
    """A set after one more step, when it is known what the step's own programs select."""
    name = step[0]
    if name == "has":
        return _both(span, facts.has(step[1], step[2]))
    if name == "not":
        return _without(span, facts.has(step[1], step[2]))
    if name == "at":
        return _both(span, facts.at(step[1]))
    if name == "not at":
        return _without(span, facts.at(step[1]))
    if name == "count":
        return span
    if name == "or":
        return anchors[0][0] | anchors[1][0], anchors[0][1] | anchors[1][1]
    return _compared(step, span, facts, anchors)


def _compared(step: Step, span: Span, facts: Facts, anchors: list[Span]) -> Span:
    """Steps that look at other things of the set or the scene."""
    name = step[1]
    if any(anchor == NOTHING for anchor in anchors) or span == NOTHING:
        return NOTHING
    if any(sure != possible or sure & (sure - 1) for sure, possible in anchors):
        return 0, span[1]
    others = tuple(sure.bit_length() - 1 for sure, _ in anchors)
    if is_filter(step):
        return _both(span, facts.related(name, others))
    if span[0] != span[1]:
        return 0, span[1]
    if step[0] == "nth":
        return facts.nth(step[1], step[2], span[0])
    if name == "near":
        return facts.near(others[0], span[0])
    return facts.extreme(name, span[0], *others)


def _both(span: Span, other: Span) -> Span:
    return span[0] & other[0], span[1] & other[1]


def _without(span: Span, other: Span) -> Span:
    return span[0] & ~other[1], span[1] & ~other[0]
