"""Sweeps: coarse first, bounded, kept as far as they came."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest

from pipelines.lab.axes import Axis
from pipelines.lab.judge import Judge
from pipelines.lab.sweep import Sweep, best_cell, coarse_first, order_of, run_sweep
from pipelines.lab.trial import Trial
from pipelines.registry import family
from pipelines.shared.errors import UserError

FAMILY = replace(family("shapes_vit"), experts=dict.fromkeys(("north", "east", "south"), family("shapes_vit").base))
SCALE, NORTH = Axis("scale", (0.0, 1.0)), Axis("weight: north", (-1.0, 1.5))
METHOD = Axis("method", choices=("task_arithmetic", "slerp", "consensus"))


def grid(trial: Trial, count: int = 8) -> Sweep:
    values = tuple(place / (count - 1) for place in range(count))
    return Sweep(FAMILY, trial.recipe("task_arithmetic"), SCALE, values, NORTH, values)


def test_a_sweep_of_64_cells_stopped_at_cell_20_has_20_spread_over_all_of_it(trial: Trial) -> None:
    cells = list(islice(run_sweep(grid(trial), Judge(trial), trial.tasks, "test"), 20))
    assert len({(cell.row, cell.column) for cell in cells}) == 20 and all(cell.scores for cell in cells)
    assert {(0, 0), (0, 7), (7, 0), (7, 7)} == {(cell.row, cell.column) for cell in cells[:4]}


def test_every_cell_comes_once_and_is_scored_as_its_recipe(trial: Trial) -> None:
    sweep = grid(trial, 3)
    cells = list(run_sweep(sweep, Judge(trial), ("east",), "test"))
    assert sorted((cell.row, cell.column) for cell in cells) == [(r, c) for r in range(3) for c in range(3)]
    for cell in cells:
        assert cell.recipe.scale == cell.column / 2 and cell.recipe.coefficient("north") == cell.row / 2
        assert cell.scores == pytest.approx(trial.scores(cell.recipe, "test", ("east",)))


def test_the_lambda_of_one_task_is_kept_beside_that_of_all(trial: Trial) -> None:
    every, north = (Axis(name, (0.05, 5.0)) for name in ("lambda", "lambda: north"))
    found = Sweep(FAMILY, trial.recipe("tall_masks"), every, (0.2,), north, (3.0,)).recipe_at(0, 0)
    assert dict(found.masks.thresholds) == {"north": 3.0, "east": 0.2, "south": 0.2}


def test_a_cell_that_cannot_be_merged_says_why_and_ends_nothing(trial: Trial) -> None:
    sweep = Sweep(FAMILY, trial.recipe("task_arithmetic"), SCALE, (0.5, 1.0), METHOD, METHOD.choices)
    cells = list(run_sweep(sweep, Judge(trial), trial.tasks, "test"))
    failed = [cell for cell in cells if cell.error]
    assert len(cells) == 6 and {cell.row for cell in failed} == {1} and "at most 2" in failed[0].error


def test_settings_of_a_swept_method_are_there_before_they_are_set(trial: Trial) -> None:
    votes = Axis("k", (0.0, 3.0), is_whole=True)
    sweep = Sweep(FAMILY, trial.recipe("task_arithmetic"), METHOD, ("consensus",), votes, (1.0, 3.0))
    recipes = [sweep.recipe_at(row, 0) for row in range(2)]
    assert [(one.method, one.masks.mode, one.masks.votes) for one in recipes] == [
        ("consensus", "consensus", 1), ("consensus", "consensus", 3),
    ]  # fmt: skip


def test_too_many_cells_name_the_longer_axis(trial: Trial) -> None:
    with pytest.raises(UserError, match=r"2 x 33 are 66 cells, at most 64.*'scale'"):
        Sweep(FAMILY, trial.recipe("ties"), SCALE, tuple(k / 32 for k in range(33)), NORTH, (0.0, 1.0))


def test_one_axis_twice_is_refused(trial: Trial) -> None:
    with pytest.raises(UserError, match="Both axes are 'scale'"):
        Sweep(FAMILY, trial.recipe("ties"), SCALE, (0.0,), SCALE, (1.0,))


def test_lines_are_visited_from_their_ends_inwards() -> None:
    assert order_of(5) == [0, 2, 1, 2, 0]
    assert order_of(1) == [0] and order_of(2) == [0, 0]
    assert len(set(coarse_first(5, 3))) == 15


def test_the_best_cell_is_the_highest_and_none_before_there_is_one(trial: Trial) -> None:
    cells = list(run_sweep(grid(trial, 3), Judge(trial), trial.tasks, "test"))
    best = best_cell(cells)
    assert best is not None and best.normalised == max(cell.normalised for cell in cells)
    assert best_cell([]) is None
