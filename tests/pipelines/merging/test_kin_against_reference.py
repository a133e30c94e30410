"""The kin of SLERP, TIES and DARE against float64, tensor by tensor, and what each of them promises."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pipelines.merging.arena import Arena
from pipelines.merging.dare import WORD, draws
from pipelines.merging.della import keep_probabilities, ranks
from pipelines.merging.errors import MergeError
from pipelines.merging.model_stock import stock_ratios
from pipelines.merging.recipe import MergeRecipe
from tests.pipelines.merging import reference, reference_kin
from tests.pipelines.merging.test_against_reference import (
    SCALE,
    WEIGHTS,
    assert_merges_to,
    lengths,
    real,
    recipe,
    weighted,
)

COUNT = 20_000


@pytest.fixture(scope="module")
def arena(network) -> Arena:
    return network.arena()


def signed(arena: Arena, count: int = 4) -> Tensor:
    signs = torch.tensor(WEIGHTS[:count], dtype=torch.float64).sign()
    return torch.stack([real(arena, expert.vector) for expert in arena.experts.values()]) * signs[:, None]


def by_tensor(arena: Arena, vectors: Tensor, merge) -> Tensor:
    return torch.cat([merge(piece) for piece in vectors.split(lengths(arena), dim=1)])


def assert_near(arena: Arena, asked: MergeRecipe, expected: Tensor) -> None:
    error = real(arena, arena.merge(asked).flat) - real(arena, arena.base) - SCALE * expected
    assert float(error.abs().max()) < 3e-7


def alone(arena: Arena, name: str, *tasks: str, **settings) -> Tensor:
    asked = MergeRecipe(name, tuple((task, 1.0) for task in tasks), settings=tuple(settings.items()))
    return real(arena, arena.merge(asked).flat)


# --- on the sphere


@pytest.mark.parametrize("along", ["tensor", "row", "column"])
def test_nuslerp_takes_an_arc_for_each_group(pair, along):
    arena = pair.arena()
    t = WEIGHTS[1] / sum(WEIGHTS[:2])
    expected = []
    for slot, piece in zip(arena.layout.slots, signed(arena, 2).split(lengths(arena), dim=1), strict=True):
        rows = slot.shape[0] if along != "tensor" and len(slot.shape) > 1 else 1
        a, b = piece[0].view(rows, -1), piece[1].view(rows, -1)
        turned = along == "column" and len(slot.shape) > 1
        arc = reference_kin.arcs(a.T, b.T, t).T if turned else reference_kin.arcs(a, b, t)
        expected.append(arc.reshape(-1))
    assert_near(arena, recipe(arena, "nuslerp", 2, along=along), torch.cat(expected))


@pytest.mark.parametrize(("name", "steps"), [("multislerp", 1), ("karcher", 10)])
def test_spherical_means_of_vectors(arena, name, steps):
    expected = by_tensor(arena, signed(arena), lambda piece: reference_kin.sphere_mean(piece, WEIGHTS, steps))
    assert_near(arena, recipe(arena, name), expected)


@pytest.mark.parametrize(("name", "steps"), [("multislerp", 1), ("karcher", 10)])
def test_spherical_means_of_whole_networks(arena, name, steps):
    base = real(arena, arena.base)
    members = base + signed(arena)
    expected = by_tensor(arena, members, lambda piece: reference_kin.sphere_mean(piece, WEIGHTS, steps)) - base
    assert_near(arena, recipe(arena, name, space="weights"), expected)


@pytest.mark.parametrize("name", ["nuslerp", "multislerp", "karcher"])
def test_equal_experts_give_that_expert(flat_arena, name):
    arena = flat_arena([0.0] * 4, [0.5, -0.25, 0.125, 1.0], [0.5, -0.25, 0.125, 1.0])
    torch.testing.assert_close(alone(arena, name, "task0", "task1"), real(arena, arena.experts["task0"].vector))


@pytest.mark.parametrize("name", ["slerp", "nuslerp", "multislerp", "karcher"])
def test_orthogonal_unit_vectors_meet_half_way_on_the_sphere(flat_arena, name):
    arena = flat_arena([0.0, 0.0], [1.0, 0.0], [0.0, 1.0])
    half = torch.full((2,), math.sqrt(0.5), dtype=torch.float64)
    torch.testing.assert_close(alone(arena, name, "task0", "task1"), half, rtol=1e-6, atol=0)


@pytest.mark.parametrize("name", ["multislerp", "karcher"])
def test_opposite_directions_have_no_mean(flat_arena, name):
    arena = flat_arena([0.0, 0.0], [1.0, 0.5], [-2.0, -1.0])
    with pytest.raises(MergeError, match="w: directions of the experts cancel"):
        alone(arena, name, "task0", "task1")


def test_karcher_of_three_corners_is_the_diagonal_and_keeps_the_angles_equal(flat_arena):
    corners = torch.eye(3).tolist()
    merged = alone(flat_arena([0.0] * 3, *corners), "karcher", "task0", "task1", "task2")
    torch.testing.assert_close(merged, torch.full((3,), 1 / math.sqrt(3), dtype=torch.float64), rtol=1e-6, atol=0)


# --- Model Stock and near-swap


def test_model_stock_goes_by_the_mean_cosine(arena):
    assert_near(arena, recipe(arena, "model_stock"), by_tensor(arena, signed(arena), reference_kin.stock))


def test_model_stock_row_by_row(arena):
    def merge(slot, piece: Tensor) -> Tensor:
        rows = slot.shape[0] if len(slot.shape) > 1 else 1
        split = piece.view(len(piece), rows, -1)
        return torch.cat([reference_kin.stock(split[:, row]) for row in range(rows)])

    pieces = zip(arena.layout.slots, signed(arena).split(lengths(arena), dim=1), strict=True)
    assert_near(arena, recipe(arena, "model_stock", along="row"), torch.cat([merge(*piece) for piece in pieces]))


@pytest.mark.parametrize(
    ("second", "ratio"), [([0.0, 1.0], 0.0), ([1.0, 0.0], 1.0), ([1.0, 3**0.5], 2 / 3), ([-1.0, 0.0], 0.0)]
)
def test_model_stock_right_angles_give_the_base_and_equal_directions_the_mean(flat_arena, second, ratio):
    arena = flat_arena([0.0, 0.0], [2.0, 0.0], second)
    mean = torch.tensor([[2.0, 0.0], second], dtype=torch.float64).mean(0)
    torch.testing.assert_close(alone(arena, "model_stock", "task0", "task1"), ratio * mean, rtol=1e-6, atol=1e-7)
    asked = MergeRecipe("model_stock", (("task0", 1.0), ("task1", 1.0)))
    assert stock_ratios(arena.mixture(asked))["w"] == pytest.approx(ratio, abs=1e-7)


def test_model_stock_wants_two_experts(flat_arena):
    arena = flat_arena([0.0], [1.0], [2.0])
    with pytest.raises(MergeError, match="Model Stock takes at least 2 experts, 1 is raised: raise another one beside"):
        alone(arena, "model_stock", "task0")
    assert alone(arena, "model_stock").tolist() == [0.0]  # none is the base


@pytest.mark.parametrize("limit", [0.0, 0.001, 0.02, 0.1])
def test_near_swap_goes_no_farther_than_its_limit(pair, limit):
    arena = pair.arena()
    asked = recipe(arena, "near_swap", 2, limit=limit)
    assert_near(arena, asked, reference_kin.near_swap(weighted(arena, 2), limit))


# --- sparsify and elect


@pytest.mark.parametrize("combine", ["linear", "ties", "ties_sum"])
@pytest.mark.parametrize(("density", "gamma"), [(0.5, 0.01), (0.3, 0.2), (0.95, 0.2)])
def test_breadcrumbs_keeps_the_band(arena, density, gamma, combine):
    pieces = weighted(arena).split(lengths(arena), dim=1)
    thinned = torch.cat([reference_kin.breadcrumbs(piece, density, gamma) for piece in pieces], dim=1)
    asked = recipe(arena, "breadcrumbs", density=density, gamma=gamma, combine=combine)
    assert_merges_to(arena, asked, combined(thinned, combine))


def combined(thinned: Tensor, combine: str) -> Tensor:
    aggregate = {"ties": "mean", "ties_sum": "sum"}.get(combine)
    return reference.merge_agreeing(thinned, aggregate) if aggregate else thinned.sum(0)


@pytest.mark.parametrize("density", [0.1, 0.5, 1.0])
def test_sce_selects_calculates_erases(arena, density):
    expected = by_tensor(arena, weighted(arena), lambda piece: reference_kin.sce(piece, density))
    assert_near(arena, recipe(arena, "sce", density=density), expected)


@pytest.mark.parametrize(("limit", "gain"), [(0.0, 0.0), (1e-5, 0.1), (0.001, 1.0)])
def test_ram_averages_what_several_changed(arena, limit, gain):
    taus = torch.stack([real(arena, expert.vector) for expert in arena.experts.values()])
    pieces = zip(weighted(arena).split(lengths(arena), dim=1), taus.split(lengths(arena), dim=1), strict=True)
    expected = torch.cat([reference_kin.ram(*piece, limit, gain, 0.2) for piece in pieces])
    assert_merges_to(arena, recipe(arena, "ram", limit=limit, gain=gain, cap=0.2), expected)


def test_ram_keeps_disjoint_changes_whole(flat_arena):
    arena = flat_arena([0.0] * 4, [0.5, 0.0, 0.0, 1.0], [0.0, -0.25, 0.0, 3.0])
    expected = torch.tensor([0.5, -0.25, 0.0, 2.0], dtype=torch.float64)
    torch.testing.assert_close(alone(arena, "ram", "task0", "task1"), expected, rtol=0, atol=0)


def test_ram_drops_the_small_changes_of_one_expert_too(flat_arena):
    arena = flat_arena([0.0] * 3, [0.5, 0.005, -0.005])
    assert alone(arena, "ram", "task0", limit=0.01).tolist() == [0.5, 0.0, 0.0]


@pytest.mark.parametrize("combine", ["linear", "ties", "ties_sum"])
def test_della_drops_by_the_rank_in_the_row(arena, combine):
    density, epsilon, seed = 0.4, 0.3, 5
    thinned = []
    for task, weight in zip(arena.tasks, WEIGHTS, strict=True):
        pieces = []
        for slot in arena.layout.slots:
            vector = arena.experts[task].vector[slot.start : slot.stop].double()
            rows = vector.view(slot.shape[0], -1) if len(slot.shape) > 1 else vector.view(1, -1)
            p = density - epsilon + 2 * epsilon * reference_kin.row_ranks(rows).view(-1) / 255
            keep = draws(seed, task, slot.key, 0, vector.numel()) < (p * (WORD + 1)).round()
            pieces.append(torch.where(keep, weight * vector / p, 0.0))
        thinned.append(torch.cat(pieces))
    asked = recipe(arena, "della", density=density, epsilon=epsilon, combine=combine, seed=float(seed))
    expected = combined(torch.stack(thinned), combine)
    error = real(arena, arena.merge(asked).flat) - real(arena, arena.base) - SCALE * expected
    assert float((error.abs() / (1 + expected.abs())).max()) < 1e-6


@pytest.fixture(scope="module")
def long_vector() -> Arena:
    vector = torch.randn(100, COUNT // 100, generator=torch.Generator().manual_seed(0))
    return Arena.from_checkpoints({"w": torch.zeros_like(vector)}, {"one": {"w": vector}})


def thinned_by_della(arena: Arena, density: float, seed: float = 0.0, **settings) -> Tensor:
    named = {"density": density, "seed": seed, **settings}
    return arena.merge(MergeRecipe("della", (("one", 1.0),), settings=tuple(named.items()))).flat[:COUNT].clone()


def test_della_keeps_the_density_and_rather_the_large_entries(long_vector):
    kept = thinned_by_della(long_vector, 0.5, epsilon=0.3) != 0
    assert abs(int(kept.sum()) - COUNT / 2) < 4 * math.sqrt(COUNT / 4)
    large = ranks(long_vector.mixture(MergeRecipe("della", (("one", 1.0),))), "one")[:COUNT] > 127
    shares = float(kept[large].double().mean()), float(kept[~large].double().mean())
    assert shares == pytest.approx((0.65, 0.35), abs=4 * math.sqrt(0.25 / (COUNT / 2)))


def test_della_is_unbiased_over_seeds(long_vector):
    vector = long_vector.experts["one"].vector[:COUNT]
    mean = sum(thinned_by_della(long_vector, 0.5, float(seed), epsilon=0.2) for seed in range(200)) / 200
    spread = vector.abs() * math.sqrt((1 - 0.3) / 0.3 / 200)  # of the least probable entries
    assert float(((mean - vector).abs() < 3 * spread).double().mean()) > 0.997


def test_larger_density_of_della_only_adds_entries(long_vector):
    small, large = (thinned_by_della(long_vector, density, epsilon=0.1) != 0 for density in (0.3, 0.6))
    assert bool((large | ~small).all()) and int(large.sum()) > int(small.sum())


def test_spread_of_della_shrinks_near_both_ends():
    assert torch.equal(keep_probabilities(1.0, 0.15), torch.ones(256, dtype=torch.float64))
    probabilities = keep_probabilities(0.05, 0.15)
    assert float(probabilities[0]) == 0.0 and float(probabilities[-1]) == pytest.approx(0.1)
