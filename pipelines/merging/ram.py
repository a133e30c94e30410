"""RAM: what one expert alone changed is kept whole, what several changed is averaged (arXiv:2601.13572)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.method import MergeMethod, Setting

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Part, Tile, TileWriter


def ram(mixture: Mixture, *, limit: float, gain: float, cap: float) -> TileWriter:
    """base + factor * the sum of weighted vectors over the number of experts that changed the entry.

    Args:
        limit: an entry counts as changed beyond this size; smaller changes are dropped.
        gain, cap: RAM+. An expert's own entries are multiplied by 1 + gain * min(shared / own, cap), counted in each
            tensor; gain 0 is RAM.
    """
    gains = {}
    for slot, tile in mixture.slots():
        if tile.parts:
            gains[slot.key] = own_gains(tile, limit, gain, cap)
        if gain != 0:
            mixture.note_parts(tile)

    def write(tile: Tile, live: Tensor) -> None:
        live.copy_(tile.base)
        for slot, where in mixture.slots_in(tile):
            live[where].add_(merged(tile, where, limit, gains[slot.key]), alpha=tile.factor)

    return write


def changed(part: Part, where: slice, limit: float) -> Tensor:
    """1.0 where an expert changed the entry, else 0.0."""
    return part.vector[where].abs().gt_(limit)


def merged(tile: Tile, where: slice, limit: float, gains: tuple[float, ...]) -> Tensor:
    """The merged vector of a stretch of one tensor."""
    import torch

    owned = [changed(part, where, limit) for part in tile.parts]
    count = torch.stack(owned).sum(0)
    share = count.clamp(min=1.0).reciprocal_()
    total = torch.zeros_like(share)
    for part, own, gain in zip(tile.parts, owned, gains, strict=True):
        factor = torch.where(count == 1, gain, share).mul_(own)
        total.addcmul_(part.vector[where], factor, value=part.coefficient)
    return total


def own_gains(tile: Tile, limit: float, gain: float, cap: float) -> tuple[float, ...]:
    """What each part's own entries of one tensor are multiplied by."""
    import torch

    if gain == 0:
        return (1.0,) * len(tile.parts)
    owned = [changed(part, slice(None), limit) for part in tile.parts]
    count = torch.stack(owned).sum(0)
    gains = []
    for own in owned:
        alone = int(torch.count_nonzero(own * (count == 1)))
        shared = int(torch.count_nonzero(own)) - alone
        gains.append(1.0 + gain * min(shared / alone if alone else float(shared > 0), cap))
    return tuple(gains)


RAM = MergeMethod(
    name="ram",
    title="RAM",
    group="elect",
    paper="arXiv:2601.13572",
    formula="θ = θ0 + α Σ w_t τ_t / n,  n the number of experts that changed the weight",
    settings=(
        Setting("limit", "Limit", 0.00001, "A change counts beyond this size", 0.0, 0.01, 0.00001),
        Setting("gain", "Own gain", 0.0, "RAM+: how much is made up for shared entries", 0.0, 1.0),
        Setting("cap", "Own gain cap", 0.2, "RAM+: the largest share that is made up for"),
    ),
    combine=ram,
    is_expert_alone=False,  # it drops the small changes of one too
    is_scale_free=False,  # the limit is in units of weights
    cost="one pass over all vectors, two with RAM+",
    piecewise_when=(),
)
