"""Stripes of single pixels, which a pixel shuffle leaves behind, taken out of a plane."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

REACH_PX = 8  # over twice this an alternation must go on to be taken for stripes


def without_stripes(planes: Tensor) -> Tensor:
    """Planes (..., H, W) less what alternates from pixel to pixel, in x, in y or as a chessboard, over 16 pixels.

    The four phases of a pixel shuffle differ by a constant, most of all in a mix of experts that were never trained
    together. Edges and texture stay: their signs do not agree over the window.
    Planes of 8 pixels and less come back as they are.
    """
    if min(planes.shape[-2:]) <= REACH_PX:
        return planes
    patterns = _patterns(planes)
    flat = planes.reshape(-1, 1, *planes.shape[-2:])
    around = F.pad(flat * patterns, (REACH_PX,) * 4, mode="reflect")  # the phase goes on across the border
    window = torch.full((2 * REACH_PX + 1,), 1 / (2 * REACH_PX), dtype=planes.dtype, device=planes.device)
    window[0] = window[-1] = window[0] / 2  # so that a constant does not alternate
    down, across = (window.view(shape).expand(3, 1, *shape) for shape in ((2 * REACH_PX + 1, 1), (1, 2 * REACH_PX + 1)))
    amplitude = F.conv2d(F.conv2d(around, down, groups=3), across, groups=3)
    return planes - (amplitude * patterns).sum(1).view_as(planes)


def _patterns(planes: Tensor) -> Tensor:
    """+1 and -1 in turn along x, along y, and along both, (3, H, W)."""
    y, x = (1 - 2 * (torch.arange(side, device=planes.device) % 2).to(planes.dtype) for side in planes.shape[-2:])
    columns, rows = x.expand(planes.shape[-2:]), y[:, None].expand(planes.shape[-2:])
    return torch.stack([columns, rows, columns * rows])
