"""Mixing outputs instead of weights: a small expert's shift of the predictions, given to a large model.

Fixed (proxy tuning, arXiv:2401.08565) or as strong at each token as the shift of the small model was
(dynamic logit fusion, arXiv:2406.15480). For distributions over one vocabulary, not for regressions: between Gaussians
of one width the match does not depend on the input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.merging.errors import MergeError
from pipelines.merging.method import OfflineMethod

if TYPE_CHECKING:
    from torch import Tensor

GRID_STEP = 0.1
GRID_LARGEST = 2.0


@dataclass(frozen=True)
class Fused:
    """Log-probabilities, (..., V) float32, and the coefficient of each expert at each token, (experts, ...)."""

    log_probabilities: Tensor
    coefficients: Tensor


def fixed_fusion(large: Tensor, small: Tensor, experts: Sequence[Tensor], coefficients: Sequence[float]) -> Fused:
    """softmax(large + sum of coefficient * (expert - small)) with coefficients that stay.

    Args:
        large, small, experts: logits over one vocabulary, (..., V); -inf in any of them rules a token out in all.

    Raises:
        MergeError: shapes differ, or at some token nothing is left.
    """
    import torch

    large, small, *experts = prepared(large, small, experts)
    held = [torch.full(large.shape[:-1], float(value)) for value in coefficients]
    return Fused(shifted(large, small, experts, held), torch.stack(held))


def dynamic_fusion(large: Tensor, small: Tensor, experts: Sequence[Tensor]) -> Fused:
    """The same with coefficients searched anew at every token, 0 to 2 in steps of 0.1.

    Each expert's is searched with the others at 0. The first of equally good values is taken.
    """
    import torch

    large, small, *experts = prepared(large, small, experts)
    found = [searched(large, small, expert) for expert in experts]
    return Fused(shifted(large, small, experts, found), torch.stack(found))


def searched(large: Tensor, small: Tensor, expert: Tensor) -> Tensor:
    """Coefficient at which the large model's shift is most like the small one's, (...)."""
    import torch

    grid = torch.arange(0, round(GRID_LARGEST / GRID_STEP) + 1) * GRID_STEP
    wanted = divergence(expert, small), divergence(small, expert)
    plain = large.log_softmax(-1)
    losses = []
    for value in grid.tolist():
        moved = shifted(large, small, [expert], [torch.full(large.shape[:-1], value)])
        there, back = divergence(moved, plain) - wanted[0], divergence(plain, moved) - wanted[1]
        losses.append(there.square() + back.square())
    return grid[torch.stack(losses).argmin(0)]


def shifted(large: Tensor, small: Tensor, experts: Sequence[Tensor], coefficients: Sequence[Tensor]) -> Tensor:
    """Log-probabilities of the large model moved along the experts' shifts, (..., V)."""
    import torch

    moved = large.log_softmax(-1)
    is_out = moved == -torch.inf
    calm = small.log_softmax(-1)
    for expert, coefficient in zip(experts, coefficients, strict=True):
        shift = (expert.log_softmax(-1) - calm).masked_fill(is_out, 0.0)
        moved = moved + coefficient[..., None] * shift
    return moved.log_softmax(-1)


def divergence(first: Tensor, second: Tensor) -> Tensor:
    """KL(first || second) in nats over the last axis, (...); tokens that are ruled out in both add nothing."""
    import torch

    logs, other = first.log_softmax(-1), second.log_softmax(-1)
    return torch.where(logs > -torch.inf, logs.exp() * (logs - other), 0.0).sum(-1)


def prepared(large: Tensor, small: Tensor, experts: Sequence[Tensor]) -> list[Tensor]:
    """Float32 logits, a token that one rules out ruled out in all."""
    import torch

    given = [large, small, *experts]
    if len({tuple(one.shape) for one in given}) > 1:
        raise MergeError(f"logits have shapes {[tuple(one.shape) for one in given]}: one vocabulary is needed")
    is_out = torch.stack([one == -torch.inf for one in given]).any(0)
    if bool(is_out.all(-1).any()):
        raise MergeError("at some token the models rule out everything between them")
    return [one.float().masked_fill(is_out, -torch.inf) for one in given]


def ensemble(logits: Sequence[Tensor], *, is_geometric: bool = False) -> Tensor:
    """Log-probabilities of the mean of the experts' probabilities, or of their logits; (..., V)."""
    import torch

    logs = torch.stack([one.float().log_softmax(-1) for one in logits])
    if is_geometric:
        return logs.mean(0).log_softmax(-1)
    return logs.logsumexp(0) - torch.log(torch.tensor(float(len(logits))))


LOGIT_FUSION = OfflineMethod(
    name="logit_fusion",
    title="Dynamic logit fusion",
    group="outputs",
    paper="arXiv:2406.15480",
    formula="P = softmax(M_L + Σ α_t (M_t - M_S)),  α_t at each token so that P moves from M_L as M_t did from M_S",
    settings=(),
    needs="a large and a small network with one vocabulary, and small experts",
    cost="21 passes over the vocabulary for each token and expert; every model runs",
    entry="logit_fusion:dynamic_fusion",
)
