"""Adapters: the exact sum, the best of a rank against numpy, and what the common sums of factors get wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from pipelines.merging.errors import MergeError
from pipelines.merging.lora import (
    Adapter,
    Factors,
    adapter_of,
    concatenated,
    dense,
    extracted,
    folded,
    linear,
    merged_adapter,
    truncated,
)

WEIGHTS = (0.7, -0.4, 1.3)


def random(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def adapter(seed: int, rank: int) -> dict[str, Factors]:
    return {"one.weight": Factors(random(seed, 9, rank), random(seed + 50, rank, 7), 2.0 / rank),
            "two.weight": Factors(random(seed + 1, 5, rank), random(seed + 51, rank, 9), 2.0 / rank)}  # fmt: skip


ADAPTERS = (adapter(1, 2), adapter(2, 4), adapter(3, 3))


def expected(adapters: tuple[Adapter, ...] = ADAPTERS) -> dict[str, np.ndarray]:
    """The sum in float64."""
    return {
        key: sum(w * one[key].scale * one[key].up.double().numpy() @ one[key].down.double().numpy()
                 for w, one in zip(WEIGHTS, adapters, strict=True))
        for key in adapters[0]
    }  # fmt: skip


def assert_is(change: Tensor, wanted: np.ndarray, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(change.double(), torch.from_numpy(wanted), rtol=0, atol=tolerance * np.abs(wanted).max())


def test_side_by_side_and_dense_are_the_exact_sum_of_any_ranks_and_signs():
    beside, summed = concatenated(ADAPTERS, WEIGHTS), dense(ADAPTERS, WEIGHTS)
    for key, wanted in expected().items():
        assert beside[key].rank == 9 and beside[key].scale == 1.0
        assert_is(beside[key].dense(), wanted)
        assert_is(summed[key], wanted)


@pytest.mark.parametrize("rank", [1, 3, 5, 7])
def test_the_best_of_a_rank_leaves_the_tail_of_the_singular_values(rank):
    for key, wanted in expected().items():
        values = np.linalg.svd(wanted, compute_uv=False)
        found, energy = truncated(concatenated(ADAPTERS, WEIGHTS)[key], rank)
        assert found.rank == min(rank, len(values))
        tail = math.sqrt(float((values[rank:] ** 2).sum()))
        assert np.linalg.norm(found.dense().double().numpy() - wanted) == pytest.approx(tail, abs=1e-4 * values[0])
        assert energy == pytest.approx(1 - tail**2 / float((values**2).sum()), abs=1e-6)
        mine = torch.linalg.svdvals(found.dense().double())[:rank].numpy()
        np.testing.assert_allclose(mine[: len(values)], values[:rank][: len(mine)], atol=1e-5 * values[0])


def test_at_full_rank_nothing_is_lost():
    for key, wanted in expected().items():
        assert_is(merged_adapter(ADAPTERS, WEIGHTS, mode="svd", rank=9)[key].dense(), wanted)


def test_one_adapter_is_itself_and_order_does_not_matter():
    alone = concatenated(ADAPTERS[:1], (1.0,))
    for key, factors in ADAPTERS[0].items():
        torch.testing.assert_close(alone[key].dense(), factors.dense())
    turned = dense(ADAPTERS[::-1], WEIGHTS[::-1])
    for key, change in dense(ADAPTERS, WEIGHTS).items():
        torch.testing.assert_close(turned[key], change, rtol=1e-5, atol=1e-5)


def test_sums_of_factors_have_cross_terms_but_keep_a_sign():
    pair = (adapter(1, 8), adapter(2, 8))
    exact, rough = dense(pair, (1.0, 1.0))["one.weight"], linear(pair, (1.0, 1.0))["one.weight"].dense()
    assert 0.3 < float((rough - exact).norm() / exact.norm()) < 3.0
    turned = linear(pair[:1], (-0.5,))["one.weight"].dense()
    torch.testing.assert_close(turned, -0.5 * pair[0]["one.weight"].dense(), rtol=1e-5, atol=1e-5)
    with pytest.raises(MergeError, match=r"one\.weight has ranks 2, 4, 3"):
        linear(ADAPTERS, WEIGHTS)


def test_an_adapter_comes_out_of_a_change_and_out_of_a_convolution():
    change = random(9, 6, 2) @ random(10, 2, 12)
    found, energy = extracted(change.view(6, 3, 2, 2), 2)
    torch.testing.assert_close(found.dense(), change, rtol=1e-5, atol=1e-5)
    assert energy == pytest.approx(1.0)
    assert extracted(change, 6, cutoff=1e-4)[0].rank == 2
    assert extracted(random(11, 6, 12), 3)[1] < 1.0


def test_folding_adds_to_the_base_and_weight_zero_changes_no_bit():
    base = {"one.weight": random(20, 9, 7), "two.weight": random(21, 5, 9).half(), "other": random(22, 3)}
    before = {key: value.clone() for key, value in base.items()}
    merged = folded(base, ADAPTERS, WEIGHTS)
    assert_is(merged["one.weight"] - base["one.weight"], expected()["one.weight"])
    assert merged["two.weight"].dtype == torch.float16 and torch.equal(merged["other"], base["other"])
    still = folded(base, ADAPTERS, (0.0, 0.0, 0.0))
    assert all(torch.equal(still[key], base[key]) and torch.equal(base[key], before[key]) for key in base)


def test_matrices_that_one_adapter_leaves_alone_get_nothing_from_it():
    partial = ({"one.weight": ADAPTERS[0]["one.weight"]}, ADAPTERS[1])
    assert concatenated(partial, (1.0, 1.0))["two.weight"].rank == 4


STATE = {"base_model.model.one.lora_A.weight": random(30, 4, 7), "base_model.model.one.lora_B.weight": random(31, 9, 4)}


def test_scale_is_alpha_over_rank_or_over_its_root():
    plain, stable = adapter_of(STATE, 8.0), adapter_of(STATE, 8.0, is_rank_stabilised=True)
    assert (plain["one.weight"].scale, stable["one.weight"].scale) == (2.0, 4.0)
    torch.testing.assert_close(plain["one.weight"].dense(), 2.0 * STATE["base_model.model.one.lora_B.weight"]
                               @ STATE["base_model.model.one.lora_A.weight"])  # fmt: skip


@pytest.mark.parametrize("width", [1, 3])
def test_a_convolution_changes_as_the_two_convolutions_one_after_the_other(width):
    down, up = random(40, 2, 5, width, width), random(41, 6, 2, 1, 1)
    state = {"base_model.model.conv.lora_A.weight": down, "base_model.model.conv.lora_B.weight": up}
    base = {"conv.weight": random(42, 6, 5, width, width)}
    found = folded(base, [adapter_of(state, 4.0)], [0.5])["conv.weight"]
    image = random(43, 1, 5, 7, 7)
    wanted = conv2d(image, base["conv.weight"]) + 0.5 * (4.0 / 2) * conv2d(conv2d(image, down), up)
    torch.testing.assert_close(conv2d(image, found), wanted, rtol=1e-5, atol=1e-5)


def test_a_convolution_whose_up_is_wider_than_1_x_1_is_refused():
    state = {"conv.lora_A.weight": random(40, 2, 5, 1, 1), "conv.lora_B.weight": random(41, 6, 2, 3, 3)}
    with pytest.raises(MergeError, match=r"conv\.weight has .* convolution adapters are read where B is 1 x 1"):
        adapter_of(state, 4.0)


@pytest.mark.parametrize(
    ("extra", "match"),
    [
        ("base_model.model.one.lora_magnitude_vector", "DoRA"),
        ("base_model.model.embed.lora_embedding_A", "an embedding"),
        ("base_model.model.one.bias", "a bias"),
        ("base_model.model.two.lora_A.weight", r"two\.weight has"),
        ("base_model.model.classifier", "something else"),
    ],
)
def test_what_is_not_two_factors_is_refused(extra, match):
    with pytest.raises(MergeError, match=match):
        adapter_of({**STATE, extra: random(32, 4, 7)}, 8.0)


def test_other_networks_and_modes_are_refused():
    other = {"one.weight": Factors(random(1, 8, 2), random(2, 2, 7))}
    with pytest.raises(MergeError, match="different networks"):
        dense((ADAPTERS[0], other), (1.0, 1.0))
    with pytest.raises(MergeError, match="the base has nothing"):
        folded({"two.weight": random(1, 5, 9)}, ADAPTERS, WEIGHTS)
    with pytest.raises(MergeError, match="unknown mode"):
        merged_adapter(ADAPTERS, WEIGHTS, mode="average")
