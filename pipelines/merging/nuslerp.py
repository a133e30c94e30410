"""NuSLERP: SLERP of two task vectors whose angle may be taken for each row or column of a matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.method import MergeMethod, Setting
from pipelines.merging.shares import ALONG, SPACE, cosines, share_writer

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, TileWriter

LINEAR_SINE = 1e-6  # angles come from float64 sums: below it arc and chord are the same to float32


def nuslerp(mixture: Mixture, *, along: str, space: str) -> TileWriter:
    """base + factor * the arc's point at t = |w2| / (|w1| + |w2|), group by group.

    Args:
        along: "tensor" takes one angle for a whole tensor, "row" one for each output, "column" one for each input.
        space: "vectors" or "weights".

    Convention: where two members point the same way, or opposite ways, the chord is taken.
    """
    return share_writer(mixture, arc_shares, along=along, space=space)


def arc_shares(products: Tensor, sizes: Tensor, key: str) -> Tensor:
    """Shares of one or two members, (groups, K)."""
    import torch

    if len(sizes) == 1:
        return torch.ones(len(products), 1, dtype=torch.float64)
    position = float(sizes[1] / sizes.sum())
    angle = cosines(products)[:, 0, 1].acos()
    sine = angle.sin()
    is_chord = sine < LINEAR_SINE
    first = torch.where(is_chord, 1.0 - position, ((1.0 - position) * angle).sin() / sine)
    second = torch.where(is_chord, position, (position * angle).sin() / sine)
    return torch.stack([first, second], dim=1)


NUSLERP = MergeMethod(
    name="nuslerp",
    title="NuSLERP",
    group="averages",
    paper="arXiv:2403.13257",
    formula="θ = θ0 + α (sin((1-t)Ω) τ_1 + sin(tΩ) τ_2) / sin Ω,  Ω per tensor, row or column",
    settings=(
        Setting("along", "Angle of each", "row", "What has an angle of its own", choices=ALONG),
        SPACE,
    ),
    combine=nuslerp,
    max_experts=2,
    cost="one pass for the angles, then one pass for each move",
    piecewise_when=(),
)
