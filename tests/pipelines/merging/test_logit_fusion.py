"""Output-space fusion against float64, and cases whose coefficient is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pipelines.merging.errors import MergeError
from pipelines.merging.logit_fusion import divergence, dynamic_fusion, ensemble, fixed_fusion, searched

SHAPE = (3, 4, 11)  # pictures, tokens, vocabulary


def logits(seed: int) -> Tensor:
    return 2 * torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


LARGE, SMALL, ONE, TWO = (logits(seed) for seed in range(4))


def reference_alpha(large: Tensor, small: Tensor, expert: Tensor) -> float:
    """One token, float64, plain loops; the running minimum starts anew here."""
    soft = lambda values: [math.exp(v) / sum(math.exp(w) for w in values) for v in values]  # noqa: E731
    kl = lambda p, q: sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))  # noqa: E731
    p, q, qt = (soft(one.double().tolist()) for one in (large, small, expert))
    best = (math.inf, 0.0)
    for step in range(21):
        moved = soft((large.double() + 0.1 * step * (expert.double() - small.double())).tolist())
        loss = (kl(moved, p) - kl(qt, q)) ** 2 + (kl(p, moved) - kl(q, qt)) ** 2
        best = min(best, (loss, 0.1 * step))
    return best[1]


def test_every_token_has_its_own_coefficient():
    found = dynamic_fusion(LARGE, SMALL, [ONE, TWO])
    assert found.coefficients.shape == (2, 3, 4)
    for place, expert in enumerate((ONE, TWO)):
        for at in torch.cartesian_prod(torch.arange(3), torch.arange(4)).tolist():
            row = tuple(at)
            wanted = reference_alpha(LARGE[row], SMALL[row], expert[row])
            assert float(found.coefficients[place][row]) == pytest.approx(wanted, abs=1e-6)
    assert len(found.coefficients.unique()) > 3
    alphas = found.coefficients.double()[..., None]
    moved = LARGE.double() + alphas[0] * (ONE - SMALL).double() + alphas[1] * (TWO - SMALL).double()
    torch.testing.assert_close(found.log_probabilities.double(), moved.log_softmax(-1), rtol=1e-5, atol=1e-5)


def test_fixed_fusion_is_the_sum_and_one_is_proxy_tuning():
    moved = LARGE.double() + (ONE - SMALL).double() - 0.5 * (TWO - SMALL).double()
    found = fixed_fusion(LARGE, SMALL, [ONE, TWO], (1.0, -0.5))
    torch.testing.assert_close(found.log_probabilities.double(), moved.log_softmax(-1), rtol=1e-5, atol=1e-5)


def test_an_expert_that_is_the_small_model_changes_nothing():
    plain = LARGE.log_softmax(-1)
    torch.testing.assert_close(fixed_fusion(LARGE, SMALL, [SMALL], (1.7,)).log_probabilities, plain)
    torch.testing.assert_close(dynamic_fusion(LARGE, SMALL, [SMALL]).log_probabilities, plain)


def test_a_large_model_that_is_the_small_one_becomes_the_expert():
    found = dynamic_fusion(SMALL, SMALL, [ONE])
    assert torch.allclose(found.coefficients, torch.ones(()))
    torch.testing.assert_close(found.log_probabilities, ONE.log_softmax(-1), rtol=1e-5, atol=1e-5)


def test_a_constant_added_to_logits_changes_nothing():
    given = (LARGE + 300, SMALL - 200, ONE + 50)
    torch.testing.assert_close(searched(*given), searched(LARGE, SMALL, ONE))
    found = fixed_fusion(*given[:2], [given[2]], (0.8,)).log_probabilities
    torch.testing.assert_close(found, fixed_fusion(LARGE, SMALL, [ONE], (0.8,)).log_probabilities, rtol=1e-4, atol=1e-4)


def test_tokens_ruled_out_by_one_are_ruled_out_in_all_and_nothing_is_nan():
    large, expert = LARGE.clone(), ONE.clone()
    large[..., 2] = -torch.inf
    expert[0, 0, 5] = -torch.inf
    found = dynamic_fusion(large, SMALL, [expert])
    assert not found.log_probabilities.isnan().any() and not found.coefficients.isnan().any()
    assert bool((found.log_probabilities[..., 2] == -torch.inf).all())
    assert (
        float(found.log_probabilities[0, 0, 5]) == -torch.inf and float(found.log_probabilities[0, 1, 5]) > -torch.inf
    )
    torch.testing.assert_close(found.log_probabilities.exp().sum(-1), torch.ones(3, 4))
    kept = [i for i in range(11) if i not in (2, 5)]
    alone = searched(LARGE[0, 0, kept], SMALL[0, 0, kept], ONE[0, 0, kept])
    assert float(found.coefficients[0, 0, 0]) == pytest.approx(float(alone))


def test_divergence_is_zero_only_at_home():
    assert float(divergence(LARGE, LARGE).abs().max()) < 1e-6 and float(divergence(LARGE, SMALL).min()) > 0


def test_an_ensemble_of_equals_is_the_member_and_of_two_the_mean():
    torch.testing.assert_close(ensemble([ONE, ONE, ONE]), ONE.log_softmax(-1))
    torch.testing.assert_close(ensemble([ONE, TWO]).exp(), (ONE.softmax(-1) + TWO.softmax(-1)) / 2)
    torch.testing.assert_close(ensemble([ONE, TWO], is_geometric=True), ((ONE + TWO) / 2).log_softmax(-1))


def test_other_vocabularies_and_nothing_left_are_refused():
    with pytest.raises(MergeError, match="one vocabulary"):
        dynamic_fusion(LARGE, SMALL, [ONE[..., :9]])
    dark = torch.full_like(LARGE, -torch.inf)
    with pytest.raises(MergeError, match="rule out everything"):
        dynamic_fusion(dark, SMALL, [ONE])
