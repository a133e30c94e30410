"""Choosing by scores: every trial is given out, the best is found, a soup only grows while it does not get worse."""

from __future__ import annotations

import pytest

from pipelines.merging.recipe import MaskChoice, MergeRecipe, check_recipe
from pipelines.merging.tuning import (
    SCALES,
    THRESHOLDS,
    best_thresholds,
    best_trial,
    greedy_soup,
    scale_trials,
    threshold_trials,
)

TASKS = ("a", "b", "c")


def test_the_best_scale_of_the_grid():
    recipe = MergeRecipe(coefficients=(("a", 1.0),))
    trials = list(scale_trials(recipe, lambda tried: -((tried.scale - 0.42) ** 2)))
    assert [one.recipe.scale for one in trials] == list(SCALES) == pytest.approx([0.1 * k for k in range(1, 11)])
    assert best_trial(trials).recipe.scale == 0.4


def test_each_task_has_its_own_threshold_and_ties_take_the_sparser():
    wanted = {"a": 0.2, "b": 0.5}
    recipe = MergeRecipe("tall_masks", tuple((task, 1.0) for task in TASKS), masks=MaskChoice("union", compare="ge"))

    def score(tried: MergeRecipe, task: str) -> float:
        assert tried.masks.tasks == (task,) and tried.masks.mode == "task" and tried.masks.compare == "ge"
        return -abs(dict(tried.masks.thresholds)[task] - wanted[task]) if task in wanted else 1.0

    trials = list(threshold_trials(recipe, TASKS, score))
    assert len(trials) == len(TASKS) * len(THRESHOLDS)
    chosen = best_thresholds(recipe, trials)
    assert dict(chosen.masks.thresholds) == {"a": 0.2, "b": 0.5, "c": 0.6} and chosen.masks.mode == "union"
    check_recipe(chosen, TASKS)


def test_a_greedy_soup_starts_with_the_best_and_leaves_out_what_hurts():
    def score(recipe: MergeRecipe) -> float:
        members = {task for task, _ in recipe.coefficients}
        return {"a": 0.5, "b": 0.7, "c": 0.6}[members.pop()] if len(members) == 1 else 0.8 - 0.5 * ("c" in members)

    trials = list(greedy_soup(TASKS, score))
    assert [dict(one.recipe.coefficients) for one in trials] == [{"b": 1.0}, {"b": 1.0, "a": 1.0}]
    assert [one.score for one in trials] == [0.7, 0.8] and trials[-1].recipe.method == "average"


def test_a_page_may_stop_at_any_trial():
    asked = []
    trials = scale_trials(MergeRecipe(), lambda tried: asked.append(tried.scale) or 0.0)
    next(trials), next(trials)
    assert asked == [0.1, 0.2]
