"""TSV-M: the leading singular vectors of each task, made orthogonal to those of the others (arXiv:2412.00081)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.method import MergeMethod, Setting
from pipelines.merging.spectral import matrix_writer, orthogonalised, svd

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, TileWriter


def tsv(mixture: Mixture, *, density: float) -> TileWriter:
    """base + factor * U⊥ S V⊥ᵀ of every matrix; other tensors take the mean.

    Args:
        density: how much of a K-th of the full rank each of K experts gets, 0 to 1.
    """
    return matrix_writer(mixture, "tsv", (density,), lambda stack: merge_singular_vectors(stack, density))


def merge_singular_vectors(stack: Tensor, density: float) -> Tensor:
    """The merged matrix, (out, in), of weighted matrices (K, out, in)."""
    import torch

    rank = max(1, int(density * min(stack.shape[1:]) / len(stack)))
    lefts, values, rights = zip(*(svd(matrix, rank) for matrix in stack), strict=True)
    left, right = orthogonalised(torch.cat(lefts, 1)), orthogonalised(torch.cat(rights, 1))
    return left * torch.cat(values) @ right.T


TSV = MergeMethod(
    name="tsv",
    title="TSV-M",
    group="spectra",
    paper="arXiv:2412.00081",
    formula="Δ = α U⊥ S V⊥ᵀ,  U, S, V the leading singular vectors of all w_t τ_t side by side",
    settings=(Setting("density", "Rank share", 1.0, "Of each expert's part of the full rank", 0.01),),
    combine=tsv,
    cost="singular values of every matrix of every expert, once; then one pass for each move of the scale",
    piecewise_when=(),
)
