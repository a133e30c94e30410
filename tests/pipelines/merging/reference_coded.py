"""Codes of few bits in float64, entry by entry; a vector is that of one tensor, flat, float64."""

from __future__ import annotations

import torch
from torch import Tensor


def signs(vector: Tensor, rows: int) -> Tensor:
    """Each row's mean size, with a bit for the sign: 0 counts as minus."""
    pieces = [row.abs().mean() * (2.0 * (row > 0) - 1.0) for row in vector.view(rows, -1)]
    return torch.cat(pieces)


def integers(vector: Tensor, width: int, bits: int) -> tuple[Tensor, Tensor]:
    """The nearest of 2^bits values of each `width` entries, and which entries lie so near the middle of two, and not in
    it, that rounding may take either.
    """
    decoded, is_open = [], []
    for group in vector.split(width):
        low, high = min(0.0, float(group.min())), max(0.0, float(group.max()))
        step = float(torch.tensor((high - low) / (2**bits - 1)).float()) or 2.0**-149  # stored as float32
        least = round(low / step)
        steps = group / step
        decoded.append(step * steps.round().clamp(least, least + 2**bits - 1))
        off = torch.minimum((steps % 1 - 0.5).abs(), torch.tensor(abs(low / step % 1 - 0.5) or 1.0))
        is_open.append((off > 0) & (off < 1e-5))
    return torch.cat(decoded), torch.cat(is_open)
