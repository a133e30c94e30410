"""Where enough tasks use a weight: votes counted exactly, looked up in planes, or remembered, to the same bit.

The exact count reads every task vector. While the faders rest there are shorter ways: k and the scale move over a
remembered count (5 bytes a weight), a lambda moves over byte planes (4 bytes and one for each task).
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pipelines.merging.masks import count_votes, merged_vector, restore_base, threshold_of
from pipelines.merging.planes import count_stops, level_of, single
from pipelines.merging.writer import LONG, Writer

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.masks import TileVector
    from pipelines.merging.mixture import Mixture, Tile, TileWriter
    from pipelines.merging.native import Kernels


def voted_writer(mixture: Mixture, vector: str, needed: int) -> TileWriter:
    """base + factor * merged vector where `needed` selected tasks (1 or more) use it, else the base to the bit."""
    keys = Keys.of(mixture, vector)
    asked_before = mixture.store.exchange(keys.merged, keys.votes)
    if asked_before == keys.votes:
        remember_votes(mixture, vector, keys)
    merged, votes = mixture.store.get(keys.merged), mixture.store.get(keys.votes)
    if merged is not None and votes is not None:
        return plane_writer(mixture, merged, [votes], [needed], 1)
    levels = [level for level in map(level_of, keys.limits) if level is not None]
    if not levels or len(levels) < len(keys.limits):
        return exact_writer(mixture, vector, needed)
    planes = [plane for plane in map(mixture.store.get, keys.planes) if plane is not None]
    if merged is not None and len(planes) == len(levels):
        return plane_writer(mixture, merged, planes, levels, needed)
    if asked_before is not None:
        mixture.store.later(lambda: planes_in_thread(mixture, vector, keys))
    return exact_writer(mixture, vector, needed)


@dataclass(frozen=True)
class Keys:
    """Names of the stored tensors of one merge; each says all that its tensor depends on."""

    merged: Hashable
    votes: Hashable
    planes: tuple[Hashable, ...]  # of the selected tasks, as are the limits
    limits: tuple[float, ...]

    @classmethod
    def of(cls, mixture: Mixture, vector: str) -> Keys:
        merged = ("merged", vector, tuple((span.start, span.coefficients) for span in mixture.spans))
        limits = tuple(single(threshold_of(mixture, task)) for task in mixture.selected)
        planes = tuple(("plane", merged, mixture.masks.compare, task) for task in mixture.selected)
        return cls(merged, ("votes", planes, limits), planes, limits)


def exact_writer(mixture: Mixture, vector: str, needed: int) -> TileWriter:
    """Every mask from the vectors themselves."""
    merged_of, kernels = merged_vector(mixture, vector), mixture.kernels
    if kernels is not None:
        return native_exact_writer(mixture, kernels, None if vector == "sum" else merged_of, needed)

    def write(tile: Tile, live: Tensor) -> None:
        merged = merged_of(tile)
        keep_where(mixture, tile, merged, count_votes(mixture, tile, merged).ge_(needed), live)

    return write


def native_exact_writer(mixture: Mixture, kernels: Kernels, merged_of: TileVector | None, needed: int) -> TileWriter:
    """The same in one pass; `merged_of` None is the sum of the vectors, which the kernel adds up itself."""

    def write(tile: Tile, live: Tensor) -> None:
        limits = [limit_in(mixture, part.task) for part in tile.parts]
        merged = merged_of(tile) if merged_of else None
        kernels.tall(tile, limits, mixture.masks.compare, needed, merged, live)

    return write if merged_of else Writer(write, LONG, is_parallel=True)


def limit_in(mixture: Mixture, task: str) -> float:
    """The lambda of a task; infinity, which nothing passes, where its mask does not count."""
    return threshold_of(mixture, task) if task in mixture.selected else math.inf


def plane_writer(mixture: Mixture, merged: Tensor, planes: list[Tensor], levels: list[int], needed: int) -> TileWriter:
    """Kept is what reaches its level in at least `needed` planes, (length,) uint8 each."""
    kernels = mixture.kernels
    if kernels is not None:
        return native_plane_writer(kernels, merged, planes, levels, needed)

    def write(tile: Tile, live: Tensor) -> None:
        import torch

        first, *others = (plane[tile.start : tile.stop] for plane in planes)
        votes = torch.ge(first, levels[0], out=torch.empty_like(first))
        for plane, level in zip(others, levels[1:], strict=True):
            votes += torch.ge(plane, level, out=torch.empty_like(plane))
        keep = votes if len(planes) == needed == 1 else votes.ge_(needed)
        keep_where(mixture, tile, merged[tile.start : tile.stop], keep.float(), live)

    return Writer(write, read_bytes=4 + len(planes))


def native_plane_writer(
    kernels: Kernels, merged: Tensor, planes: list[Tensor], levels: list[int], needed: int
) -> TileWriter:
    """The same in one pass."""

    def write(tile: Tile, live: Tensor) -> None:
        where = slice(tile.start, tile.stop)
        kernels.planes(tile, merged[where], [plane[where] for plane in planes], levels, needed, live)

    return Writer(write, LONG, read_bytes=4 + len(planes), is_parallel=True)


def keep_where(mixture: Mixture, tile: Tile, merged: Tensor, keep: Tensor, live: Tensor) -> None:
    """base + factor * merged where `keep` is 1.0, base to the bit where it is 0.0; all (tile,) float32."""
    import torch

    torch.addcmul(tile.base, merged, keep, value=tile.factor, out=live)
    if has_negative_zeros(mixture):  # -0.0 + 0.0 is 0.0: the only numbers that adding zero changes
        restore_base(keep, tile.base, live)


def has_negative_zeros(mixture: Mixture) -> bool:
    """Whether -0.0 is among the base's weights."""
    import torch

    if "negative zeros" not in mixture.memory:
        mixture.note(mixture.base)
        mixture.memory["negative zeros"] = bool((mixture.base.view(torch.int32) == -(2**31)).any())
    return mixture.memory["negative zeros"]


def remember_votes(mixture: Mixture, vector: str, keys: Keys) -> None:
    """Store merged vector and votes, unless they are there. Asked for when k or the scale move."""
    merged = stored_merged(mixture, vector, keys)
    if mixture.store.get(keys.votes) is None:
        (votes,) = empty_planes(mixture, 1)
        for tile in mixture.tiles():
            where = slice(tile.start, tile.stop)
            votes[where] = count_votes(mixture, tile, merged[where])
            mixture.note_parts(tile)
        mixture.note(merged, votes)
        mixture.store.put(keys.votes, votes)


def planes_in_thread(mixture: Mixture, vector: str, keys: Keys) -> None:
    """`build_planes`, beside the merge that asked and not noted in it.

    Where new tensors are made is said again, for a thread does not take it over.
    """
    from pipelines.merging.layout import beside

    with beside(mixture.base):
        build_planes(replace(mixture, noted=[]), vector, keys)


def build_planes(mixture: Mixture, vector: str, keys: Keys) -> None:
    """Store merged vector and the planes of the selected tasks. Asked for when a lambda moves."""
    merged = stored_merged(mixture, vector, keys)
    planes = dict(zip(mixture.selected, empty_planes(mixture, len(mixture.selected)), strict=True))
    for tile in mixture.tiles():
        where = slice(tile.start, tile.stop)
        for part in tile.parts:
            if part.task in planes:
                planes[part.task][where] = count_stops(part, merged[where], mixture.masks.compare)
    for key, plane in zip(keys.planes, planes.values(), strict=True):
        mixture.store.put(key, plane)


def stored_merged(mixture: Mixture, vector: str, keys: Keys) -> Tensor:
    """The merged vector, (length,), without scale: from the store, or made and stored."""
    merged = mixture.store.get(keys.merged)
    if merged is None:
        merged_of, merged = merged_vector(mixture, vector), mixture.base.new_zeros(mixture.base.shape)
        for tile in mixture.tiles():
            if tile.parts:
                merged[tile.start : tile.stop] = merged_of(tile)
                mixture.note_parts(tile)
        mixture.note(merged)
        mixture.store.put(keys.merged, merged)
    return merged


def empty_planes(mixture: Mixture, count: int) -> list[Tensor]:
    """Zeros, (length,) uint8 each, where the base lies."""
    import torch

    return [torch.zeros_like(mixture.base, dtype=torch.uint8) for _ in range(count)]
