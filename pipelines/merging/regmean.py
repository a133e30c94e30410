"""RegMean: the linear layer nearest to every expert's outputs on that expert's own inputs (arXiv:2212.09849)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipelines.merging.recipe import MergeError, OfflineMethod, Setting

if TYPE_CHECKING:
    from torch import Tensor

RIDGE = 1e-6  # of the mean of the diagonal


def regression_mean(experts: Sequence[Tensor], grams: Sequence[Tensor], *, off_diagonal: float = 0.95) -> Tensor:
    """The matrix whose outputs are nearest to every expert's on its own inputs, (out, in).

    Args:
        experts: matrices (out, in). grams: inner products of the inputs, X^T X, (in, in) each.
        off_diagonal: what the grams' off-diagonals are multiplied by.

    Raises:
        MergeError: inner products of another width.
    """
    import torch

    for expert, products in zip(experts, grams, strict=True):
        if tuple(products.shape) != (expert.shape[1],) * 2:
            raise MergeError(f"a matrix of {tuple(expert.shape)} has inner products of {tuple(products.shape)}")
    softened = [_softened(one.double(), off_diagonal) for one in grams]
    total = sum(softened[1:], softened[0])
    ridge = RIDGE * float(total.diagonal().mean()) or 1.0
    total += ridge * torch.eye(len(total), dtype=torch.float64)
    mean = torch.stack([one.double() for one in experts]).mean(0)
    wanted = sum((one.double() @ own for one, own in zip(experts, softened, strict=True)), ridge * mean)
    return torch.linalg.solve(total, wanted.T).T.to(experts[0].dtype)


def _softened(products: Tensor, off_diagonal: float) -> Tensor:
    diagonal = products.diagonal().diag()
    return off_diagonal * (products - diagonal) + diagonal


REGMEAN = OfflineMethod(
    name="regmean",
    title="RegMean",
    group="statistics",
    paper="arXiv:2212.09849",
    formula="W = (Σ W_t G_t) (Σ G_t)⁻¹,  G_t = X_tᵀ X_t",
    settings=(Setting("off_diagonal", "Off-diagonals", 0.95, "What they are multiplied by", 0.8, 1.0),),
    needs="about 256 samples of every task, and the inputs of every linear layer",
    cost="256 forward passes for every task, once; a linear system for each layer",
    entry="regmean:regression_mean",
)
