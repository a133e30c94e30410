"""What must hold between methods, and of a method whatever the network: the oracles that stand beside each equation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pipelines.merging.arena import Arena
from pipelines.merging.layout import same_bits
from pipelines.merging.merge import merge
from pipelines.merging.pruning import kept_count, magnitude_threshold
from pipelines.merging.recipe import MaskChoice, MergeRecipe

HEIGHTS = (1.0, 0.7, -0.4, 0.3)


@pytest.fixture(scope="module")
def arena(network) -> Arena:
    return network.arena()


def change(arena: Arena, recipe: MergeRecipe) -> Tensor:
    """Merged minus base, flat."""
    return arena.merge(recipe).flat - arena.base


def test_consensus_of_none_needed_over_the_ties_vector_is_ties_to_the_bit(arena):
    faders = tuple(zip(arena.tasks, HEIGHTS, strict=True))
    none_needed = MaskChoice("consensus", votes=0)
    consensus = MergeRecipe("consensus", faders, 0.6, (("vector", "ties"),), none_needed)
    ties = MergeRecipe("ties", faders, 0.6, (("density", 0.2), ("aggregate", "sum")))
    assert same_bits(arena.merge(consensus).flat, arena.merge(ties).flat)


def test_support_of_ties_lies_within_that_of_its_trimmed_vectors(arena):
    union = torch.zeros(arena.layout.length, dtype=torch.bool)
    for expert in arena.experts.values():
        limit = magnitude_threshold(expert.vector, kept_count(0.2, arena.layout.count))
        union |= (expert.vector.abs() >= limit) & (expert.vector != 0)
    for aggregate in ("mean", "sum", "max"):
        settings = (("density", 0.2), ("aggregate", aggregate))
        moved = change(arena, MergeRecipe("ties", tuple(zip(arena.tasks, HEIGHTS, strict=True)), 1.0, settings)) != 0
        assert bool(moved.any()) and not bool((moved & ~union).any())


def test_emr_of_identical_experts_is_that_expert(network):
    expert = network.experts["task0"]
    recipe = MergeRecipe("emr", (("a", 1.0), ("b", 1.0)), masks=MaskChoice("task", ("b",)))
    for key, tensor in merge(network.base, {"a": expert, "b": expert}, recipe).items():
        torch.testing.assert_close(tensor, expert[key], rtol=0, atol=1e-7)


def test_what_emr_keeps_of_a_task_is_no_smaller_than_the_tasks_own(arena):
    faders = tuple((task, 1.0) for task in arena.tasks)
    unified = change(arena, MergeRecipe("emr", faders))
    for task in arena.tasks:
        kept = change(arena, MergeRecipe("emr", faders, masks=MaskChoice("task", (task,)))) != 0
        own = arena.experts[task].vector
        assert bool(((unified.abs() - own.abs())[kept] >= -1e-6).all())
        assert bool((own.sign() == unified.sign())[kept].all())


@pytest.mark.parametrize("value", [0.05, 0.4, 100.0])
def test_tall_mask_of_the_only_task_gives_its_expert_at_any_lambda(network, value):
    recipe = MergeRecipe("tall_masks", (("task1", 1.0),), masks=MaskChoice("task", ("task1",), (("task1", value),)))
    merged = merge(network.base, {"task1": network.experts["task1"]}, recipe)
    for key, tensor in merged.items():
        torch.testing.assert_close(tensor, network.experts["task1"][key], rtol=2**-23, atol=2**-24)
