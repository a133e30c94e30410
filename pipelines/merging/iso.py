"""Iso-C and Iso-CTS: the summed matrix with all its singular values set to their mean (arXiv:2502.04959)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.method import MergeMethod, Setting
from pipelines.merging.spectral import matrix_writer, orthogonalised, svd

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, TileWriter


def iso(mixture: Mixture, *, common: float) -> TileWriter:
    """base + factor * the flattened sum of every matrix; other tensors take the mean.

    Args:
        common: share of the directions that come from the sum; the others come from what each expert has outside of
            them. 1 is Iso-C, less is Iso-CTS.

    Differs: directions that the sum does not have stay 0, and do not count in the mean.
    """
    return matrix_writer(mixture, "iso", (common,), lambda stack: flatten_spectrum(stack, common))


def flatten_spectrum(stack: Tensor, common: float) -> Tensor:
    """The merged matrix, (out, in), of weighted matrices (K, out, in)."""
    import torch

    full = min(stack.shape[1:])
    shared = max(1, int(common * full))
    left, values, right = svd(stack.sum(0), shared)
    own = (full - shared) // len(stack)
    if own > 0:
        parts = [(left, values, right)]
        parts += [svd(matrix - left @ (left.T @ matrix), own) for matrix in stack]
        lefts, all_values, rights = zip(*parts, strict=True)
        left, values = orthogonalised(torch.cat(lefts, 1)), torch.cat(all_values)
        right = orthogonalised(torch.cat(rights, 1))
    return values.mean() * left @ right.T if len(values) else torch.zeros_like(stack[0])


ISO = MergeMethod(
    name="iso",
    title="Iso-C / Iso-CTS",
    group="spectra",
    paper="arXiv:2502.04959",
    formula="Δ = α mean(S) U Vᵀ,  U S Vᵀ = Σ w_t τ_t",
    settings=(Setting("common", "Common share", 1.0, "1 is Iso-C; 0.8 is usual for Iso-CTS", 0.05),),
    combine=iso,
    is_expert_alone=False,  # it flattens the spectrum of one too
    cost="singular values of every summed matrix, once; then one pass for each move of the scale",
    piecewise_when=(),
)
