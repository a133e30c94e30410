"""Weighted average of the experts: task arithmetic whose coefficients are scaled to sum to one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pipelines.merging.method import MergeMethod
from pipelines.merging.task_arithmetic import adder
from pipelines.merging.writer import Writer

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Tile, TileWriter


def average(mixture: Mixture) -> TileWriter:
    """base + factor * sum of w_t / sum of |w_t| * vector; all faders equal give the mean of the experts.

    Convention: absolute values in the divisor, so that a negative fader cannot make it 0. Faders are relative here: one
    raised fader alone gives its whole expert at any height.
    """

    add = adder(mixture)

    def write(tile: Tile, live: Tensor) -> None:
        total = sum(abs(part.coefficient) for part in tile.parts)
        add(replace(tile, factor=tile.factor / total), live)

    return replace(add, write=write) if isinstance(add, Writer) else write


AVERAGE = MergeMethod(
    name="average",
    title="Average",
    group="averages",
    paper="arXiv:2203.05482",
    formula="θ = θ0 + α Σ w_t τ_t / Σ |w_t|",
    settings=(),
    combine=average,
    cost="one pass over all vectors",
    piecewise_when=(),
)
