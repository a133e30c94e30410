"""Masks over a merged vector: which weights a task uses, and a live tile that keeps to them. Shared by two methods."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pipelines.merging.recipe import DEFAULT_THRESHOLD, Setting
from pipelines.merging.task_arithmetic import add_weighted
from pipelines.merging.ties import sum_of, ties_vector

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Part, Tile, TileWriter

    TileVector = Callable[[Tile], Tensor]
    Decide = Callable[[Tile, Tensor], Tensor]

TIES_DENSITY = 0.2  # TALL-masks and Consensus take TIES with a fifth kept, summed, as their other vector
VECTOR = Setting(
    "vector", "Merged vector", "sum", "Sum of the task vectors, or their TIES sum", choices=("sum", "ties")
)


def merged_vector(mixture: Mixture, vector: str) -> TileVector:
    """The vector that masks are cut from, without scale: "sum" or "ties" of the weighted task vectors."""
    if vector == "ties":
        return ties_vector(mixture, density=TIES_DENSITY, scope="global", aggregate="sum")
    return lambda tile: sum_of([part.vector * part.coefficient for part in tile.parts])


def masked_writer(mixture: Mixture, vector: str, decide: Decide) -> TileWriter:
    """base + factor * merged vector where `decide(tile, merged)` says so, elsewhere the base to the bit."""
    merged_of = merged_vector(mixture, vector)

    def write(tile: Tile, live: Tensor) -> None:
        import torch

        merged = merged_of(tile)
        if vector == "sum":
            add_weighted(tile, live)  # the same bits as task arithmetic where the mask keeps
        else:
            torch.add(tile.base, merged, alpha=tile.factor, out=live)
        torch.where(decide(tile, merged), live, tile.base, out=live)

    is_plain_sum = mixture.masks.mode == "off" and vector == "sum"
    return add_weighted if is_plain_sum else write


def task_masks(mixture: Mixture, tile: Tile, merged: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Each selected task with its mask, (tile,) bool. A task with coefficient 0 here uses nothing: left out."""
    limits = dict(mixture.masks.thresholds)
    for part in tile.parts:
        if part.task in mixture.selected:
            yield part.task, tall_mask(part, merged, limits.get(part.task, DEFAULT_THRESHOLD), mixture.masks.compare)


def tall_mask(part: Part, merged: Tensor, threshold: float, compare: str) -> Tensor:
    """True where one task's own movement is large against that of all others.

    |v| > lambda * |merged - v|, v the weighted vector; "ge" takes >=. A smaller lambda gives a denser mask.

    Source: Wang et al. 2024, arXiv:2405.07813, equation 5; ">" as in the released code, so that untouched weights never
    count as used.
    """
    own = part.vector * part.coefficient
    others = (merged - own).abs_().mul_(threshold)
    return own.abs_() >= others if compare == "ge" else own.abs_() > others


def count_votes(mixture: Mixture, tile: Tile, merged: Tensor) -> Tensor:
    """How many selected tasks use each weight, (tile,) uint8."""
    import torch

    votes = torch.zeros_like(merged, dtype=torch.uint8)
    for _, keep in task_masks(mixture, tile, merged):
        votes += keep
    return votes
