"""What masks and task vectors of a family look like, from weights alone: whole, by depth and by kind of tensor."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from statistics import fmean
from typing import TYPE_CHECKING

from pipelines.merging.kinds import KINDS, OTHER, kind_of
from pipelines.merging.mask_counts import MaskCounts, counts_by_tensor, total
from pipelines.shared.tall_archive import tall_recipe, with_mask_of

if TYPE_CHECKING:
    from pipelines.merging.arena import Arena
    from pipelines.merging.mixture import Mixture
    from pipelines.merging.recipe import MergeRecipe

MOST_GROUPS = 24


@dataclass(frozen=True)
class MaskStatistics:
    """Counts of the masks over one merged vector: of all weights, by depth, by kind; groups keep their order."""

    recipe: MergeRecipe
    whole: MaskCounts
    by_depth: Mapping[str, MaskCounts]
    by_kind: Mapping[str, MaskCounts]

    @property
    def inactive(self) -> float:
        """Share of the weights where the merged vector is 0: masks there mean nothing."""
        return 1.0 - self.whole.active / max(self.whole.weights, 1)


def mask_statistics(
    arena: Arena,
    tasks: Sequence[str],
    blocks: Sequence[tuple[str, str]] = (),
    vector: str = "sum",
    threshold: float = 0.4,
) -> MaskStatistics:
    """TALL-masks of these tasks (arXiv:2405.07813), cut from the sum of their vectors or from its TIES form.

    Args:
        blocks: (name, glob) in order of depth; none takes groups from the names of the tensors.
        threshold: lambda of all tasks.

    Raises:
        MergeError: lambda is out of range, or a task is not there.
    """
    recipe = tall_recipe(tasks, dict.fromkeys(tasks, threshold), vector)
    return statistics_of(arena, with_mask_of(recipe, tasks[0]), blocks)


def statistics_of(arena: Arena, recipe: MergeRecipe, blocks: Sequence[tuple[str, str]] = ()) -> MaskStatistics:
    """The same for a recipe of any method with masks."""
    tasks = tuple(task for task in arena.tasks if recipe.coefficient(task) != 0)
    counts = dict(counts_by_tensor(arena.mixture(recipe), recipe))
    depths, kinds = depth_groups(counts, blocks), {key: kind_of(key) for key in counts}
    return MaskStatistics(
        recipe,
        total(tasks, counts.values()),
        _grouped(tasks, counts, depths, _by_depth(depths, [name for name, _ in blocks])),
        _grouped(tasks, counts, kinds, (*(name for name, _ in KINDS), OTHER)),
    )


def depth_groups(keys: Iterable[str], blocks: Sequence[tuple[str, str]] = ()) -> dict[str, str]:
    """Key -> the part of the network it belongs to, in order of depth; at most MOST_GROUPS parts.

    Without blocks the parts are the names up to their first number, with it; too many are told without the number.
    """
    if blocks:
        return {key: next((name for name, glob in blocks if fnmatchcase(key, glob)), OTHER) for key in keys}
    found = {key: re.match(r"(.*?\.\d+)\.|([^.]+)", key) for key in keys}
    parts = {key: (match[1] or match[2]) if match else key for key, match in found.items()}
    if len(set(parts.values())) > MOST_GROUPS:
        return {key: key.split(".")[0] for key in parts}
    return parts


def sign_conflicts(arena: Arena, tasks: Sequence[str], density: float = 0.2) -> dict[tuple[str, str], float]:
    """(task, task) -> share of opposite signs where both vectors are among their own largest `density` of entries."""
    from pipelines.merging.pruning import kept_count, magnitude_threshold

    large = {}
    for task in tasks:
        vector = arena.experts[task].vector
        limit = magnitude_threshold(vector, kept_count(density, arena.layout.count))
        large[task] = (vector.abs() >= limit) & (vector != 0)
    found = {}
    for one in tasks:
        for other in tasks:
            both = large[one] & large[other]
            signs = arena.experts[one].vector[both] * arena.experts[other].vector[both]
            found[one, other] = float((signs < 0).float().mean()) if len(signs) else 0.0
    return found


def swallowed(arena: Arena, task: str, where: slice = slice(None), dtype: str = "bfloat16") -> float:
    """Share of the moved weights whose change is lost when base + vector is rounded to `dtype`; 0 where none moved.

    Args:
        where: of the flat buffers; all of them.
    """
    import torch

    base, vector = arena.base[where], arena.experts[task].vector[where]
    moved = vector != 0
    target = getattr(torch, dtype)
    is_lost = (base + vector).to(target) == base.to(target)
    return float(is_lost[moved].float().mean()) if bool(moved.any()) else 0.0


@dataclass(frozen=True)
class BlockVectors:
    """What the task vectors of one part of the network are like: means over its tensors, each by its size.

    Attributes:
        angle: the angle that SLERP goes along, mean of all pairs, in right angles: 0 alike, 1 unrelated, 2 opposed.
        stock: t of Model Stock, 0 (it gives the base) to 1 (the mean).
        swallowed: as of the whole network, mean of the tasks.
    """

    angle: float
    stock: float
    swallowed: float


def vectors_by_block(
    arena: Arena, tasks: Sequence[str], blocks: Sequence[tuple[str, str]] = ()
) -> dict[str, BlockVectors]:
    """Part of the network -> its vectors, in order of depth; of parts that a task moves.

    Args:
        blocks: (name, glob) in order of depth; none takes groups from the names of the tensors.
    """
    from pipelines.merging.model_stock import stock_ratios
    from pipelines.merging.recipe import MergeRecipe

    mixture = arena.mixture(MergeRecipe(coefficients=tuple((task, 1.0) for task in tasks)))
    angles, ratios = pair_angles(mixture), stock_ratios(mixture)
    slots = [slot for slot in arena.layout.slots if slot.key in ratios]
    groups = depth_groups([slot.key for slot in slots], blocks)
    members: dict[str, list[tuple[int, float, float, float]]] = {}
    for slot in slots:
        where = slice(slot.start, slot.stop)
        lost = fmean(swallowed(arena, task, where) for task in tasks)
        members.setdefault(groups[slot.key], []).append(
            (slot.stop - slot.start, angles[slot.key], ratios[slot.key], lost)
        )
    order = _by_depth(groups, [name for name, _ in blocks])
    return {name: _mean_of(members[name]) for name in order if name in members}


def pair_angles(mixture: Mixture) -> dict[str, float]:
    """Key -> mean angle between the vectors of two tasks in right angles, 0 to 2; 0 where one alone is raised."""
    import torch

    from pipelines.merging.shares import cosines, grams

    found = {}
    for slot, tile in mixture.slots():
        if tile.parts:
            pairs = torch.triu_indices(len(tile.parts), len(tile.parts), 1)
            angles = cosines(grams(slot, tile, "tensor", "vectors"))[0, pairs[0], pairs[1]].acos() / (math.pi / 2)
            found[slot.key] = float(angles.mean()) if len(angles) else 0.0
    return found


def _mean_of(tensors: Sequence[tuple[int, float, float, float]]) -> BlockVectors:
    sizes, *columns = zip(*tensors, strict=True)
    return BlockVectors(*(fmean(column, sizes) for column in columns))


def _by_depth(groups: Mapping[str, str], blocks: Sequence[str]) -> list[str]:
    """Names of the groups: blocks in their order; without blocks by name, with block 10 after block 9."""
    if blocks:
        return [*blocks, OTHER]
    return sorted(set(groups.values()), key=lambda name: re.sub(r"\d+", lambda found: found[0].zfill(6), name))


def _grouped(
    tasks: tuple[str, ...], counts: Mapping[str, MaskCounts], groups: Mapping[str, str], names: Sequence[str]
) -> dict[str, MaskCounts]:
    """Counts of each group that holds a tensor, in the order of `names`."""
    members: dict[str, list[MaskCounts]] = {name: [] for name in names}
    for key, found in counts.items():
        members[groups[key]].append(found)
    return {name: total(tasks, found) for name, found in members.items() if found}
