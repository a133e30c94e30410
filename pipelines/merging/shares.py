"""Merged vectors in the span of the members: inner products decide the share of each, for a tensor, a row or a column.

One pass over the vectors gives a small Gram matrix for every group; what a method makes of it costs nothing, and to
fill the network is a weighted sum again. Members are task vectors, turned by the sign of their fader, or networks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from pipelines.merging.method import Setting
from pipelines.merging.slerp import sign

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.layout import Slot
    from pipelines.merging.mixture import Mixture, Tile, TileWriter

    # Gram matrices (groups, K, K) float64, sizes of the faders (K,) float64, key of the tensor -> shares (groups, K)
    Solve = Callable[[Tensor, Tensor, str], Tensor]

ALONG = ("tensor", "row", "column")
SPACE = Setting("space", "Sphere of", "vectors", "Task vectors, or whole networks", choices=("vectors", "weights"))


def share_writer(mixture: Mixture, solve: Solve, *, along: str = "tensor", space: str = "vectors") -> TileWriter:
    """base + factor * (sum of share * member, less the base where members are whole networks).

    Args:
        along: what has shares of its own, one of ALONG; tensors of one axis are never cut.
        space: "vectors" or "weights".
    """
    import torch

    shares = {}
    for slot, tile in mixture.slots():
        if tile.parts:
            sizes = torch.tensor([abs(part.coefficient) for part in tile.parts], dtype=torch.float64)
            shares[slot.key] = solve(grams(slot, tile, along, space), sizes, slot.key)
            mixture.note_parts(tile)

    def write(tile: Tile, live: Tensor) -> None:
        live.copy_(tile.base)
        for slot, where in mixture.slots_in(tile):
            first = tile.start + where.start - slot.start
            _add(tile, where, live[where], _spread(shares[slot.key], slot, along, first), space)

    return write


def grams(slot: Slot, tile: Tile, along: str, space: str) -> Tensor:
    """Inner products of the members of one tensor, (groups, K, K) float64; `tile` is the whole tensor."""
    import torch

    members = [part.vector * sign(part.coefficient) for part in tile.parts]
    if space == "weights":
        members = [tile.base + member for member in members]
    products = torch.empty(group_count(slot, along), len(members), len(members), dtype=torch.float64)
    for i, first in enumerate(members):
        for j, second in enumerate(members[: i + 1]):
            products[:, i, j] = products[:, j, i] = _products(slot, first, second, along)
    return products


def group_count(slot: Slot, along: str) -> int:
    """How many groups a tensor has."""
    if along == "tensor" or len(slot.shape) < 2 or slot.start == slot.stop:
        return 1
    rows = slot.shape[0]
    return rows if along == "row" else (slot.stop - slot.start) // rows


def group_of(slot: Slot, along: str, first: int, count: int) -> Tensor:
    """Number of the group of entries first, first + 1, ... of a tensor, (count,) int64. A row is all of one output."""
    import torch

    place = torch.arange(first, first + count)
    width = (slot.stop - slot.start) // slot.shape[0]
    return place // width if along == "row" else place % width


def cosines(products: Tensor) -> Tensor:
    """Cosines from Gram matrices, (groups, K, K); 0 where a member is zero."""
    import torch

    norms = products.diagonal(dim1=1, dim2=2).sqrt()
    scale = norms[:, :, None] * norms[:, None, :]
    return torch.where(scale > 0, products / scale.clamp(min=1e-300), 0.0).clamp(-1.0, 1.0)


def _products(slot: Slot, first: Tensor, second: Tensor, along: str) -> Tensor:
    """Inner product of each group, (groups,) float64, added up in a fixed order."""
    import torch

    from pipelines.merging.sums import chunks, dot

    groups = group_count(slot, along)
    if groups == 1:
        return torch.tensor([dot(first, second)], dtype=torch.float64)
    sums, done = torch.zeros(groups, dtype=torch.float64), 0
    for a, b in chunks(first, second):
        sums.index_add_(0, group_of(slot, along, done, len(a)), a.double() * b.double())
        done += len(a)
    return sums


def _spread(shares: Tensor, slot: Slot, along: str, first: int) -> Callable[[int, int], Tensor | float]:
    """share(member, count): the factor of that member for `count` entries from `first` on."""

    def share(member: int, count: int) -> Tensor | float:
        if len(shares) == 1:
            return float(shares[0, member])
        return shares[:, member].float()[group_of(slot, along, first, count)]

    return share


def _add(tile: Tile, where: slice, live: Tensor, share: Callable[[int, int], Tensor | float], space: str) -> None:
    factors = [share(member, live.numel()) for member in range(len(tile.parts))]
    if space == "weights":
        _add_scaled(live, tile.base[where], sum(factors[1:], factors[0]) - 1.0, tile.factor)
    for factor, part in zip(factors, tile.parts, strict=True):
        _add_scaled(live, part.vector[where], factor, tile.factor * sign(part.coefficient))


def _add_scaled(live: Tensor, vector: Tensor, factor: Tensor | float, scale: float) -> None:
    if isinstance(factor, float):
        if factor != 0 and math.isfinite(factor):
            live.add_(vector, alpha=factor * scale)
    else:
        live.addcmul_(vector, factor, value=scale)
