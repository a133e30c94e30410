"""Keep the largest entries of a vector: exact thresholds without sorting it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pipelines.merging.layout import Layout

BIN_SHIFT = 15  # a magnitude's 31 bits: 16 choose its bin, 15 its place inside
BINS = 1 << 16
CHUNK = 1 << 16


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
    """The kept-th largest absolute value of a flat float32 vector; ties with it are kept by |x| >= threshold.

    Args:
        kept: 1 to numel.
        histogram: of `magnitude_histogram`, if it is at hand; then one pass over the vector suffices.
    """
    counts = magnitude_histogram(vector) if histogram is None else histogram
    from_above = counts.flip(0).cumsum(0)
    place = int(torch.searchsorted(from_above, kept))
    bin_number = BINS - 1 - place
    above = int(from_above[place] - counts[bin_number])
    scratch = torch.empty(min(CHUNK, vector.numel()))
    inside = torch.cat([sizes_in_bin(chunk, bin_number, scratch[: len(chunk)]) for chunk in vector.split(CHUNK)])
    return float(inside.sort(descending=True).values[kept - above - 1])


def sizes_in_bin(vector: Tensor, bin_number: int, scratch: Tensor) -> Tensor:
    """Absolute values of one bin, in the order of the vector; `scratch` is as long as the vector."""
    edges = (torch.tensor([bin_number, bin_number + 1]) << BIN_SHIFT).to(torch.int32).view(torch.float32)
    sizes = torch.abs(vector, out=scratch)
    return sizes[(sizes >= edges[0]).logical_and_(sizes < edges[1])]


def whole_threshold(memory: dict[Any, Any], layout: Layout, task: str, vector: Tensor, density: float) -> float:
    """Threshold over the flattened whole vector; histogram and result are kept in `memory`. Padding zeros rank last."""
    if ("histogram", task) not in memory:
        memory["histogram", task] = magnitude_histogram(vector)
    key = ("threshold", task, density)
    if key not in memory:
        kept = kept_count(density, layout.count)
        memory[key] = magnitude_threshold(vector, kept, memory["histogram", task])
    return memory[key]


def tensor_thresholds(memory: dict[Any, Any], layout: Layout, task: str, vector: Tensor, density: float) -> list[float]:
    """A threshold for each tensor, in slot order; kept in `memory`."""
    key = ("thresholds", task, density)
    if key not in memory:
        memory[key] = [
            magnitude_threshold(vector[slot.start : slot.stop], kept_count(density, slot.stop - slot.start))
            for slot in layout.slots
        ]
    return memory[key]
