"""Choosing by scores on held-out samples: the scale, the threshold of each task, which experts go into a soup.

Scores come from a callback, higher is better; every trial is given out, so that a page can draw it and stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from pipelines.merging.recipe import MaskChoice, MergeRecipe

SCALES = tuple(round(0.1 * step, 1) for step in range(1, 11))
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6)

Score = Callable[[MergeRecipe], float]
TaskScore = Callable[[MergeRecipe, str], float]


@dataclass(frozen=True)
class Trial:
    """A recipe and its score; of a threshold, the task it is for."""

    recipe: MergeRecipe
    score: float
    task: str = ""


def scale_trials(recipe: MergeRecipe, score: Score, scales: Iterable[float] = SCALES) -> Iterator[Trial]:
    """The recipe at each scale (the published grid)."""
    for value in scales:
        tried = replace(recipe, scale=value)
        yield Trial(tried, score(tried))


def threshold_trials(
    recipe: MergeRecipe, tasks: Sequence[str], score: TaskScore, thresholds: Iterable[float] = THRESHOLDS
) -> Iterator[Trial]:
    """TALL-masks of one task at each threshold; tasks do not depend on each other."""
    values = tuple(thresholds)
    for task in tasks:
        for value in values:
            masks = MaskChoice("task", (task,), ((task, value),), compare=recipe.masks.compare)
            tried = replace(recipe, masks=masks)
            yield Trial(tried, score(tried, task), task)


def best_thresholds(recipe: MergeRecipe, trials: Iterable[Trial]) -> MergeRecipe:
    """The recipe with every task's best threshold; of equals the largest, whose mask is the smallest."""
    best: dict[str, tuple[float, float]] = {}
    for trial in trials:
        value = dict(trial.recipe.masks.thresholds)[trial.task]
        best[trial.task] = max(best.get(trial.task, (trial.score, value)), (trial.score, value))
    thresholds = dict(recipe.masks.thresholds) | {task: value for task, (_, value) in best.items()}
    return replace(recipe, masks=replace(recipe.masks, thresholds=tuple(thresholds.items())))


def best_trial(trials: Iterable[Trial]) -> Trial:
    """The trial of highest score, the first of equals. Raises ValueError: there is none."""
    return max(trials, key=lambda trial: trial.score)


def greedy_soup(tasks: Sequence[str], score: Score) -> Iterator[Trial]:
    """Experts from the best down, each kept in the average if the score does not fall (arXiv:2203.05482).

    The last trial given out is the soup.
    """
    alone = [(score(trial), task) for task in tasks if (trial := _average([task]))]
    ranked = [task for _, task in sorted(alone, key=lambda pair: -pair[0])]
    kept, best = [ranked[0]], max(value for value, _ in alone)
    yield Trial(_average(kept), best, ranked[0])
    for task in ranked[1:]:
        tried = _average([*kept, task])
        value = score(tried)
        if value >= best:
            kept, best = [*kept, task], value
            yield Trial(tried, value, task)


def _average(tasks: Sequence[str]) -> MergeRecipe:
    return MergeRecipe("average", tuple((task, 1.0) for task in tasks))
