"""Keep the largest entries of a vector: exact thresholds without sorting it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from pipelines.merging.mixture import Mixture

BIN_SHIFT = 15  # a magnitude's 31 bits: 16 choose its bin, 15 its place inside
BINS = 1 << 16
CHUNK = 1 << 16
DENSITY_STOPS = 100  # a density fader moves by a hundredth


def kept_count(density: float, count: int) -> int:
    """How many of `count` entries a density (0 to 1) keeps: rounded down, at least one."""
    return max(1, min(count, int(density * count)))


def magnitude_bits(vector: Tensor) -> Tensor:
    """The bit patterns of absolute values as int32: they order like the values."""
    return vector.view(torch.int32) & 0x7FFFFFFF


def magnitude_histogram(vector: Tensor) -> Tensor:
    """Entries per bin of magnitude, (BINS,) int64, smallest first."""
    counts = torch.zeros(BINS, dtype=torch.int64)
    for chunk in vector.split(CHUNK):
        counts += torch.bincount(magnitude_bits(chunk) >> BIN_SHIFT, minlength=BINS)
    return counts


def magnitude_threshold(vector: Tensor, kept: int, histogram: Tensor | None = None) -> float:
    """The kept-th largest absolute value of a flat float32 vector; ties with it are kept by |x| >= threshold."""
    return ranked_sizes(vector, [kept], histogram)[kept]


def ranked_sizes(vector: Tensor, ranks: Iterable[int], histogram: Tensor | None = None) -> dict[int, float]:
    """rank -> the rank-th largest absolute value of a flat float32 vector, exact, for all ranks in one search.

    Args:
        ranks: each 1 to numel.
        histogram: of `magnitude_histogram`, if it is at hand; then one pass over the vector suffices.

    Two passes: the histogram tells in which bins the ranks lie, and only what lies in those bins is sorted.
    """
    found = sorted(set(ranks))
    wanted = torch.tensor(found)
    if vector.numel() <= CHUNK:
        return by_rank(found, vector.abs().sort(descending=True).values[wanted - 1])
    counts = (magnitude_histogram(vector) if histogram is None else histogram).flip(0)  # largest first
    from_above = counts.cumsum(0)
    places = torch.searchsorted(from_above, wanted)
    is_searched = torch.zeros(BINS, dtype=torch.bool)
    is_searched[places] = True
    searched = (counts * is_searched).cumsum(0)
    inside = sizes_in_bins(vector, is_searched.flip(0)).sort(descending=True).values
    skipped = from_above[places] - searched[places]  # larger entries, in bins that no rank lies in
    return by_rank(found, inside[wanted - skipped - 1])


def by_rank(ranks: Iterable[int], sizes: Tensor) -> dict[int, float]:
    """Two lists as one mapping."""
    return dict(zip(ranks, sizes.tolist(), strict=True))


def sizes_in_bins(vector: Tensor, is_searched: Tensor) -> Tensor:
    """Absolute values that lie in some bins; `is_searched` is (BINS,) bool."""
    low, high = is_searched.nonzero()[[0, -1], 0].tolist()
    if int(is_searched.sum()) == high - low + 1:  # one stretch: comparing is quicker than looking up
        return torch.cat([sizes_between(chunk, low, high + 1) for chunk in vector.split(CHUNK)])
    return torch.cat([chunk[is_searched[magnitude_bits(chunk) >> BIN_SHIFT]].abs() for chunk in vector.split(CHUNK)])


def sizes_between(vector: Tensor, low: int, high: int) -> Tensor:
    """Absolute values from bin `low` to bin `high`, that one not included."""
    edges = (torch.tensor([low, high]) << BIN_SHIFT).to(torch.int32).view(torch.float32)
    sizes = vector.abs()
    return sizes[(sizes >= edges[0]).logical_and_(sizes < edges[1])]


def grid_ranks(count: int) -> set[int]:
    """Kept counts at the stops of a density fader."""
    return {kept_count(stop / DENSITY_STOPS, count) for stop in range(1, DENSITY_STOPS)}


def whole_threshold(mixture: Mixture, task: str, density: float) -> float:
    """Threshold over the flattened whole vector; padding zeros rank last.

    The first call finds the thresholds of all stops of the fader; between stops the histogram is used again.
    """
    kept = kept_count(density, mixture.layout.count)
    if ("edges", task) not in mixture.memory:
        vector = mixture.vectors[task]
        histogram = magnitude_histogram(vector)
        edges = ranked_sizes(vector, grid_ranks(mixture.layout.count), histogram)
        mixture.memory["histogram", task], mixture.memory["edges", task] = histogram, edges
        mixture.note(mixture.stored[task], mixture.stored[task])
    edges = mixture.memory["edges", task]
    return edges[kept] if kept in edges else threshold_between(mixture, task, kept)


def threshold_between(mixture: Mixture, task: str, kept: int) -> float:
    """That of `whole_threshold` between the stops; the newest are kept in `memory`."""

    def found() -> float:
        mixture.note(mixture.stored[task])
        return magnitude_threshold(mixture.vectors[task], kept, mixture.memory["histogram", task])

    threshold: float = mixture.remembered(("edges between", task), kept, found)
    return threshold


def tensor_thresholds(mixture: Mixture, task: str, density: float) -> list[float]:
    """A threshold for each tensor, in slot order; kept in `memory`, like those of `whole_threshold`."""
    ranks = [
        kept_count(mixture.density(task, slot.key, density), slot.stop - slot.start) for slot in mixture.layout.slots
    ]
    if ("tensor edges", task) not in mixture.memory:
        stops = [grid_ranks(slot.stop - slot.start) for slot in mixture.layout.slots]
        mixture.memory["tensor edges", task] = sizes_by_tensor(mixture, task, stops)
    edges: list[dict[int, float]] = mixture.memory["tensor edges", task]
    if not all(rank in found for rank, found in zip(ranks, edges, strict=True)):
        edges = mixture.remembered(
            ("tensor edges between", task),
            tuple(ranks),
            lambda: sizes_by_tensor(mixture, task, [{rank} for rank in ranks]),
        )
    return [found[rank] for rank, found in zip(ranks, edges, strict=True)]


def sizes_by_tensor(mixture: Mixture, task: str, ranks: Iterable[set[int]]) -> list[dict[int, float]]:
    """`ranked_sizes` of each tensor of an expert."""
    vector = mixture.vectors[task]
    mixture.note(mixture.stored[task])
    return [
        ranked_sizes(vector[slot.start : slot.stop], wanted)
        for slot, wanted in zip(mixture.layout.slots, ranks, strict=True)
    ]
