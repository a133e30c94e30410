"""Masks counted tensor by tensor: how many weights each task's mask keeps, each pair's, and how many n tasks keep.

Everything that is told of masks (densities, intersections, catastrophic and selfish shares, by depth or by kind of
tensor) is a sum of these integers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from pipelines.merging.bit_counts import ones, stored_bits, votes_of, words_of
from pipelines.merging.emr import emr_mask, unified_vector
from pipelines.merging.errors import MergeError
from pipelines.merging.masks import merged_vector, task_masks, weighted_sum
from pipelines.merging.mixture import Mixture, Tile
from pipelines.merging.plain_masks import picked_masks
from pipelines.merging.recipe import MergeRecipe

VOTED = ("tall_masks", "consensus")  # whose masks leave planes in the store
MASKING = ("tall_masks", "consensus", "emr", "plain_masks")


@dataclass(frozen=True)
class MaskCounts:
    """Counts over some weights. A weight is active where the merged vector is not 0; masks are counted there alone.

    Attributes:
        tasks: heard tasks, in family order.
        weights, active: how many there are.
        kept: (T,) that each mask keeps. pairs: (T, T) that both masks keep. votes: (T + 1,) that n masks keep.
    """

    tasks: tuple[str, ...]
    weights: int
    active: int
    kept: Tensor
    pairs: Tensor
    votes: Tensor

    def __add__(self, other: MaskCounts) -> MaskCounts:
        return MaskCounts(
            self.tasks,
            self.weights + other.weights,
            self.active + other.active,
            self.kept + other.kept,
            self.pairs + other.pairs,
            self.votes + other.votes,
        )

    def density(self) -> dict[str, float]:
        """Task -> share of all weights that its mask keeps."""
        return {task: count / max(self.weights, 1) for task, count in zip(self.tasks, self.kept.tolist(), strict=True)}

    def histogram(self) -> tuple[float, ...]:
        """Entry n is the share of all weights that n masks keep; with the inactive share they sum to 1."""
        return tuple(count / max(self.weights, 1) for count in self.votes.tolist())

    def intersections(self) -> dict[tuple[str, str], float]:
        """(task, task) -> weights that both masks keep over those that either keeps; 0 where both are empty."""
        found = {}
        for i, one in enumerate(self.tasks):
            for j, other in enumerate(self.tasks):
                both = int(self.pairs[i, j])
                either = int(self.kept[i]) + int(self.kept[j]) - both
                found[one, other] = both / either if either else 0.0
        return found


def total(tasks: tuple[str, ...], counts: Iterable[MaskCounts]) -> MaskCounts:
    """The sum; of no counts, zeros."""
    size = len(tasks)
    zeros = [torch.zeros(shape, dtype=torch.int64) for shape in ((size,), (size, size), (size + 1,))]
    return sum(counts, MaskCounts(tasks, 0, 0, *zeros))


def counts_by_tensor(mixture: Mixture, recipe: MergeRecipe) -> Iterator[tuple[str, MaskCounts]]:
    """Name of each merged tensor and its counts; masks of all heard tasks, whichever the recipe lays over the vector.

    Raises:
        MergeError: the method of the recipe lays no masks.
    """
    if recipe.method not in MASKING:
        raise MergeError(f'"{recipe.method}" lays no masks; {", ".join(MASKING)} do')
    heard = tuple(task for task in mixture.vectors if recipe.coefficient(task) != 0)
    mixture = replace(mixture, selected=heard)
    settings: dict[str, Any] = recipe.full_settings()
    if recipe.method in VOTED and (bits := stored_bits(mixture, str(settings["vector"]))) is not None:
        yield from counts_of_bits(mixture, *bits)
        return
    vectors = {"emr": unified_vector, "plain_masks": weighted_sum}
    merged_of = vectors.get(recipe.method) or merged_vector(mixture, str(settings["vector"]))
    for slot, tile in mixture.slots():
        if tile.parts:
            merged = merged_of(tile)
            masks = dict(masks_in(mixture, tile, merged, recipe.method, settings))
            yield slot.key, count(heard, merged != 0, masks)
        else:
            yield slot.key, replace(total(heard, ()), weights=tile.stop - tile.start)


def counts_of_bits(mixture: Mixture, active: Tensor, masks: list[Tensor]) -> Iterator[tuple[str, MaskCounts]]:
    """The same from words of bits; a task with coefficient 0 in a tensor keeps nothing there, as in its plane."""
    for slot in mixture.layout.slots:
        where = words_of(slot.start, slot.stop)
        used = [mask[where] & active[where] for mask in masks]
        pairs = torch.tensor([[ones(one & other) for other in used] for one in used], dtype=torch.int64)
        pairs = pairs.reshape(len(used), len(used))
        votes = votes_of(active[where], used)
        yield (
            slot.key,
            MaskCounts(
                mixture.selected, slot.stop - slot.start, ones(active[where]), pairs.diagonal().clone(), pairs, votes
            ),
        )


def count(tasks: tuple[str, ...], active: Tensor, masks: Mapping[str, Tensor]) -> MaskCounts:
    """Counts of one tensor: `active` is (P,) bool, masks are (P,), 1 keeps; a task without a mask keeps nothing."""
    none = torch.zeros_like(active)
    used = torch.stack([masks[task].bool() & active if task in masks else none for task in tasks])
    votes = torch.bincount(used.sum(0)[active], minlength=len(tasks) + 1)
    pairs = torch.tensor([[int((one & other).sum()) for other in used] for one in used], dtype=torch.int64)
    pairs = pairs.reshape(len(tasks), len(tasks))
    return MaskCounts(tasks, active.numel(), int(active.sum()), pairs.diagonal().clone(), pairs, votes)


def masks_in(
    mixture: Mixture, tile: Tile, merged: Tensor, method: str, settings: dict[str, Any]
) -> Iterator[tuple[str, Tensor]]:
    """Every selected task with its mask in a tile, (tile,)."""
    if method == "emr":
        return emr_masks(mixture, tile, merged)
    if method == "plain_masks":
        return picked_masks(mixture, tile, **settings)
    return task_masks(mixture, tile, merged)


def emr_masks(mixture: Mixture, tile: Tile, unified: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Mask of each selected task in the tile: where its vector has the sign of the unified one."""
    for part in tile.parts:
        if part.task in mixture.selected:
            yield part.task, emr_mask(part, unified)
