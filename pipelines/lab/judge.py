"""Scores of recipes, task by task, none made twice: what tables, curves and sweeps have in common."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import recipe_hash

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.lab.trial import Trial

SPLITS = ("validation", "test")
MOST_KEPT = 20_000


class Judge:
    """Scores of one family, 0 to 1, higher is better. Safe to use from several threads: one network runs at a time."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self._kept: OrderedDict[tuple[str, str, str], float] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def tasks(self) -> tuple[str, ...]:
        return self.trial.tasks

    def score(self, recipe: MergeRecipe, task: str, split: str) -> float:
        """One task's score of a mix; where masks of tasks are asked for without saying whose, through its own mask.

        Raises:
            MergeError: the recipe does not fit the family.
        """
        recipe = through_own_mask(recipe, task)
        key = (recipe_hash(recipe), task, split)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self.trial.scores(recipe, split, (task,))[task]
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]

    def network(self, weights: Mapping[str, Tensor], task: str, split: str) -> float:
        """One task's score of a network at hand; not kept."""
        with self._lock:
            return self.trial.scores(weights, split, (task,))[task]

    def scores(self, recipe: MergeRecipe, tasks: Sequence[str], split: str) -> dict[str, float]:
        """Task -> score of a mix."""
        return {task: self.score(recipe, task, split) for task in tasks}

    def expert(self, task: str, split: str) -> float:
        """Score of a task's own expert, what others are normalised by."""
        return self.score(self.trial.recipe("task_arithmetic", (task,)), task, split)

    def normalised(self, scores: Mapping[str, float], split: str) -> float:
        """Mean over tasks of score / the expert's score; a score whose expert has 0 counts as it is."""
        return fmean(value / (self.expert(task, split) or 1.0) for task, value in scores.items())


def through_own_mask(recipe: MergeRecipe, task: str) -> MergeRecipe:
    """The network that a task is given: where a mask a task is asked for and none is named, its own."""
    if recipe.masks.mode != "task" or recipe.masks.tasks:
        return recipe
    return replace(recipe, masks=replace(recipe.masks, tasks=(task,)))
