"""WUDI: the matrix that disturbs each expert's own input directions least, found without data (arXiv:2503.08099)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.method import MergeMethod, Setting
from pipelines.merging.spectral import matrix_writer

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, TileWriter

RATE = 1e-5
BETAS = (0.9, 0.999)
EPSILON = 1e-8


def wudi(mixture: Mixture, *, steps: float) -> TileWriter:
    """base + factor * argmin of the sum of |(τ - τ_t) τ_tᵀ|² / |τ_t|² for every matrix; other tensors take the mean.

    Args:
        steps: of Adam, rate 1e-5, from the sum on; few steps stay near the sum.
    """
    return matrix_writer(mixture, "wudi", (steps,), lambda stack: least_disturbing(stack, int(steps)))


def least_disturbing(stack: Tensor, steps: int) -> Tensor:
    """The merged matrix, (out, in), of weighted matrices (K, out, in). The loss is quadratic: two products hold it."""
    import torch

    sizes = stack.square().sum((1, 2), keepdim=True)
    inputs = stack.transpose(1, 2) @ (stack / sizes.clamp(min=1e-300))  # (K, in, in)
    square, target = inputs.sum(0), (stack @ inputs).sum(0)
    merged = stack.sum(0)
    mean, mean_square = torch.zeros_like(merged), torch.zeros_like(merged)
    for step in range(1, steps + 1 if len(stack) > 1 else 1):
        gradient = 2.0 * (merged @ square - target)
        mean = BETAS[0] * mean + (1 - BETAS[0]) * gradient
        mean_square = BETAS[1] * mean_square + (1 - BETAS[1]) * gradient**2
        size = (mean_square / (1 - BETAS[1] ** step)).sqrt() + EPSILON
        merged = merged - RATE / (1 - BETAS[0] ** step) * mean / size
    return merged


WUDI = MergeMethod(
    name="wudi",
    title="WUDI",
    group="spectra",
    paper="arXiv:2503.08099",
    formula="Δ = α argmin_τ Σ |(τ - w_t τ_t) τ_tᵀ|² / |τ_t|²",
    settings=(Setting("steps", "Steps", 300.0, "Of Adam, rate 1e-5, from the sum on", 0.0, 1000.0, 10.0),),
    combine=wudi,
    is_scale_free=False,  # the rate is in units of weights
    cost="a few hundred matrix products for every matrix, once; then one pass for each move of the scale",
    piecewise_when=(),
)
