"""TIES-Merging: trim small changes, elect a sign for each weight, merge those that agree (arXiv:2306.01708)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pipelines.merging.recipe import MergeMethod, Setting

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Part, Tile, TileWriter

    TileVectors = Callable[[Tile], list[Tensor]]
    TileVector = Callable[[Tile], Tensor]


def ties(mixture: Mixture, *, density: float, scope: str, aggregate: str) -> TileWriter:
    """base + factor * the merged vector of `ties_vector`."""
    vector = ties_vector(mixture, density=density, scope=scope, aggregate=aggregate)

    def write(tile: Tile, live: Tensor) -> None:
        import torch

        torch.add(tile.base, vector(tile), alpha=tile.factor, out=live)

    return write


def ties_vector(mixture: Mixture, *, density: float, scope: str, aggregate: str) -> TileVector:
    """Trim, elect, merge.

    Args:
        density: share of each task vector that is kept, the largest first; what equals the last one kept stays too.
        scope: "global" takes that share of the whole vector, "tensor" of each tensor.
        aggregate: "mean", "sum" or "max" over the experts that agree with the elected sign.

    Convention: coefficients multiply the trimmed vectors before the election, so that a negative fader votes for the
    opposite; the mean divides by the number that agree. A weight whose votes cancel takes the commonest sign of the
    whole vector, +1 if that is tied too.

    Source: Yadav et al. 2023, section 3 and algorithm 1.
    """

    def trimmed(tile: Tile) -> list[Tensor]:
        return [trim(mixture, tile, part, density, scope) for part in tile.parts]

    return elected_vector(mixture, trimmed, aggregate)


def trim(mixture: Mixture, tile: Tile, part: Part, density: float, scope: str) -> Tensor:
    """Coefficient * vector of one expert, (tile,), with 0 where it is not among its largest."""
    import torch

    if density >= 1:
        return part.vector * part.coefficient
    trimmed = torch.zeros_like(part.vector)
    for where, threshold in thresholds(mixture, tile, part.task, density, scope):
        keep_from(part.vector[where], threshold, trimmed[where])
    return trimmed.mul_(part.coefficient)


def keep_from(vector: Tensor, threshold: float, out: Tensor) -> None:
    """The entries with |x| >= threshold, else 0. Hardshrink keeps |x| > limit: the next float below is the limit."""
    import torch

    if threshold == 0:
        out.copy_(vector)
    else:
        below = torch.nextafter(torch.tensor(threshold), torch.tensor(0.0))
        torch.hardshrink(vector, float(below), out=out)


def thresholds(mixture: Mixture, tile: Tile, task: str, density: float, scope: str) -> list[tuple[slice, float]]:
    """Stretches of a tile, each with the least absolute value that is kept there."""
    from pipelines.merging.pruning import tensor_thresholds, whole_threshold

    vector, memory, layout = mixture.vectors[task], mixture.memory, mixture.layout
    if scope == "global":
        return [(slice(None), whole_threshold(memory, layout, task, vector, density))]
    limits = dict(zip(layout.slots, tensor_thresholds(memory, layout, task, vector, density), strict=True))
    return [(where, limits[slot]) for slot, where in mixture.slots_in(tile)]


def elected_vector(mixture: Mixture, votes: TileVectors, aggregate: str) -> TileVector:
    """Elect and merge what `votes` gives for a tile: the second and third step, which DARE shares."""
    commonest: list[float] = []  # needs a pass over the whole vector, and is needed only where votes cancel exactly

    def vector(tile: Tile) -> Tensor:
        vectors = votes(tile)
        total = sum_of(vectors)
        merged = merge_agreeing(vectors, signs(total, tied=1.0), aggregate)
        if not float(total.clone().eq_(0).mul_(merged).abs_().max()):
            return merged
        if not commonest:
            commonest.append(commonest_sign(mixture, votes))
        return merge_agreeing(vectors, signs(total, tied=commonest[0]), aggregate)

    return vector


def sum_of(vectors: list[Tensor]) -> Tensor:
    """Sum in list order, a new tensor."""
    total = vectors[0].clone()
    for vector in vectors[1:]:
        total += vector
    return total


def signs(total: Tensor, tied: float) -> Tensor:
    """+1 or -1 for each weight; `tied` where the votes add up to 0 (where all are 0, either)."""
    import torch

    sign = torch.copysign(torch.ones(()), total)  # votes that cancel add up to +0
    return sign if tied > 0 else sign.masked_fill_(total == 0, tied)


def commonest_sign(mixture: Mixture, votes: TileVectors) -> float:
    """The sign that most weights have after the sum, +1 if there are as many of both."""
    import torch

    totals = (sum_of(votes(tile)) for tile in mixture.tiles() if tile.parts)
    balance = sum(int(torch.count_nonzero(t > 0)) - int(torch.count_nonzero(t < 0)) for t in totals)
    return -1.0 if balance < 0 else 1.0


def merge_agreeing(vectors: list[Tensor], sign: Tensor, aggregate: str) -> Tensor:
    """Mean, sum or largest of the entries whose sign is the elected one; 0 where there are none."""
    import torch

    merged, count = torch.zeros_like(sign), torch.zeros_like(sign)
    for vector in vectors:
        agreeing = (vector * sign).clamp_(min=0.0)  # sizes of the entries that agree, 0 for the others
        if aggregate == "max":
            torch.maximum(merged, agreeing, out=merged)
        else:
            merged += agreeing
            count += agreeing.sign_()
    if aggregate == "mean":
        merged /= count.clamp_(min=1.0)
    return merged.mul_(sign)


DENSITY = Setting("density", "Density", 0.2, "Share of each task vector that is kept, the largest changes first", 0.01)
TIES = MergeMethod(
    name="ties",
    title="TIES",
    group="elect",
    paper="arXiv:2306.01708",
    formula="θ = θ0 + α · mean of the trimmed w_t τ_t that agree with the elected sign",
    settings=(
        DENSITY,
        Setting("scope", "Trim over", "global", "The whole vector, or each tensor", choices=("global", "tensor")),
        Setting(
            "aggregate",
            "Aggregate",
            "mean",
            "How the experts that agree are put together",
            choices=("mean", "sum", "max"),
        ),
    ),
    combine=ties,
)
