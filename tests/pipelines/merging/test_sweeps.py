"""Paths between experts: ends to the bit, symmetry, and the sums written out."""

from __future__ import annotations

import pytest
import torch

from pipelines.merging.layout import same_bits
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.sweeps import (
    POSITIONS,
    add_difference,
    best_of_both,
    interpolation,
    interpolations,
    scales,
    soup,
    sum_twice,
    triple_sum,
)


@pytest.fixture(scope="module")
def arena(network):
    return network.arena()


def merged(arena, recipe: MergeRecipe):
    return arena.merge(recipe).flat.double()


def expert(arena, task: str):
    live = arena.new_buffer()
    arena.experts[task].restore(arena.base, live)
    return live


def test_ends_of_the_path_are_the_experts_to_the_bit(arena):
    path = interpolations("task0", "task1")
    assert len(path) == len(POSITIONS)
    assert same_bits(arena.merge(path[0]).flat, expert(arena, "task0"))
    assert same_bits(arena.merge(path[-1]).flat, expert(arena, "task1"))
    assert same_bits(arena.merge(interpolation(None, "task1", 0.0)).flat, arena.base)


def test_half_way_is_the_same_from_both_sides(arena):
    assert same_bits(
        *(arena.merge(interpolation(*pair, 0.5)).flat for pair in (("task0", "task1"), ("task1", "task0")))
    )


def test_interpolation_lies_on_the_line(arena):
    expected = 0.3 * expert(arena, "task0").double() + 0.7 * expert(arena, "task1").double()
    torch.testing.assert_close(merged(arena, interpolation("task0", "task1", 0.7)), expected, rtol=1e-5, atol=1e-6)


def test_sums_and_differences_of_three(arena):
    a, b, c = (expert(arena, task).double() for task in ("task0", "task1", "task2"))
    names, base = ("task0", "task1", "task2"), arena.base.double()
    expected = {
        add_difference(*names, 0.4): a + 0.4 * (b - c),
        add_difference("task0", "task1", None, 0.4): a + 0.4 * (b - base),
        triple_sum(*names, 0.2, 0.3): 0.5 * a + 0.2 * b + 0.3 * c,
        sum_twice(*names, 0.25, 0.5): 0.5 * (0.75 * a + 0.25 * b) + 0.5 * c,
    }
    for recipe, weights in expected.items():
        torch.testing.assert_close(merged(arena, recipe), weights, rtol=1e-5, atol=1e-6)


def test_soup_is_the_mean_and_equal_members_give_the_member(arena, flat_arena):
    mean = sum(expert(arena, task).double() for task in arena.tasks) / len(arena.tasks)
    torch.testing.assert_close(merged(arena, soup(arena.tasks)), mean, rtol=1e-5, atol=1e-6)
    twins = flat_arena([1.0, 2.0], [0.5, -0.5], [0.5, -0.5])
    assert same_bits(twins.merge(soup(("task0", "task1"))).flat, expert(twins, "task0"))


def test_scales_change_nothing_else():
    recipe = MergeRecipe("ties", (("a", 1.0),), 0.5)
    assert [one.scale for one in scales(recipe, (0.1, 0.9))] == [0.1, 0.9]
    assert {(one.method, one.coefficients) for one in scales(recipe, (0.1, 0.9))} == {("ties", (("a", 1.0),))}


def test_the_best_point_has_the_best_harmonic_mean():
    assert best_of_both([(1.0, 0.0), (0.9, 0.5), (0.6, 0.8), (0.0, 1.0)]) == 2
    assert best_of_both([(0.0, 0.0), (0.0, 1.0)]) == 0
