"""TIES-Merging: trim small changes, elect a sign for each weight, merge those that agree (arXiv:2306.01708)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from pipelines.merging.method import MergeMethod, Setting
from pipelines.merging.writer import LONG, Writer

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Tile, TileWriter

    TileVectors = Callable[[Tile], list[Tensor]]
    TileLimits = Callable[[Tile], list[tuple[slice, list[float]]]]
    TileVector = Callable[[Tile], Tensor]
    TileFill = Callable[[Tile, Tensor, float], tuple[bool, int]]  # tile, live, sign of ties -> as `fill_elected`


def ties(mixture: Mixture, *, density: float, scope: str, aggregate: str) -> TileWriter:
    """base + factor * the merged vector of `ties_vector`, in one pass."""
    limits, votes = limits_by_tile(mixture, density, scope), trimmer(mixture, density, scope)
    kernels = mixture.kernels if aggregate in ("mean", "sum") else None
    if kernels is None:
        return elected_writer(mixture, votes, aggregate)

    def fill(tile: Tile, live: Tensor, tied_sign: float) -> tuple[bool, int]:
        return kernels.ties(tile, limits(tile), aggregate == "mean", tied_sign, live)

    return elected_writer(mixture, votes, aggregate, fill)


def elected_writer(mixture: Mixture, votes: TileVectors, aggregate: str, native: TileFill | None = None) -> TileWriter:
    """base + factor * what an election makes of `votes`, in one pass.

    Which sign is the commonest is known at the end: then tiles in which votes cancelled are written again. Of a merge
    in pieces it is known after the last one: they are counted in its ballots.

    Args:
        native: fills a tile to the same bits as `fill_elected`, and sooner.
    """
    ballots = mixture.ballots
    tied: list[tuple[Tile, Tensor]] = []
    balances: list[int] = []

    def fill(tile: Tile, live: Tensor, tied_sign: float) -> tuple[bool, int]:
        if native is not None:
            return native(tile, live, tied_sign)
        return fill_elected(tile, votes(tile), tied_sign, aggregate, live)

    def write(tile: Tile, live: Tensor) -> None:
        is_tied, balance = fill(tile, live, 1.0 if ballots is None else ballots.sign)
        balances.append(balance)
        if is_tied:
            tied.append((tile, live))

    def finish() -> None:
        if not tied and ballots is None:
            return
        unwritten = (tile for tile in mixture.tiles() if tile.parts and tile.factor == 0)
        balance = sum(balances) + balance_over(mixture, unwritten, votes)
        if ballots is not None:
            ballots.count(balance, bool(tied))
        elif balance < 0:
            for tile, live in tied:
                fill(tile, live, -1.0)
                mixture.note(tile.base, *(part.stored for part in tile.parts), live)

    return Writer(write, None if native is None else LONG, finish)


def fill_elected(tile: Tile, vectors: list[Tensor], tied_sign: float, aggregate: str, live: Tensor) -> tuple[bool, int]:
    """Elect and merge trimmed vectors; whether `tied_sign` decided anything, and `balance_of` the votes."""
    import torch

    total = sum_of(vectors)
    merged = merge_agreeing(vectors, signs(total, tied=tied_sign), aggregate, sizes(tile))
    torch.add(tile.base, merged, alpha=tile.factor, out=live)
    balance = balance_of(total)
    return bool(total.eq_(0).mul_(merged).abs_().max()), balance


def ties_vector(mixture: Mixture, *, density: float, scope: str, aggregate: str) -> TileVector:
    """Trim, elect, merge.

    Args:
        density: share of each task vector that is kept, the largest first; what equals the last one kept stays too.
        scope: "global" takes that share of the whole vector, "tensor" of each tensor.
        aggregate: "mean", "sum" or "max" over the experts that agree with the elected sign; "weighted" is the sum over
            the sizes of their coefficients.

    Convention: coefficients multiply the trimmed vectors before the election, so that a negative fader votes for the
    opposite; the mean divides by the number that agree. A weight whose votes cancel takes the commonest sign of the
    whole vector, +1 if that is tied too.

    Source: Yadav et al. 2023, section 3 and algorithm 1.
    """
    return elected_vector(mixture, trimmer(mixture, density, scope), aggregate)


def trimmer(mixture: Mixture, density: float, scope: str) -> TileVectors:
    """Coefficient * vector of every expert, (tile,) each, with 0 where it is not among its largest."""
    limits_of = limits_by_tile(mixture, density, scope)

    def trimmed(tile: Tile) -> list[Tensor]:
        import torch

        vectors = [torch.empty_like(part.vector) for part in tile.parts]
        for where, limits in limits_of(tile):
            for part, limit, vector in zip(tile.parts, limits, vectors, strict=True):
                keep_from(part.vector[where], limit, vector[where])
        return [vector.mul_(part.coefficient) for part, vector in zip(tile.parts, vectors, strict=True)]

    return trimmed


def keep_from(vector: Tensor, threshold: float, out: Tensor) -> None:
    """The entries with |x| >= threshold, else 0. Hardshrink keeps |x| > limit: the next float below is the limit."""
    import torch

    if threshold == 0:
        out.copy_(vector)
    else:
        below = torch.nextafter(torch.tensor(threshold, device="cpu"), torch.tensor(0.0, device="cpu"))
        torch.hardshrink(vector, float(below), out=out)


def limits_by_tile(mixture: Mixture, density: float, scope: str) -> TileLimits:
    """Tile -> its stretches, which together are the tile, each with the least size that every expert keeps there."""
    from pipelines.merging.pruning import tensor_thresholds, whole_threshold

    if scope == "global" or (density >= 1 and not mixture.densities):
        is_whole = density >= 1
        limit = {task: 0.0 if is_whole else whole_threshold(mixture, task, density) for task in mixture.raised}
        return lambda tile: [(slice(0, len(tile.base)), [limit[part.task] for part in tile.parts])]
    limits = {task: tensor_thresholds(mixture, task, density) for task in mixture.raised}
    places = {slot: place for place, slot in enumerate(mixture.layout.slots)}

    def stretches(tile: Tile) -> list[tuple[slice, list[float]]]:
        inside = [(where.start, places[slot]) for slot, where in mixture.slots_in(tile)]
        starts = [0, *(start for start, _ in inside[1:]), len(tile.base)]  # padding, all 0, goes with what precedes it
        return [
            (slice(start, stop), [limits[part.task][place] for part in tile.parts])
            for (start, stop), (_, place) in zip(pairwise(starts), inside or [(0, 0)], strict=True)
        ]

    return stretches


def elected_vector(mixture: Mixture, votes: TileVectors, aggregate: str) -> TileVector:
    """Elect and merge what `votes` gives for a tile: the second and third step."""
    commonest: list[float] = []  # needs a pass over the whole vector, and is needed only where votes cancel exactly

    def vector(tile: Tile) -> Tensor:
        vectors = votes(tile)
        total = sum_of(vectors)
        merged = merge_agreeing(vectors, signs(total, tied=1.0), aggregate, sizes(tile))
        if not float(total.clone().eq_(0).mul_(merged).abs_().max()):
            return merged
        if not commonest:
            commonest.append(commonest_sign(mixture, votes))
        return merge_agreeing(vectors, signs(total, tied=commonest[0]), aggregate, sizes(tile))

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
    balance = balance_over(mixture, (tile for tile in mixture.tiles() if tile.parts), votes)
    return -1.0 if balance < 0 else 1.0


def balance_over(mixture: Mixture, tiles: Iterable[Tile], votes: TileVectors) -> int:
    """`balance_of` the votes of some tiles, in a pass of their own."""
    balance = 0
    for tile in tiles:
        balance += balance_of(sum_of(votes(tile)))
        mixture.note_parts(tile)
    return balance


def balance_of(total: Tensor) -> int:
    """How many more weights have a positive sum of votes than a negative one."""
    return int(total.sign().sum())  # whole numbers, exact in float32 for any tile


def sizes(tile: Tile) -> list[float]:
    """|coefficient| of every expert."""
    return [abs(part.coefficient) for part in tile.parts]


def merge_agreeing(vectors: list[Tensor], sign: Tensor, aggregate: str, weights: Sequence[float] = ()) -> Tensor:
    """What the entries whose sign is the elected one come to; 0 where there are none.

    Args:
        aggregate: "mean", "sum", "max", or "weighted", the sum over that of their `weights`.
    """
    import torch

    merged, divisor = torch.zeros_like(sign), torch.zeros_like(sign)
    for vector, weight in zip(vectors, weights if aggregate == "weighted" else [1.0] * len(vectors), strict=True):
        agreeing = (vector * sign).clamp_(min=0.0)  # sizes of the entries that agree, 0 for the others
        if aggregate == "max":
            torch.maximum(merged, agreeing, out=merged)
        else:
            merged += agreeing
            divisor.add_(agreeing.sign_(), alpha=weight)
    if aggregate in ("mean", "weighted"):
        merged /= divisor.masked_fill_(divisor == 0, 1.0)
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
            choices=("mean", "sum", "max", "weighted"),
        ),
    ),
    combine=ties,
    has_densities=True,
    piecewise_when=(("scope", ("tensor",)),),
)
