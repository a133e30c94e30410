"""Task vectors in 16 bits: what they lose, and what they do not."""

from __future__ import annotations

import pytest
import torch

from pipelines.merging.halves import Decoded, Halves, decoded, fits
from pipelines.merging.layout import same_bits
from pipelines.merging.recipe import MaskChoice, MergeRecipe


def halves(vector: torch.Tensor) -> Halves:
    return Halves.of(vector.clone(), torch.empty(len(vector), dtype=torch.float16))


@pytest.mark.parametrize("size", [1e-20, 3e-4, 1.0, 3e4])
def test_entries_are_rounded_to_eleven_bits_whatever_their_size(size):
    vector = size * torch.randn(4000, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)
    error = (halves(vector).decoded() - vector).abs()
    large = vector.abs() > vector.abs().max() * 2**-28
    assert (error[large] <= vector.abs()[large] * 2**-11).all()
    assert error.norm() < 3e-4 * vector.norm()


def test_zeros_keep_their_sign_and_powers_of_two_their_value():
    vector = torch.tensor([0.0, -0.0, 2.0**-9, -(2.0**-20), 0.75])
    assert same_bits(halves(vector).decoded(), vector)


def test_nothing_and_only_zeros_can_be_held():
    assert halves(torch.zeros(0)).decoded().shape == (0,)
    assert same_bits(halves(torch.zeros(5)).decoded(), torch.zeros(5))


def test_what_is_too_large_does_not_fit():
    assert fits(torch.tensor([32767.0])) and not fits(torch.tensor([-32768.0]))


def test_a_stretch_is_the_stretch_of_the_whole():
    found = halves(torch.randn(100, generator=torch.Generator().manual_seed(2)))
    assert same_bits(found[20:50].decoded(), found.decoded()[20:50])
    assert same_bits(Decoded({"a": found})["a"], decoded(found))


def recipes(tasks):
    faders = tuple(zip(tasks, (1.0, 0.7, -0.4, 0.25), strict=True))
    masks = MaskChoice("consensus", thresholds=tuple((task, 0.4) for task in tasks))
    return [
        MergeRecipe("task_arithmetic", faders, 0.8),
        MergeRecipe("ties", faders, 0.8, (("density", 0.3),)),
        MergeRecipe("consensus", faders, 0.8, masks=masks),
        MergeRecipe("slerp", faders[:2]),
        MergeRecipe("emr", faders),
    ]


@pytest.mark.parametrize("number", range(5))
def test_a_merge_is_that_of_the_rounded_experts(network, number):
    """Whatever the method: it sees float32, the values that 16 bits could hold."""
    compact = network.arena(engine=lambda: None, is_compact=True)
    exact = network.arena(engine=lambda: None)
    for task, expert in exact.experts.items():
        expert.vector.copy_(compact.experts[task].vector)
        exact.experts[task] = type(expert)(expert.vector, expert.index[:0], expert.values[:0])
    recipe = recipes(network.tasks)[number]
    assert same_bits(compact.merge(recipe).flat, exact.merge(recipe).flat)


def test_one_whole_expert_is_near_itself(network):
    compact, exact = network.arena(is_compact=True), network.arena()
    one = MergeRecipe(coefficients=((network.tasks[0], 1.0),), scale=1.0)
    wanted, found = exact.merge(one).flat, compact.merge(one).flat
    assert (found - wanted).norm() < 3e-4 * (wanted - exact.base).norm()


@pytest.mark.parametrize("tile_size", [64, 131072])
def test_a_moved_fader_is_the_merge(network, tile_size):
    recipe = recipes(network.tasks)[0]
    compact = network.arena(engine=lambda: None, is_compact=True, tile_size=tile_size)
    held = compact.residual(recipe, network.tasks[2])
    moved = held.move(0.6, compact.new_buffer())
    wanted = compact.merge(recipe.with_coefficient(network.tasks[2], 0.6)).flat
    assert torch.allclose(moved, wanted, rtol=0, atol=4e-7)


def test_an_arena_with_halves_takes_little_more_than_half(network):
    exact, compact = network.arena(), network.arena(is_compact=True)
    vectors = exact.size_bytes - exact.base.nbytes
    assert compact.size_bytes == exact.base.nbytes + vectors // 2
