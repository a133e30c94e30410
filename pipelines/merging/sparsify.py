"""Sparsify and elect: one algorithm with switches. What is thinned, and how, differs; putting together is the same.

DARE, DELLA and Breadcrumbs are its published settings: drop at random, at random by rank, or by magnitude at both ends;
then sum, or elect signs as TIES does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pipelines.merging.method import Setting
from pipelines.merging.ties import elected_writer, sum_of

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Tile, TileWriter

    TileVectors = Callable[[Tile], list[Tensor]]

AGGREGATES = {"ties": "mean", "ties_sum": "sum", "ties_weighted": "weighted"}
COMBINE = Setting(
    "combine",
    "Combine",
    "linear",
    "Sum; or elect signs and take the mean, the sum, or the mean by fader, of those that agree",
    choices=("linear", *AGGREGATES),
)
SEED = Setting("seed", "Seed", 0.0, "Another seed keeps other entries", 0.0, 2.0**31, 1.0)


def sparse_writer(mixture: Mixture, thinned: TileVectors, combine: str) -> TileWriter:
    """base + factor * what `combine` makes of the thinned weighted vectors of a tile."""
    if combine in AGGREGATES:
        return elected_writer(mixture, thinned, AGGREGATES[combine])

    def write(tile: Tile, live: Tensor) -> None:
        import torch

        torch.add(tile.base, sum_of(thinned(tile)), alpha=tile.factor, out=live)

    return write
