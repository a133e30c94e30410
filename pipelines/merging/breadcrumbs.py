"""Breadcrumbs: drop the smallest entries of each tensor, and the very largest too (arXiv:2312.06795)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.method import MergeMethod, Setting
from pipelines.merging.sparsify import COMBINE, sparse_writer

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Part, Tile, TileWriter

    Band = tuple[float, float]  # smallest and largest size that is kept


def breadcrumbs(mixture: Mixture, *, density: float, gamma: float, combine: str) -> TileWriter:
    """base + factor * the sum, or the election, of vectors without their smallest and largest entries.

    Args:
        density: share of each tensor that is kept.
        gamma: share that is dropped from above, as far as density leaves room for it.
        combine: "linear" sums, "ties" and its kin elect signs, as in DARE.

    Convention: what equals the smallest or the largest entry that is kept stays too.
    """
    limits = {task: bands(mixture, task, density, gamma) for task in mixture.raised}

    def thinned(tile: Tile) -> list[Tensor]:
        return [thin(mixture, tile, part, limits[part.task]) for part in tile.parts]

    return sparse_writer(mixture, thinned, combine)


def thin(mixture: Mixture, tile: Tile, part: Part, limits: dict[str, Band]) -> Tensor:
    """Coefficient * vector of one expert, (tile,), with 0 outside the band of its tensor."""
    thinned = part.vector * part.coefficient
    for slot, where in mixture.slots_in(tile):
        low, high = limits[slot.key]
        sizes = part.vector[where].abs()
        thinned[where].masked_fill_((sizes < low).logical_or_(sizes > high), 0.0)
    return thinned


def bands(mixture: Mixture, task: str, density: float, gamma: float) -> dict[str, Band]:
    """The band of every tensor of one expert; the newest are kept in `memory`."""

    def found() -> dict[str, Band]:
        vector = mixture.vectors[task]
        mixture.note(mixture.stored[task])
        return {
            slot.key: band(vector[slot.start : slot.stop], mixture.density(task, slot.key, density), gamma)
            for slot in mixture.layout.slots
        }

    kept: dict[str, Band] = mixture.remembered(("bands", task), (density, gamma, mixture.densities), found)
    return kept


def band(vector: Tensor, density: float, gamma: float) -> Band:
    """Sizes between which `density` of a flat vector lies, `gamma` of it above."""
    from pipelines.merging.pruning import kept_count, magnitude_threshold

    count = vector.numel()
    kept = kept_count(density, count)
    above = min(int(gamma * count), count - kept)
    return magnitude_threshold(vector, above + kept), magnitude_threshold(vector, above + 1)


BREADCRUMBS = MergeMethod(
    name="breadcrumbs",
    title="Breadcrumbs",
    group="elect",
    paper="arXiv:2312.06795",
    formula="θ = θ0 + α Σ w_t τ_t where |τ_t| is neither among the smallest nor among the largest γ",
    settings=(
        Setting("density", "Density", 0.5, "Share of each tensor that is kept", 0.01),
        Setting("gamma", "Outliers γ", 0.01, "Share that is dropped from above", 0.0, 0.5, 0.005),
        COMBINE,
    ),
    combine=breadcrumbs,
    default_scale=0.3,
    cost="two thresholds for each tensor, then one pass over all vectors",
    has_densities=True,
    piecewise_when=(),
)
