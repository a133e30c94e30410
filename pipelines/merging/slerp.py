"""SLERP: go from one expert to the other along the arc instead of the chord, tensor by tensor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pipelines.merging.method import MergeMethod, Setting

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Tile, TileWriter

LEAST_NORM = 1e-8
LINEAR_COSINE = 0.9995  # beyond it the arc is a chord to float32

Shares = tuple[float, ...]  # one factor for each part of a tile


def slerp(mixture: Mixture, *, space: str) -> TileWriter:
    """base + factor * the arc's point, for two experts at t = |w2| / (|w1| + |w2|); the sign of w turns its vector.

    Args:
        space: "vectors" measures the angle between task vectors, "weights" between whole networks; there fine-tuned
            siblings are so close that the arc is nearly always the chord.

    Source: Shoemake 1985, applied to unnormalised tensors. One raised fader alone gives its expert.
    """
    shares = {}
    for slot, tile in mixture.slots():
        if tile.parts:
            shares[slot.key] = arc_shares(tile, space)
        if len(tile.parts) > 1:
            mixture.note_parts(tile)

    def write(tile: Tile, live: Tensor) -> None:
        live.copy_(tile.base)
        for slot, where in mixture.slots_in(tile):
            add_shares(tile, shares[slot.key], where, space, live[where])

    return write


def add_shares(tile: Tile, shares: Shares, where: slice, space: str, live: Tensor) -> None:
    """live += factor * merged vector; in weight space base * (sum of shares - 1) is part of it."""
    excess = sum(shares) - 1.0
    if space == "weights" and excess != 0:
        live.add_(tile.base[where], alpha=tile.factor * excess)
    for share, part in zip(shares, tile.parts, strict=True):
        live.add_(part.vector[where], alpha=tile.factor * share * sign(part.coefficient))


def arc_shares(tile: Tile, space: str) -> Shares:
    """Factors of the members of one tensor, before signs."""
    sizes = [abs(part.coefficient) for part in tile.parts]
    if len(sizes) == 1:
        return (1.0,)
    position = sizes[1] / sum(sizes)
    angle = angle_between(tile, space)
    if angle is None:
        return (1.0 - position, position)
    return (math.sin((1.0 - position) * angle) / math.sin(angle), math.sin(position * angle) / math.sin(angle))


def angle_between(tile: Tile, space: str) -> float | None:
    """Angle between the two signed members in radians, 0 to pi; None where the chord is to be taken."""
    from pipelines.merging.sums import dot

    first, second = (part.vector * sign(part.coefficient) for part in tile.parts)
    if space == "weights":
        first, second = tile.base + first, tile.base + second
    norms = math.sqrt(dot(first, first)) * math.sqrt(dot(second, second))
    if norms < LEAST_NORM**2:
        return None
    cosine = dot(first, second) / norms
    return None if abs(cosine) > LINEAR_COSINE else math.acos(cosine)


def sign(value: float) -> float:
    """+1 or -1; zero has the sign of its bit."""
    return math.copysign(1.0, value)


SLERP = MergeMethod(
    name="slerp",
    title="SLERP",
    group="averages",
    paper="Shoemake 1985",
    formula="θ = θ0 + α (sin((1-t)Ω) τ_1 + sin(tΩ) τ_2) / sin Ω",
    settings=(
        Setting(
            "space",
            "Angle between",
            "vectors",
            "Task vectors, or whole networks",
            choices=("vectors", "weights"),
        ),
    ),
    combine=slerp,
    max_experts=2,
    cost="one pass for the angle, then one pass for each move",
    piecewise_when=(),
)
