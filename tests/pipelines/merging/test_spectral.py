"""TSV-M, Iso and WUDI against float64, and cases whose answer is known."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from pipelines.merging.arena import Arena
from pipelines.merging.iso import flatten_spectrum
from pipelines.merging.merge import merge
from pipelines.merging.recipe import BlockRule, MergeRecipe
from pipelines.merging.spectral import orthogonalised, svd, take_one_core
from pipelines.merging.tsv import merge_singular_vectors
from pipelines.merging.wudi import least_disturbing
from tests.pipelines.merging import reference_spectral
from tests.pipelines.merging.test_against_reference import SCALE, lengths, real, recipe, weighted

COUNT = 3


@pytest.fixture(scope="module")
def arena(network_of) -> Arena:
    return network_of(COUNT, 1).arena()


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "settings", "merge"),
    [
        ("tsv", {"density": 0.9}, lambda stack: reference_spectral.tsv(stack, 0.9)),
        ("iso", {}, lambda stack: reference_spectral.iso(stack, 1.0)),
        ("iso", {"common": 0.6}, lambda stack: reference_spectral.iso(stack, 0.6)),
        ("wudi", {"steps": 20.0}, lambda stack: reference_spectral.wudi(stack, 20)),
    ],
)
def test_matrices_follow_the_reference_and_vectors_take_the_mean(arena, name, settings, merge):
    expected = []
    for slot, piece in zip(arena.layout.slots, weighted(arena, COUNT).split(lengths(arena), dim=1), strict=True):
        is_matrix = len(slot.shape) > 1
        found = merge(piece.view(COUNT, slot.shape[0], -1)) if is_matrix else piece.mean(0)
        expected.append(found.reshape(-1))
    asked = recipe(arena, name, COUNT, **settings)
    error = real(arena, arena.merge(asked).flat) - real(arena, arena.base) - SCALE * torch.cat(expected)
    assert float(error.abs().max()) < 5e-7


def test_scale_and_equaliser_use_the_vector_that_is_kept_and_faders_do_not(arena, monkeypatch):
    calls = []
    monkeypatch.setattr("pipelines.merging.iso.flatten_spectrum", lambda stack, common: calls.append(1) or stack[0])
    arena.merge(recipe(arena, "iso", COUNT, common=0.9))
    first = len(calls)
    asked = recipe(arena, "iso", COUNT, common=0.9)
    rules = (BlockRule("head.*", 0.5),)
    arena.merge(MergeRecipe("iso", asked.coefficients, 0.1, asked.settings, blocks=rules))
    assert len(calls) == first > 0
    arena.merge(asked.with_coefficient(arena.tasks[0], 0.5))
    assert len(calls) == 2 * first


@pytest.mark.parametrize("method", ["tsv", "iso", "wudi"])
def test_positions_and_tables_take_the_mean(method):
    base = {"position": torch.zeros(1, 6, 4), "token.weight": torch.zeros(5, 4), "fc.weight": torch.zeros(3, 4)}
    experts = {f"t{i}": {key: random(*v.shape, seed=i).float() for key, v in base.items()} for i in range(2)}
    faders = tuple(zip(experts, (1.0, 0.5), strict=True))
    merged = merge(base, experts, MergeRecipe(method, faders))
    mean = {key: (experts["t0"][key] + 0.5 * experts["t1"][key]) / 2 for key in base}
    torch.testing.assert_close(merged["position"], mean["position"])
    torch.testing.assert_close(merged["token.weight"], mean["token.weight"])
    assert float((merged["fc.weight"] - mean["fc.weight"]).abs().max()) > 0.01


def test_tsv_of_one_expert_at_full_rank_is_that_expert():
    stack = random(1, 7, 11)
    torch.testing.assert_close(merge_singular_vectors(stack, 1.0), stack[0])


def test_tsv_of_orthogonal_subspaces_is_the_sum():
    left, right = svd(random(8, 8))[0], svd(random(8, 8, seed=1))[0]
    parts = [left[:, cut] @ random(4, 4, seed=2 + i) @ right[:, cut].T for i, cut in enumerate((slice(4), slice(4, 8)))]
    torch.testing.assert_close(merge_singular_vectors(torch.stack(parts), 1.0), sum(parts))


def test_iso_leaves_equal_singular_values_and_flattens_others():
    turned = orthogonalised(random(6, 6))
    torch.testing.assert_close(flatten_spectrum(3.0 * turned[None], 1.0), 3.0 * turned)
    values = torch.linalg.svdvals(flatten_spectrum(random(2, 6, 9), 1.0))
    torch.testing.assert_close(values, torch.linalg.svdvals(random(2, 6, 9).sum(0)).mean().expand(6))


def test_iso_keeps_out_of_directions_the_sum_does_not_have():
    thin = random(5, 1) @ random(1, 4, seed=1)
    torch.testing.assert_close(flatten_spectrum(thin[None], 1.0), thin)
    assert float(flatten_spectrum(torch.zeros(2, 4, 4, dtype=torch.float64), 1.0).abs().max()) == 0.0


def test_wudi_of_one_expert_is_that_expert_and_steps_lower_the_loss():
    stack = 0.01 * random(2, 5, 6)

    def loss(merged: Tensor) -> float:
        return float(sum((((merged - one) @ one.T) ** 2).sum() / (one**2).sum() for one in stack))

    assert torch.equal(least_disturbing(stack[:1], 300), stack[0])
    losses = [loss(least_disturbing(stack, steps)) for steps in (0, 100, 300)]
    assert losses[0] > losses[1] > losses[2]


@pytest.fixture
def two_cores():
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def count_of_new_thread() -> int:
    with ThreadPoolExecutor(1) as fresh:
        return fresh.submit(torch.get_num_threads).result()


@pytest.mark.usefixtures("two_cores")
def test_linear_algebra_is_on_one_core_and_a_thread_that_starts_meanwhile_is_not(arena, monkeypatch):
    seen = []

    def watched(stack: Tensor, common: float) -> Tensor:
        seen.append((torch.get_num_threads(), count_of_new_thread()))
        return stack[0]

    monkeypatch.setattr("pipelines.merging.iso.flatten_spectrum", watched)
    arena.merge(recipe(arena, "iso", COUNT, common=0.7))
    assert set(seen) == {(1, 2)}
    assert (torch.get_num_threads(), count_of_new_thread()) == (2, 2)


@pytest.mark.usefixtures("two_cores")
def test_a_worker_takes_one_core_and_leaves_the_count_of_others():
    with ThreadPoolExecutor(1, initializer=take_one_core) as worker:
        assert worker.submit(torch.get_num_threads).result() == 1
        assert (torch.get_num_threads(), count_of_new_thread()) == (2, 2)
        assert worker.submit(torch.get_num_threads).result() == 1
