"""The draw of DARE: fair, nested, repeatable and independent of how the vector is cut."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from pipelines.merging.arena import Arena
from pipelines.merging.dare import WORD, draws
from pipelines.merging.recipe import MergeRecipe

COUNT = 20_000


@pytest.fixture(scope="module")
def arena() -> Arena:
    vector = torch.randn(COUNT, generator=torch.Generator().manual_seed(0))
    return Arena.from_checkpoints({"w": torch.zeros(COUNT)}, {"one": {"w": vector}, "two": {"w": vector}})


def thinned(arena: Arena, density: float, seed: int = 0, task: str = "one", **settings) -> torch.Tensor:
    named = {"density": density, "seed": float(seed), **settings}
    recipe = MergeRecipe("dare", ((task, 1.0),), settings=tuple(named.items()))
    return arena.merge(recipe).flat[:COUNT].clone()


def test_any_stretch_can_be_drawn_by_itself():
    whole = draws(3, "task", "key", 0, 1000)
    assert torch.equal(draws(3, "task", "key", 137, 200), whole[137:337])


def test_draws_are_uniform_and_follow_no_neighbour():
    values = draws(0, "task", "key", 0, 100_000).double() / (WORD + 1)
    counts = torch.histc(values, 20, 0.0, 1.0)
    assert float(((counts - 5000) ** 2 / 5000).sum()) < 43.8  # chi-square with 19 degrees, 1 in 1000
    lag = float(((values[1:] - 0.5) * (values[:-1] - 0.5)).mean() * 12)
    assert abs(lag) < 4 / math.sqrt(100_000)


@pytest.mark.parametrize("other", [(1, "task", "key"), (0, "other", "key"), (0, "task", "lock")])
def test_seed_expert_and_key_draw_apart(other):
    first, second = (draws(*name, 0, 50_000).double() / WORD - 0.5 for name in ((0, "task", "key"), other))
    assert abs(float((first * second).mean() * 12)) < 4 / math.sqrt(50_000)


@pytest.mark.parametrize("density", [0.1, 0.5, 0.9])
def test_kept_share_is_the_density(arena, density):
    kept = int(torch.count_nonzero(thinned(arena, density)))
    assert abs(kept - COUNT * density) < 4 * math.sqrt(COUNT * density * (1 - density))


def test_larger_density_only_adds_entries(arena):
    supports = [thinned(arena, density) != 0 for density in (0.1, 0.3, 0.6, 1.0)]
    assert all(bool((large | ~small).all()) for small, large in pairwise(supports))


def test_a_seed_repeats_and_another_differs(arena):
    assert torch.equal(thinned(arena, 0.5, seed=7), thinned(arena, 0.5, seed=7))
    assert not torch.equal(thinned(arena, 0.5, seed=7), thinned(arena, 0.5, seed=8))


def test_mean_over_seeds_is_the_vector(arena):
    vector = arena.experts["one"].vector[:COUNT]
    mean = sum(thinned(arena, 0.5, seed) for seed in range(200)) / 200
    spread = vector.abs() * math.sqrt((1 - 0.5) / 0.5 / 200)  # of the mean of 200 draws of b / p
    share = float(((mean - vector).abs() < 3 * spread).double().mean())
    assert share > 0.995  # three sigma of a near-normal: 99.7 %


def test_rescale_none_and_l1(arena):
    vector = arena.experts["one"].vector[:COUNT]
    plain, l1 = thinned(arena, 0.3, rescale="none"), thinned(arena, 0.3, rescale="l1")
    assert torch.equal(plain[plain != 0], vector[plain != 0])
    torch.testing.assert_close(l1.abs().sum(), vector.abs().sum(), rtol=1e-4, atol=0)


def test_linear_is_the_sum_of_thinned_vectors_and_ties_elects(arena):
    one, two = thinned(arena, 0.5, task="one"), thinned(arena, 0.5, task="two")
    for combine, expected in (("linear", one + two), ("ties", torch.where(one != 0, one, two))):
        recipe = MergeRecipe("dare", (("one", 1.0), ("two", 1.0)), settings=(("density", 0.5), ("combine", combine)))
        torch.testing.assert_close(arena.merge(recipe).flat[:COUNT], expected)
