"""Masks over a merged vector: which weights a task uses. TALL-masks, Consensus and their planes share these."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pipelines.merging.method import Setting
from pipelines.merging.recipe import DEFAULT_THRESHOLD
from pipelines.merging.ties import ties_vector

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Part, Tile

    TileVector = Callable[[Tile], Tensor]

TIES_DENSITY = 0.2  # TALL-masks and Consensus take TIES with a fifth kept, summed, as their other vector
VECTOR = Setting(
    "vector", "Merged vector", "sum", "Sum of the task vectors, or their TIES sum", choices=("sum", "ties")
)


def merged_vector(mixture: Mixture, vector: str) -> TileVector:
    """The vector that masks are cut from, without scale: "sum" or "ties" of the weighted task vectors."""
    if vector == "ties":
        return ties_vector(mixture, density=TIES_DENSITY, scope="global", aggregate="sum")
    return weighted_sum


def weighted_sum(tile: Tile) -> Tensor:
    """Sum of coefficient * vector, (tile,). Where one expert alone moved, its rounded product to the bit."""
    total = tile.parts[0].vector * tile.parts[0].coefficient
    for part in tile.parts[1:]:
        total.add_(part.vector, alpha=part.coefficient)
    return total


def restore_base(mask: Tensor, base: Tensor, live: Tensor) -> None:
    """live where the mask is 1, base to the bit where it is 0; the mask is float32, all are (tile,).

    By bit operations: torch.where takes branches, and at random masks 5 ns an entry against 1.
    """
    import torch

    keep = mask.to(torch.int32).neg_()  # all ones, or none
    bits, base_bits = live.view(torch.int32), base.view(torch.int32)
    bits.bitwise_xor_(base_bits).bitwise_and_(keep).bitwise_xor_(base_bits)


def task_masks(mixture: Mixture, tile: Tile, merged: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Each selected task with its mask, (tile,). A task with coefficient 0 here uses nothing: left out."""
    for part in tile.parts:
        if part.task in mixture.selected:
            yield part.task, tall_mask(part, merged, threshold_of(mixture, part.task), mixture.masks.compare)


def threshold_of(mixture: Mixture, task: str) -> float:
    """The lambda of a task."""
    return dict(mixture.masks.thresholds).get(task, DEFAULT_THRESHOLD)


def tall_mask(part: Part, merged: Tensor, threshold: float, compare: str) -> Tensor:
    """1.0 where one task's own movement is large against that of all others, else 0.0.

    |v| > lambda * |merged - v|, v the weighted vector; "ge" takes >=. A smaller lambda gives a denser mask.

    Source: Wang et al. 2024, arXiv:2405.07813, equation 5; ">" as in the released code, so that untouched weights never
    count as used.
    """
    own = part.vector * part.coefficient
    others = (merged - own).abs_().mul_(threshold)
    own.abs_()
    return (
        own.ge_(others) if compare == "ge" else own.gt_(others)
    )  # in place: floats compare 3 times as fast as to bool


def count_votes(mixture: Mixture, tile: Tile, merged: Tensor) -> Tensor:
    """How many selected tasks use each weight, (tile,) float32."""
    import torch

    votes = torch.zeros_like(merged)
    for _, keep in task_masks(mixture, tile, merged):
        votes += keep
    return votes
