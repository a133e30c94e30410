"""Byte planes: how many stops of the lambda fader a task's mask passes at each weight, so that a stop is one compare.

The stops are counted with the exact float32 comparison of the mask, by halving: a mask that passes at one lambda passes
at every smaller one. So a plane is right to the bit at its stops; between them the comparison itself is used.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Part

STOPS = 255  # 0.00, 0.01 to 2.54: the fader ends at 2
STEP = 100


def level_of(threshold: float) -> int | None:
    """What a plane's byte must reach at this lambda, 1 to STOPS; None between the stops."""
    stop = round(threshold * STEP)
    is_stop = 0 <= stop < STOPS and single(stop / STEP) == single(threshold)
    return stop + 1 if is_stop else None


def single(value: float) -> float:
    """Rounded to float32, which is what the comparison sees."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def count_stops(part: Part, merged: Tensor, compare: str) -> Tensor:
    """The number of stops at which the mask of one task keeps a weight, (tile,) uint8."""
    import torch

    own = part.vector * part.coefficient
    others = (merged - own).abs_()
    own.abs_()
    passed, steps = torch.zeros_like(own), torch.full_like(own, STEP)
    for half in (128, 64, 32, 16, 8, 4, 2, 1):
        limit = (passed + (half - 1)).div_(steps).mul_(others)  # a quotient of tensors is correctly rounded
        is_kept = limit.le_(own) if compare == "ge" else limit.lt_(own)
        passed.add_(is_kept, alpha=half)
    return passed.to(torch.uint8)
