"""Byte planes: how many stops of the lambda fader a task's mask passes at each weight, so that a stop is one compare.

The stops are counted with the exact float32 comparison of the mask, by halving: a mask that passes at one lambda passes
at every smaller one. So a plane is right to the bit at its stops; between them the comparison itself is used. The fader
is logarithmic, so the upper half of the stops lies wider apart.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Part

STOPS = 255  # 0.00, 0.01 to 1.27, then 1.30, 1.35 to 7.60: the fader ends at 5
STEP = 100
HALF = 128  # from this stop on they are WIDE hundredths apart, from FAR on
WIDE, FAR = 5, 130


def threshold_at(stop: int) -> float:
    """The lambda of a stop, 0 to STOPS - 1."""
    return (stop if stop < HALF else FAR + WIDE * (stop - HALF)) / STEP


def level_of(threshold: float) -> int | None:
    """What a plane's byte must reach at this lambda, 1 to STOPS; None between the stops."""
    hundredths = round(threshold * STEP)
    stop = hundredths if hundredths < HALF else HALF + (hundredths - FAR) // WIDE
    is_stop = 0 <= stop < STOPS and single(threshold_at(stop)) == single(threshold)
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
    steps = torch.full_like(own, STEP)
    passed, width = torch.zeros_like(own), torch.ones_like(own)  # in hundredths; of a stop

    def is_kept(half: int) -> Tensor:
        stop = torch.add(passed, width, alpha=half - 1)
        limit = stop.div_(steps).mul_(others)  # a quotient of tensors is correctly rounded
        return limit.le_(own) if compare == "ge" else limit.lt_(own)

    is_far = is_kept(HALF)
    passed.add_(is_far, alpha=FAR)
    width.add_(is_far, alpha=WIDE - 1)
    for half in (64, 32, 16, 8, 4, 2, 1):
        passed.addcmul_(is_kept(half), width, value=half)
    return passed.sub_(is_far, alpha=FAR).div_(width).add_(is_far, alpha=HALF).to(torch.uint8)
