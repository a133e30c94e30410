"""Scores of recipes: each made once, masks a task's own, normalised by the experts."""

from __future__ import annotations

import pytest

from pipelines.lab.judge import Judge, through_own_mask
from pipelines.lab.trial import Trial
from pipelines.merging.recipe import MaskChoice


def test_the_same_recipe_is_scored_once(trial: Trial) -> None:
    judge, recipe = Judge(trial), trial.recipe("task_arithmetic")
    first = judge.scores(recipe, trial.tasks, "test")
    assert judge.scores(recipe, trial.tasks, "test") == first == trial.scores(recipe)
    assert len(trial.score.asked) == len(trial.tasks) + 1  # one by one, and once by hand


def test_splits_are_kept_apart(trial: Trial) -> None:
    judge, recipe = Judge(trial), trial.recipe("task_arithmetic")
    for split in ("test", "validation"):
        judge.score(recipe, "north", split)
    assert [split for _, split in trial.score.asked] == ["test", "validation"]


def test_experts_are_one_when_normalised(trial: Trial) -> None:
    judge = Judge(trial)
    assert judge.normalised({task: judge.expert(task, "test") for task in trial.tasks}, "test") == pytest.approx(1.0)
    assert judge.normalised({"north": 0.25}, "test") == pytest.approx(0.25 / judge.expert("north", "test"))


def test_masks_of_tasks_without_a_name_are_each_task_s_own(apart: Trial) -> None:
    recipe = apart.recipe("tall_masks", masks=MaskChoice("task"))
    assert Judge(apart).scores(recipe, apart.tasks, "test") == pytest.approx(dict.fromkeys(apart.tasks, 1.0))
    named = apart.recipe("tall_masks", masks=MaskChoice("task", tasks=("east",)))
    assert through_own_mask(named, "north") is named
