"""The table of methods by tasks."""

from __future__ import annotations

import pytest

from pipelines.lab.judge import Judge
from pipelines.lab.method_table import Entry, fill, recipe_for, row_names, title_of
from pipelines.lab.trial import Trial
from pipelines.merging.registry import METHODS


def row(trial: Trial, name: str, is_tuned: bool = False) -> dict[str, Entry]:
    found = fill(Judge(trial), (name,), trial.tasks, "test", is_tuned)
    return {one.task: one for one in found if not one.note}


def test_the_ends_are_the_experts_and_the_base(trial: Trial) -> None:
    assert all(one.score == pytest.approx(1.0) for one in row(trial, "experts").values())
    assert {task: one.score for task, one in row(trial, "base").items()} == trial.scores(trial.recipe("ties", scale=0))


def test_scores_come_one_by_one_row_by_row(trial: Trial) -> None:
    entries = fill(Judge(trial), ("base", "average"), trial.tasks, "test")
    assert next(entries).method == "base" and len(trial.score.asked) == 1


def test_methods_with_a_mask_a_task_give_each_task_its_own_network(apart: Trial) -> None:
    tall = row(apart, "tall_masks")
    assert all(one.score == pytest.approx(1.0) for one in tall.values())
    assert [one.recipe.masks.tasks for one in tall.values() if one.recipe] == [(task,) for task in apart.tasks]


def test_every_method_has_a_row_or_says_why_not(trial: Trial) -> None:
    for record in METHODS:
        entries = row(trial, record.name)
        assert set(entries) == set(trial.tasks) and title_of(record.name) == record.title
        assert all((one.score is None) == bool(one.error) for one in entries.values())
    assert "at most 2" in row(trial, "slerp")["north"].error
    assert len(row_names()) == len(METHODS) + 2


def test_what_is_chosen_on_the_validation_split_is_told_and_no_worse_there(trial: Trial) -> None:
    judge = Judge(trial)
    entries = list(fill(judge, ("task_arithmetic",), trial.tasks, "test", is_tuned=True))
    assert {"α 0.1 on validation", "α 1 on validation"} <= {one.note for one in entries}
    chosen = next(one.recipe for one in entries if not one.note)
    start = recipe_for("task_arithmetic", "north", trial.tasks)
    assert chosen is not None and judge.normalised(
        judge.scores(chosen, trial.tasks, "validation"), "validation"
    ) >= judge.normalised(judge.scores(start, trial.tasks, "validation"), "validation")


def test_thresholds_are_chosen_task_by_task(trial: Trial) -> None:
    entries = fill(Judge(trial), ("tall_masks",), trial.tasks, "test", is_tuned=True)
    thresholds = [one.recipe.masks.thresholds for one in entries if one.recipe and not one.note]
    assert [task for ((task, _),) in thresholds] == list(trial.tasks)
