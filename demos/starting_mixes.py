"""Recipes that every family has to start from: its own mix, the base, each expert alone, the even average."""

from __future__ import annotations

from dataclasses import replace

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.family import ModelFamily


def base_recipe(family: ModelFamily) -> MergeRecipe:
    """No expert at all."""
    return replace(family.default, coefficients=tuple((task, 0.0) for task in family.tasks))


def expert_recipe(family: ModelFamily, task: str) -> MergeRecipe:
    """One expert as it was tuned."""
    return MergeRecipe(coefficients=tuple((one, float(one == task)) for one in family.tasks), scale=1.0)


def shipped_presets(family: ModelFamily) -> dict[str, MergeRecipe]:
    """Starting points of every family: its own mix, the base, each expert alone, the even average."""
    tasks = family.tasks
    alone = {f"{task} expert alone": expert_recipe(family, task) for task in tasks}
    even = MergeRecipe(coefficients=tuple((task, 1.0) for task in tasks), scale=round(1 / max(len(tasks), 1), 4))
    return {"house mix": family.default, "base": base_recipe(family), "even average": even, **alone}
