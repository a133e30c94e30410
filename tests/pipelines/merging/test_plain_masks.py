"""Magnitude and random masks, and magnitude pruning: what masks of equal density can do without looking at the sum."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pipelines.merging.arena import Arena
from pipelines.merging.recipe import MaskChoice, MergeRecipe
from tests.pipelines.merging import reference
from tests.pipelines.merging.test_against_reference import assert_merges_to, real, recipe, weighted


@pytest.fixture(scope="module")
def arena(network) -> Arena:
    return network.arena()


def largest(arena: Arena, density: float) -> Tensor:
    """Masks of all tasks, (experts, P)."""
    taus = torch.stack([real(arena, expert.vector) for expert in arena.experts.values()])
    return torch.stack([reference.trim(tau, density) == tau for tau in taus]) & (taus != 0)


@pytest.mark.parametrize("density", [0.05, 0.3])
@pytest.mark.parametrize("votes", [0, 1, 2, 4, 5])
def test_magnitude_masks_count_votes_over_the_sum(arena, density, votes):
    vectors = weighted(arena)
    asked = recipe(arena, "plain_masks", masks=MaskChoice("consensus", votes=votes), density=density)
    assert_merges_to(arena, asked, vectors.sum(0) * (largest(arena, density).sum(0) >= votes))


def test_magnitude_mask_of_one_task_and_union_of_two(arena):
    vectors, keeps = weighted(arena).sum(0), largest(arena, 0.2)
    for mode, places in (("task", [2]), ("union", [0, 3])):
        masks = MaskChoice(mode, tuple(arena.tasks[place] for place in places))
        asked = recipe(arena, "plain_masks", masks=masks, density=0.2)
        assert_merges_to(arena, asked, vectors * keeps[places].any(0))


@pytest.mark.parametrize("density", [0.1, 0.5])
def test_random_masks_keep_their_density_and_are_nested(density):
    count = 20_000
    ones = torch.ones(count)
    arena = Arena.from_checkpoints({"w": torch.zeros(count)}, {"one": {"w": ones}, "two": {"w": 2 * ones}})
    kept = []
    for share in (density, density + 0.2):
        settings = (("pick", "random"), ("density", share))
        asked = MergeRecipe("plain_masks", (("one", 1.0), ("two", 1.0)), 1.0, settings, MaskChoice("task", ("one",)))
        kept.append(arena.merge(asked).flat[:count] != 0)
    assert abs(int(kept[0].sum()) - density * count) < 4 * math.sqrt(count * density * (1 - density))
    assert bool((kept[1] | ~kept[0]).all())


def test_the_report_counts_plain_masks(arena):
    asked = recipe(arena, "plain_masks", masks=MaskChoice("union"), density=0.2)
    report = arena.mask_report(asked)
    keeps = largest(arena, 0.2) & (weighted(arena).sum(0) != 0)
    for place, task in enumerate(arena.tasks):
        assert report.density[task] == pytest.approx(float(keeps[place].double().mean()))
    assert report.union == pytest.approx(float(keeps.any(0).double().mean()))


@pytest.mark.parametrize("density", [0.05, 0.5])
def test_pruning_sums_what_is_largest_in_each(arena, density):
    assert_merges_to(
        arena, recipe(arena, "pruned", density=density), (weighted(arena) * largest(arena, density)).sum(0)
    )
