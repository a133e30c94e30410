"""Expressions about nothing: a true one with one thing changed, so that something in the scene fits all but that."""

from __future__ import annotations

from copy import deepcopy
from random import Random

from pipelines.grounding.synthetic.predicates import NOTHING, PLACES, Facts
from pipelines.grounding.synthetic.programs import Program, Step, run
from pipelines.grounding.synthetic.things import VALUES

TRIES = 10
PRESENT = 0.7  # share of changes to a value that another thing of the scene has
OPPOSITES = {
    "left of": "right of", "right of": "left of", "above": "below", "below": "above", "in front of": "behind",
"behind": "in front of", "bigger than": "smaller than", "smaller than": "bigger than",
}  # fmt: skip
MOST_COUNTED = 6


def falsified(rng: Random, facts: Facts, program: Program) -> Program | None:
    """The program with one predicate changed, so that nothing satisfies it; None if that did not succeed."""
    for _ in range(TRIES):
        changed = deepcopy(program)
        at = rng.randrange(len(changed))
        step = _changed(rng, facts, changed[at])
        if step is None:
            continue
        changed[at] = step
        if run(changed, facts) == NOTHING:
            return changed
    return None


def _changed(rng: Random, facts: Facts, step: Step) -> Step | None:
    name = step[0]
    if name in ("has", "not"):
        return [name, step[1], _other_value(rng, facts, step[1], step[2])]
    if name in ("at", "not at"):
        return [name, rng.choice([place for place in PLACES if place != step[1]])]
    if name == "nth":
        return ["nth", rng.randint(2, MOST_COUNTED), step[2]]
    if name not in ("rel", "pick"):
        return None
    if step[1] in OPPOSITES and rng.random() < 0.6:
        return [name, OPPOSITES[step[1]], *step[2:]]
    return _with_other_anchor(rng, facts, step)


def _with_other_anchor(rng: Random, facts: Facts, step: Step) -> Step | None:
    """The step about another anchor, one that is not there or that nothing is so related to."""
    if len(step) < 3:
        return None
    step = deepcopy(step)
    inner = rng.choice(step[2:])
    at = rng.randrange(len(inner))
    changed = _changed(rng, facts, inner[at])
    if changed is None:
        return None
    inner[at] = changed
    return step


def _other_value(rng: Random, facts: Facts, field: str, value: str) -> str:
    others = [other for other in VALUES[field] if other != value]
    present = [other for other in others if facts.has(field, other)[0]]
    return rng.choice(present if present and rng.random() < PRESENT else others)
