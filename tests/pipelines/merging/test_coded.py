"""BitDelta and quantised vectors against float64, by hand, and what they say they lose."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pipelines.merging.arena import Arena
from pipelines.merging.bitdelta import bit_code
from pipelines.merging.coded import coding_errors
from pipelines.merging.kinds import is_matrix
from pipelines.merging.merge import merge
from pipelines.merging.quantised import GROUP, integer_code
from pipelines.merging.recipe import MergeRecipe
from tests.pipelines.merging import reference_coded
from tests.pipelines.merging.test_against_reference import SCALE, WEIGHTS, U, lengths, real, recipe

BITS = [(4, "tensor", 0), (2, "group", 0), (3, "tensor", 4)]
MATRIX = {"fc.weight": torch.zeros(2, 2)}


def subnormal_arena() -> Arena:
    """Two experts that moved a matrix by a few of the least steps there are, or by nothing."""
    steps = torch.randint(-3, 4, (2, 5, 60), generator=torch.Generator().manual_seed(0))
    base = {"fc.weight": torch.zeros(5, 60), "still.weight": torch.ones(3, 3)}
    experts = {f"t{i}": {"fc.weight": one * 2.0**-149, "still.weight": torch.ones(3, 3)} for i, one in enumerate(steps)}
    experts["t0"]["still.weight"] = torch.full((3, 3), 1.5)  # t1 has a vector of zeros there
    return Arena.from_checkpoints(base, experts)


@pytest.fixture(scope="module", params=["network", "subnormal"])
def arena(request, network) -> Arena:
    return network.arena() if request.param == "network" else subnormal_arena()


def pieces(arena: Arena) -> list[tuple[Tensor, ...]]:
    """The tensors of each expert, flat float64, in order of the layout."""
    return [real(arena, expert.vector).split(lengths(arena)) for expert in arena.experts.values()]


def assert_sums(arena: Arena, asked: MergeRecipe, decoded: list[Tensor], is_open: Tensor | None = None) -> None:
    """Every lane within 12 u of its terms, but for those that are open."""
    base, terms = real(arena, arena.base), [w * one for w, one in zip(WEIGHTS, decoded, strict=False)]
    error = (real(arena, arena.merge(asked).flat) - base - SCALE * sum(terms)).abs()
    bound = 12 * U * (base.abs() + sum(term.abs() for term in terms)) + 4e-45
    assert bool((error <= bound)[slice(None) if is_open is None else ~is_open].all())


@pytest.mark.parametrize("along", ["tensor", "row"])
def test_bitdelta_keeps_signs_and_mean_sizes_of_matrices(arena, along):
    decoded = [
        torch.cat([
            reference_coded.signs(piece, slot.shape[0] if along == "row" else 1) if is_matrix(slot) else piece
            for slot, piece in zip(arena.layout.slots, one, strict=True)
        ])
        for one in pieces(arena)
    ]  # fmt: skip
    assert_sums(arena, recipe(arena, "bitdelta", len(arena.tasks), along=along), decoded)


@pytest.mark.parametrize(("bits", "along", "shared"), BITS)
def test_quantised_vectors_are_the_nearest_of_evenly_spaced_values(arena, bits, along, shared):
    widths = [GROUP if along == "group" else length for length in lengths(arena)]
    decoded, is_open = [], []
    means = [(sum(one) / len(one)).float().double() for one in zip(*pieces(arena), strict=True)]
    coded = [reference_coded.integers(m, w, shared) if shared else (0 * m, m > 1e9)
             for m, w in zip(means, widths, strict=True)]  # fmt: skip
    for vectors in pieces(arena):
        found = [reference_coded.integers(v - mean, w, bits)
                 for v, (mean, _), w in zip(vectors, coded, widths, strict=True)]  # fmt: skip
        decoded.append(torch.cat([own + mean for (own, _), (mean, _) in zip(found, coded, strict=True)]))
        is_open.append(torch.cat([one | two for (_, one), (_, two) in zip(found, coded, strict=True)]))
    undecided = torch.stack(is_open).any(0)
    assert float(undecided.double().mean()) < 0.01
    asked = recipe(arena, "quantised", len(arena.tasks), bits=bits, along=along, shared=shared)
    assert_sums(arena, asked, decoded, undecided)


@pytest.mark.parametrize(
    ("method", "settings", "expected"),
    [
        ("bitdelta", {}, [[1.5, -1.5], [-1.5, 1.5]]),  # mean size 6 / 4, and 0 has the bit of minus
        ("bitdelta", {"along": "row"}, [[2.0, -2.0], [-1.0, 1.0]]),
        ("quantised", {"bits": 2.0}, [[5 / 3, -10 / 3], [0.0, 5 / 3]]),  # steps of 5 / 3 from -3 to 2: -2, -1, 0, 1
    ],
)
def test_codes_by_hand(method, settings, expected):
    expert = {"fc.weight": torch.tensor([[1.0, -3.0], [0.0, 2.0]])}
    found = merge(MATRIX, {"a": expert}, MergeRecipe(method, (("a", 1.0),), settings=tuple(settings.items())))
    torch.testing.assert_close(found["fc.weight"], torch.tensor(expected))


@pytest.mark.parametrize(("method", "settings"), [("bitdelta", {}), ("quantised", {"bits": 2.0, "shared": 3.0})])
def test_the_merge_is_linear_in_the_faders(network, method, settings):
    arena = network.arena()

    def change(*heights: float) -> Tensor:
        faders = tuple(zip(arena.tasks, heights, strict=False))
        return arena.merge(MergeRecipe(method, faders, settings=tuple(settings.items()))).flat - arena.base

    torch.testing.assert_close(change(0.7, -0.4), 0.7 * change(1.0) - 0.4 * change(0.0, 1.0), rtol=0, atol=1e-6)


def test_no_entry_is_farther_than_half_a_step(network):
    arena = network.arena()
    for bits in (2, 5):
        mixture = arena.mixture(MergeRecipe("quantised", ((arena.tasks[0], 1.0),)))
        code = integer_code(mixture, bits, "group", 0)
        for slot in arena.layout.slots:
            vector = arena.experts[arena.tasks[0]].vector[slot.start : slot.stop]
            lost = (code(slot, 0, len(vector))(arena.tasks[0], vector) - vector).abs()
            for group, error in zip(vector.split(GROUP), lost.split(GROUP), strict=True):
                step = (group.max().clamp(min=0) - group.min().clamp(max=0)) / (2**bits - 1)
                assert float(error.max()) <= float(step) / 2 * (1 + 1e-5)


def test_errors_are_told_by_task_and_fall_with_bits(network):
    arena = network.arena()
    mixture = arena.mixture(MergeRecipe("quantised", (("task0", 1.0), ("task2", -0.5))))
    told = [coding_errors(mixture, integer_code(mixture, bits, "tensor", 0)) for bits in (2, 4, 8)]
    assert all(tuple(one) == ("task0", "task2") for one in told)
    assert told[0]["task2"] > 3 * told[1]["task2"] > 9 * told[2]["task2"] > 0
    vector, code = arena.experts["task0"].vector, bit_code(mixture, "row")
    lost = torch.cat([code(slot, 0, slot.stop - slot.start)("task0", vector[slot.start : slot.stop])
                      - vector[slot.start : slot.stop] for slot in arena.layout.slots])  # fmt: skip
    expected = float(lost.double().norm() / vector.double().norm())
    assert coding_errors(mixture, code)["task0"] == pytest.approx(expected)
    assert expected < coding_errors(mixture, bit_code(mixture, "tensor"))["task0"]


def test_a_shared_mean_helps_experts_that_are_alike():
    common = torch.randn(40, 30, generator=torch.Generator().manual_seed(0))
    experts = {f"t{i}": {"fc.weight": common + 0.05 * common.roll(i + 1)} for i in range(3)}
    arena = Arena.from_checkpoints({"fc.weight": torch.zeros(40, 30)}, experts)
    mixture = arena.mixture(MergeRecipe("quantised", tuple((task, 1.0) for task in experts)))
    alone, beside = (coding_errors(mixture, integer_code(mixture, 2, "tensor", shared))["t1"] for shared in (0, 6))
    assert beside < alone / 4
