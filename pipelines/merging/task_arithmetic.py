"""Task arithmetic: add task vectors to the base (Ilharco et al. 2023, arXiv:2212.04089)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.method import MergeMethod
from pipelines.merging.writer import LONG, Writer

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Tile, TileWriter


def task_arithmetic(mixture: Mixture) -> TileWriter:
    """base + factor * sum of coefficient * vector, with no tensor besides the live buffer."""
    return adder(mixture)


def adder(mixture: Mixture) -> TileWriter:
    """Writes base + factor * the weighted sum by the fastest engine that is ready."""
    kernels = mixture.kernels
    return add_weighted if kernels is None else Writer(kernels.linear, LONG, is_parallel=True)


def add_weighted(tile: Tile, live: Tensor) -> None:
    """One read of every operand and one write: the live tile stays in the processor's cache between the terms."""
    import torch

    start = tile.base
    for part in tile.parts:
        torch.add(start, part.vector, alpha=part.coefficient * tile.factor, out=live)
        start = live


TASK_ARITHMETIC = MergeMethod(
    name="task_arithmetic",
    title="Task arithmetic",
    group="averages",
    paper="arXiv:2212.04089",
    formula="θ = θ0 + α Σ w_t τ_t",
    settings=(),
    combine=task_arithmetic,
    default_scale=0.3,  # the usual value for four and more experts: the norm of the sum grows with their number
    is_affine=True,
    cost="one pass over all vectors",
    piecewise_when=(),
)
