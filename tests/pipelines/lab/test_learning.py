"""Coefficients learned step by step, and the mix they make."""

from __future__ import annotations

import pytest
import torch

from pipelines.commands.loading import named
from pipelines.lab.learning import LearningPlan, learn, start_of
from pipelines.lab.trial import Trial
from pipelines.registry import FAMILIES


def towards(trial: Trial, task: str):
    """Squared distance from one expert: the best coefficients are known."""
    wanted = trial.score.experts[task]
    return lambda weights, step: ((weights["rows"] - wanted) ** 2).mean()


def test_the_loss_falls_and_the_wanted_expert_rises(trial: Trial) -> None:
    plan = LearningPlan("adamerging", "task", steps=20, rate=0.05)
    steps = list(learn(plan, trial.arena, towards(trial, "east")))
    assert [one.step for one in steps] == list(range(21))
    assert steps[-1].loss < steps[0].loss
    first, last = steps[0].recipe, steps[-1].recipe
    assert first.coefficient("north") == start_of(plan) == pytest.approx(0.3)
    assert last.coefficient("east") > 0.5 > 0.3 > last.coefficient("north")


def test_the_recipe_merges_to_the_network_that_was_learned(trial: Trial) -> None:
    plan = LearningPlan("atlas", "module", steps=3)
    last = list(learn(plan, trial.arena, towards(trial, "east"), (("all", "*"),)))[-1]
    expected = trial.arena.base + sum(
        row[0] * trial.arena.experts[task].vector for task, row in zip(trial.tasks, last.rows, strict=True)
    )
    assert torch.allclose(trial.arena.merge(last.recipe).flat, expected, atol=1e-5)


def test_only_the_named_experts_take_part(trial: Trial) -> None:
    plan = LearningPlan("adamerging", "task", steps=1)
    last = list(learn(plan, trial.arena, towards(trial, "east"), tasks=("south", "east")))[-1]
    assert len(last.rows) == 2 and last.recipe.coefficient("north") == 0


def test_every_family_of_the_lab_has_a_measure_to_learn_by() -> None:
    shown = [one for one in FAMILIES if one.scorer and len(one.tasks) > 1 and one.tier == "embedded"]
    assert {one.name for one in shown} >= {"shapes_vit", "fusenet", "igtr", "plvl"}
    assert all(callable(named(one.surrogate)) for one in shown)
