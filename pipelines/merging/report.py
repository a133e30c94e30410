"""Numbers about a family and a recipe that the desk plots: mask densities, votes, norms and cosines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from pipelines.merging.emr import emr_mask, unified_vector
from pipelines.merging.masks import merged_vector, task_masks, weighted_sum
from pipelines.merging.mixture import Mixture, Tile
from pipelines.merging.plain_masks import picked_masks
from pipelines.merging.recipe import MergeError, MergeRecipe
from pipelines.merging.sums import dot


@dataclass(frozen=True)
class MaskReport:
    """Shares of the merged weights, 0 to 1.

    Attributes:
        density: task -> share that its mask keeps.
        union: kept by at least one mask.
        catastrophic, selfish: moved by the merge, but used by no task, by exactly one.
        inactive: where the merged vector is 0; masks are not counted there.
        histogram: entry n is the share used by n tasks, n = 0 to T, without the inactive; with `inactive` it sums to 1.
    """

    density: Mapping[str, float]
    union: float
    catastrophic: float
    selfish: float
    inactive: float
    histogram: tuple[float, ...]


@dataclass(frozen=True)
class Diagnostics:
    """How far the experts went, and in which directions.

    Attributes:
        base_norm: Euclidean norm of the base's merged weights.
        relative_norms: task -> |task vector| / |base|; above 0.5 the expert hardly comes from this base.
        cosines: (task, task) -> cosine of the angle between their vectors, for every pair, both ways and with itself.
    """

    base_norm: float
    relative_norms: Mapping[str, float]
    cosines: Mapping[tuple[str, str], float]


def mask_report(mixture: Mixture, recipe: MergeRecipe) -> MaskReport:
    """Count the masks of all heard tasks, whichever of them the recipe lays over the vector.

    Raises:
        MergeError: the method of the recipe lays no masks.
    """
    heard = tuple(task for task in mixture.vectors if recipe.coefficient(task) != 0)
    mixture = replace(mixture, selected=heard)
    votes = torch.zeros(len(mixture.vectors) + 1, dtype=torch.int64)
    kept = dict.fromkeys(mixture.selected, 0)
    for active, masks in masks_by_tensor(mixture, recipe):
        counts = torch.zeros_like(active, dtype=torch.int64)
        for task, mask in masks:
            used = mask.bool() & active
            kept[task] += int(used.sum())
            counts += used
        votes += torch.bincount(counts[active], minlength=len(votes))
    total = max(mixture.layout.count, 1)
    histogram = tuple(int(count) / total for count in votes)
    return MaskReport(
        density={task: count / total for task, count in kept.items()},
        union=sum(histogram[1:]),
        catastrophic=histogram[0],
        selfish=histogram[1],
        inactive=1.0 - int(votes.sum()) / total,
        histogram=histogram,
    )


def masks_by_tensor(mixture: Mixture, recipe: MergeRecipe) -> Iterator[tuple[Tensor, list[tuple[str, Tensor]]]]:
    """For each tensor, where the merged vector is not 0, and every selected task's mask."""
    if recipe.method not in ("tall_masks", "consensus", "emr", "plain_masks"):
        raise MergeError(f'"{recipe.method}" lays no masks; tall_masks, consensus, emr and plain_masks do')
    settings: dict[str, Any] = recipe.full_settings()
    vectors = {"emr": unified_vector, "plain_masks": weighted_sum}
    merged_of = vectors.get(recipe.method) or merged_vector(mixture, str(settings["vector"]))
    for _, tile in mixture.slots():
        if tile.parts:
            merged = merged_of(tile)
            yield merged != 0, list(masks_in(mixture, tile, merged, recipe.method, settings))


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


def diagnostics(base: Tensor, vectors: Mapping[str, Tensor]) -> Diagnostics:
    """Norms and cosines of flat vectors, summed in float64."""
    products = {(one, other): dot(vectors[one], vectors[other]) for one in vectors for other in vectors if one <= other}
    norms = {task: products[task, task] ** 0.5 for task in vectors}
    base_norm = dot(base, base) ** 0.5
    return Diagnostics(
        base_norm=base_norm,
        relative_norms={task: norm / base_norm if base_norm else 0.0 for task, norm in norms.items()},
        cosines={(a, b): cosine(products[min(a, b), max(a, b)], norms[a] * norms[b]) for a in vectors for b in vectors},
    )


def cosine(product: float, norms: float) -> float:
    """Dot product over the product of norms; 0 where a vector is zero."""
    return product / norms if norms else 0.0
