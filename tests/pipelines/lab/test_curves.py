"""Curves between two experts and over the scale."""

from __future__ import annotations

import pytest

from pipelines.lab.curves import Point, best_mean, path_between, path_over_scale, walk
from pipelines.lab.judge import Judge
from pipelines.lab.trial import Trial
from pipelines.merging.recipe import MergeRecipe


def test_a_path_starts_at_one_expert_and_ends_at_the_other(trial: Trial) -> None:
    points = list(walk(path_between("north", "east", 3), Judge(trial), ("north", "east"), "test"))
    at = {(one.position, one.task): one.score for one in points}
    assert at[0.0, "north"] == pytest.approx(1.0) and at[1.0, "east"] == pytest.approx(1.0)
    assert at[1.0, "north"] < 0.5 and len(points) == 6


def test_ends_come_first(trial: Trial) -> None:
    points = walk(path_between("north", "east", 5), Judge(trial), ("north",), "test")
    assert [one.position for one in points] == [0.0, 1.0, 0.5, 0.25, 0.75]


def test_the_scale_runs_from_the_base(trial: Trial) -> None:
    path = path_over_scale(trial.recipe("ties"), most=1.0, count=3)
    assert [(position, recipe.scale, recipe.method) for position, recipe in path] == [
        (0.0, 0.0, "ties"), (0.5, 0.5, "ties"), (1.0, 1.0, "ties"),
    ]  # fmt: skip


def test_the_best_of_both_is_the_highest_harmonic_mean() -> None:
    scores = {0.0: (1.0, 0.1), 0.5: (0.7, 0.6), 1.0: (0.1, 1.0)}
    points = [Point(x, task, value, MergeRecipe())
              for x, pair in scores.items() for task, value in zip("ab", pair, strict=True)]  # fmt: skip
    assert best_mean(points, "a", "b") == 0.5
    assert best_mean(points[:1], "a", "b") is None
