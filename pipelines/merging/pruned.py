"""Magnitude pruning: the sum of what is largest in each task vector, without an election."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.method import MergeMethod, Setting
from pipelines.merging.plain_masks import magnitude_mask
from pipelines.merging.sparsify import sparse_writer

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Tile, TileWriter


def pruned(mixture: Mixture, *, density: float) -> TileWriter:
    """base + factor * sum of coefficient * vector, each vector 0 but for the largest `density` of its entries.

    With one raised fader: the pruned expert, the comparison that TALL-masks is measured against.
    """

    def thinned(tile: Tile) -> list[Tensor]:
        masks = (magnitude_mask(mixture, part, density) for part in tile.parts)
        return [
            (part.vector * part.coefficient).masked_fill_(~keep, 0.0)
            for part, keep in zip(tile.parts, masks, strict=True)
        ]

    return sparse_writer(mixture, thinned, "linear")


PRUNED = MergeMethod(
    name="pruned",
    title="Magnitude pruning",
    group="elect",
    paper="arXiv:1506.02626",
    formula="θ = θ0 + α Σ w_t τ_t where |τ_t| is among the largest",
    settings=(Setting("density", "Density", 0.1, "Share of each task vector that is kept", 0.01),),
    combine=pruned,
    cost="one threshold for each expert, then one pass over all vectors",
)
