"""SCE: select where experts differ, calculate a weight for each matrix, erase the minority (arXiv:2408.07990)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.method import MergeMethod, Setting
from pipelines.merging.ties import signs, sum_of

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Tile, TileWriter

    Plan = tuple[float, tuple[float, ...]]  # least variance that is kept, and a weight for each part


def sce(mixture: Mixture, *, density: float) -> TileWriter:
    """base + factor * mean of the selected vectors that agree with the majority, weighted by their mean square.

    Args:
        density: share of the entries of each tensor that are kept, those of largest variance over the experts first;
            entries without variance are not counted. Where nothing varies, all are kept.

    Convention: faders multiply the vectors before anything else. A tied vote is +1.
    """
    plans = {}
    for slot, tile in mixture.slots():
        if tile.parts:
            plans[slot.key] = plan(tile, density)
            mixture.note_parts(tile)

    def write(tile: Tile, live: Tensor) -> None:
        live.copy_(tile.base)
        for slot, where in mixture.slots_in(tile):
            least, weights = plans[slot.key]
            live[where].add_(fused(selected(tile, where, least), weights), alpha=tile.factor)

    return write


def plan(tile: Tile, density: float) -> Plan:
    """Threshold and weights of one tensor."""
    from pipelines.merging.sums import dot

    everything = slice(0, tile.stop - tile.start)
    least = least_variance(weighted(tile, everything), density) if density < 1 else 0.0
    energies = [dot(vector, vector) for vector in selected(tile, everything, least)]
    total = sum(energies)
    return least, tuple(energy / total if total else 1.0 / len(energies) for energy in energies)


def least_variance(vectors: list[Tensor], density: float) -> float:
    """The least variance that is kept; 0 where nothing varies."""
    import torch

    from pipelines.merging.pruning import kept_count, magnitude_threshold

    spread = variance(vectors)
    count = int(torch.count_nonzero(spread))
    return magnitude_threshold(spread, kept_count(density, count)) if count else 0.0


def weighted(tile: Tile, where: slice) -> list[Tensor]:
    """Coefficient * vector of each part."""
    return [part.vector[where] * part.coefficient for part in tile.parts]


def selected(tile: Tile, where: slice, least: float) -> list[Tensor]:
    """The weighted vectors with 0 where their variance is below `least`."""
    vectors = weighted(tile, where)
    if least == 0:
        return vectors
    is_dropped = variance(vectors) < least
    return [vector.masked_fill_(is_dropped, 0.0) for vector in vectors]


def variance(vectors: list[Tensor]) -> Tensor:
    """Variance over the experts, not corrected for their number; summed in float64, rounded to float32."""
    exact = [vector.double() for vector in vectors]
    mean = sum(exact[1:], exact[0]) / len(exact)
    squares = [vector.sub_(mean).square_() for vector in exact]
    return (sum(squares[1:], squares[0]) / len(exact)).float()


def fused(vectors: list[Tensor], weights: tuple[float, ...]) -> Tensor:
    """Weighted mean of the entries that have the sign of the sum; 0 where none has."""
    import torch

    majority = signs(sum_of(vectors), tied=1.0)
    merged, divisor = torch.zeros_like(majority), torch.zeros_like(majority)
    for vector, weight in zip(vectors, weights, strict=True):
        agrees = (vector.sign() == majority).float()
        merged.addcmul_(vector, agrees, value=weight)
        divisor.add_(agrees, alpha=weight)
    return merged.div_(divisor.masked_fill_(divisor == 0, 1.0))


SCE = MergeMethod(
    name="sce",
    title="SCE",
    group="elect",
    paper="arXiv:2408.07990",
    formula="θ = θ0 + α Σ e_t τ_t / Σ e_t over those that agree, e_t = mean τ_t², where the variance is large",
    settings=(Setting("density", "Density", 1.0, "Share kept of each tensor, where the experts differ most", 0.01),),
    combine=sce,
    cost="two passes over all vectors",
    piecewise_when=(),
)
