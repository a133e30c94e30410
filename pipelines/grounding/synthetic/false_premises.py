"""Expressions about nothing: a true one with one thing changed, so that something in the scene fits all but that."""

from __future__ import annotations

from copy import deepcopy
from random import Random

from pipelines.grounding.synthetic.predicates import NOTHING, PLACES, Facts
from pipelines.grounding.synthetic.programs import Program, Step, programs_in, run
from pipelines.grounding.synthetic.things import UNHOLLOW, UNTURNABLE, VALUES

TRIES = 10
PRESENT = 0.7  # share of changes to a value that another thing of the scene has
OPPOSITES = {
    "left of": "right of", "right of": "left of", "above": "below", "below": "above", "in front of": "behind",
"behind": "in front of", "bigger than": "smaller than", "smaller than": "bigger than",
}  # fmt: skip


def falsified(rng: Random, facts: Facts, program: Program, ordinals: tuple[int, int]) -> Program | None:
    """The program with one predicate changed, so that nothing satisfies it; None if that did not succeed.

    Ordinals are the lowest and the highest number that may be said, or the wording would give the answer away.
    """
    for _ in range(TRIES):
        changed = deepcopy(program)
        at = rng.randrange(len(changed))
        step = _changed(rng, facts, changed[at], ordinals)
        if step is None:
            continue
        changed[at] = step
        if run(changed, facts) == NOTHING and is_sensible(changed):
            return changed
    return None


def is_sensible(program: Program) -> bool:
    """Whether things are said to be only what such things can be: arrows alone point, a circle has no tilt."""
    said = {step[1]: step[2] for step in program if step[0] == "has"}
    category = said.get("category", "arrow" if "direction" in said else "thing")
    points = any(step[:2] == ["rel", "pointing at"] for step in program)
    return (
        not ((points or "direction" in said) and category != "arrow")
        and not ("tilt" in said and category in UNTURNABLE)
        and not (said.get("pattern") == "hollow" and category in UNHOLLOW)
        and all(is_sensible(inner) for step in program for inner in programs_in(step))
        and all(["has", "category", "arrow"] in step[2] for step in program if step[:2] == ["rel", "pointed at by"])
    )


def _changed(rng: Random, facts: Facts, step: Step, ordinals: tuple[int, int]) -> Step | None:
    name = step[0]
    if name in ("has", "not"):
        return [name, step[1], _other_value(rng, facts, step[1], step[2])]
    if name in ("at", "not at"):
        return [name, rng.choice([place for place in PLACES if place != step[1]])]
    if name == "nth":
        return ["nth", rng.randint(*ordinals), step[2]]
    if name not in ("rel", "pick"):
        return None
    if step[1] in OPPOSITES and rng.random() < 0.6:
        return [name, OPPOSITES[step[1]], *step[2:]]
    return _with_other_anchor(rng, facts, step, ordinals)


def _with_other_anchor(rng: Random, facts: Facts, step: Step, ordinals: tuple[int, int]) -> Step | None:
    """The step about another anchor, one that is not there or that nothing is so related to."""
    if len(step) < 3:
        return None
    step = deepcopy(step)
    inner = rng.choice(step[2:])
    at = rng.randrange(len(inner))
    changed = _changed(rng, facts, inner[at], ordinals)
    if changed is None:
        return None
    inner[at] = changed
    return step


def _other_value(rng: Random, facts: Facts, field: str, value: str) -> str:
    others = [other for other in VALUES[field] if other != value]
    present = [other for other in others if facts.has(field, other)[0]]
    return rng.choice(present if present and rng.random() < PRESENT else others)
