"""Task vectors as a code of few bits gives them back: what methods share that show the cost of such a storage.

Nothing is stored in that form here. Task vectors stay as the arena holds them, a merge codes and decodes them on its
way, and only the scales are remembered. Codes know nothing of faders: the merge is linear in the coefficients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.layout import Slot
    from pipelines.merging.mixture import Mixture, Tile, TileWriter

    Decoded = Callable[[str, Tensor], Tensor]  # a task and its entries of a stretch (n,) -> what the code makes of them
    Code = Callable[[Slot, int, int], Decoded]  # a tensor, the first entry of a stretch and how many there are


def coded_writer(mixture: Mixture, code: Code) -> TileWriter:
    """base + factor * sum of coefficient * decoded vector."""

    def write(tile: Tile, live: Tensor) -> None:
        live.copy_(tile.base)
        for slot, where in mixture.slots_in(tile):
            decoded = code(slot, tile.start + where.start - slot.start, where.stop - where.start)
            for part in tile.parts:
                live[where].add_(decoded(part.task, part.vector[where]), alpha=part.coefficient * tile.factor)

    return write


def coding_errors(mixture: Mixture, code: Code) -> dict[str, float]:
    """|decoded - vector| / |vector| of every raised task, for programs; 0 for a vector that is 0."""
    from pipelines.merging.sums import dot

    sums = {task: [0.0, 0.0] for task in mixture.raised}
    for slot, tile in mixture.slots():
        decoded = code(slot, 0, tile.stop - tile.start)
        for part in tile.parts:
            lost = decoded(part.task, part.vector) - part.vector
            sums[part.task][0] += dot(lost, lost)
            sums[part.task][1] += dot(part.vector, part.vector)
    return {task: (lost / whole) ** 0.5 if whole else 0.0 for task, (lost, whole) in sums.items()}


def spread(scales: Tensor, width: int, first: int, count: int) -> Tensor:
    """The scale of `count` entries of a tensor from `first` on, each `width` of which share one of `scales`, (groups,).

    (count,), or (1,) where there is one group.
    """
    import torch

    return scales if len(scales) == 1 else scales[torch.arange(first, first + count) // width]
