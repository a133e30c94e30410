"""The table of methods by tasks, filled one score at a time, so that it can be watched and stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipelines.lab.judge import Judge, through_own_mask
from pipelines.merging.errors import MergeError
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.registry import METHODS, method
from pipelines.merging.tuning import SCALES, THRESHOLDS

ENDS = ("experts", "base")  # rows that are no merge: each task's own expert, and the base
COMMON = ("experts", "base", "average", "task_arithmetic", "ties", "consensus", "tall_masks", "emr")


@dataclass(frozen=True)
class Entry:
    """One score of the table, or why there is none; `recipe` made it. While something is chosen, `note` tells."""

    method: str
    task: str
    score: float | None = None
    recipe: MergeRecipe | None = None
    error: str = ""
    note: str = ""


def row_names() -> tuple[str, ...]:
    """Every row there can be, in order."""
    return (*ENDS, *(record.name for record in METHODS))


def title_of(name: str) -> str:
    """The head of a row."""
    return name if name in ENDS else method(name).title


def fill(
    judge: Judge, names: Sequence[str], tasks: Sequence[str], split: str, is_tuned: bool = False
) -> Iterator[Entry]:
    """Entries row by row.

    Methods with masks give a network per task, each through its own mask; the others one for all.

    Args:
        is_tuned: scale (masks: lambda of each task) chosen on the validation split from the published grids, not at
            the method's default.
    """
    for name in names:
        for task in tasks:
            yield from _entries(judge, name, task, tasks, split, is_tuned)


def _entries(judge: Judge, name: str, task: str, tasks: Sequence[str], split: str, is_tuned: bool) -> Iterator[Entry]:
    recipe = recipe_for(name, task, tasks)
    try:
        if is_tuned and name not in ENDS:
            for tried, note in _choices(judge, recipe, name, task, tasks):
                best = tried
                if note:
                    yield Entry(name, task, note=note)
            recipe = best
        yield Entry(name, task, judge.score(recipe, task, split), recipe)
    except MergeError as error:
        yield Entry(name, task, recipe=recipe, error=str(error))


def recipe_for(name: str, task: str, tasks: Sequence[str]) -> MergeRecipe:
    """The network that a row has for a task: all experts at 1, at the method's own scale, its usual mask."""
    if name in ENDS:
        return MergeRecipe(coefficients=((task, 1.0),) if name == "experts" else ())
    record = method(name)
    recipe = MergeRecipe(name, tuple((one, 1.0) for one in tasks), record.default_scale)
    return through_own_mask(replace(recipe, masks=replace(recipe.masks, mode=record.masks[0])), task)


def _choices(
    judge: Judge, recipe: MergeRecipe, name: str, task: str, tasks: Sequence[str]
) -> Iterator[tuple[MergeRecipe, str]]:
    """Recipes that are tried, with what to say of them; the last, with nothing to say, is the best."""
    is_masked = recipe.masks.mode == "task"
    if is_masked and name != "tall_masks":
        yield recipe, ""
        return
    tried: dict[MergeRecipe, float] = {}
    for value in THRESHOLDS if is_masked else SCALES:
        one = with_threshold(recipe, task, value) if is_masked else replace(recipe, scale=value)
        yield recipe, f"{'λ' if is_masked else 'α'} {value:g} on validation"
        scores = judge.scores(one, (task,) if is_masked else tasks, "validation")
        tried[one] = judge.normalised(scores, "validation")
    yield max(tried, key=tried.__getitem__), ""


def with_threshold(recipe: MergeRecipe, task: str, value: float) -> MergeRecipe:
    """The recipe with the lambda of one task's mask."""
    return replace(recipe, masks=replace(recipe.masks, thresholds=((task, value),)))
