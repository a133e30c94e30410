"""Coefficients learned without labels, step by step: what the family's own surrogate tells of a mix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipelines.merging.adamerging import START, adamerging
from pipelines.merging.atlas import AtlasOptions, atlas
from pipelines.merging.learning import Learning, Mergeable, Places, learned_recipe
from pipelines.merging.recipe import COEFFICIENT_RANGE, FACTOR_RANGE, MergeRecipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.merging.arena import Arena
    from pipelines.merging.learning import Loss

METHODS: Mapping[str, str] = {"adamerging": "AdaMerging", "atlas": "aTLAS"}
GRAINS: Mapping[str, str] = {"task": "a task", "module": "a task and stage", "tensor": "a task and tensor"}


@dataclass(frozen=True)
class LearningPlan:
    """What is learned: by "adamerging" or "atlas", one coefficient for each of GRAINS, how long and how fast."""

    method: str = "adamerging"
    grain: str = "module"
    steps: int = 100
    rate: float = 1e-2


@dataclass(frozen=True)
class LearningStep:
    """One step: loss in the surrogate's units, coefficients as (tasks, columns) rows, and the mix as a recipe."""

    step: int
    loss: float
    columns: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]
    recipe: MergeRecipe


def learn(
    plan: LearningPlan, arena: Arena, loss: Loss, blocks: Sequence[tuple[str, str]] = (), tasks: Sequence[str] = ()
) -> Iterator[LearningStep]:
    """Steps of AdaMerging (arXiv:2310.02575) from 0.3 each, or aTLAS (arXiv:2407.02880) from the base.

    Args:
        tasks: experts that take part; none named means all.

    Raises:
        MergeError: the loss is not finite.
    """
    ground = Mergeable.of(arena)
    ground = replace(ground, vectors={task: ground.vectors[task] for task in tasks or arena.tasks})
    places = Places.of(ground.layout, plan.grain, blocks)
    if plan.method == "atlas":
        options = AtlasOptions(steps=plan.steps, rate=plan.rate)
        steps: Iterator[Learning] = atlas(ground, places, loss, options)
    else:
        steps = adamerging(ground, places, loss, steps=plan.steps, rate=plan.rate)
    for one in steps:
        rows = tuple(tuple(row) for row in one.coefficients.tolist())
        yield LearningStep(one.step, one.loss, places.names, rows, recipe_of(tuple(ground.vectors), places, one))


def recipe_of(tasks: Sequence[str], places: Places, learned: Learning) -> MergeRecipe:
    """The mix on the desk; coefficients beyond a fader's range stop at its end."""
    low, high = COEFFICIENT_RANGE if places.matches == ("*",) else FACTOR_RANGE
    return learned_recipe(tasks, places, learned.coefficients.clamp(low, high))


def start_of(plan: LearningPlan) -> float:
    """What every coefficient is at first."""
    return START if plan.method == "adamerging" else 0.0
