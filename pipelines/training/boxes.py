"""How far boxes agree, as losses want it."""

from __future__ import annotations

import torch
from torch import Tensor


def giou(first: Tensor, second: Tensor) -> Tensor:
    """Generalised IoU of boxes (n, 4) as cx, cy, w, h: -1 to 1 (Rezatofighi et al. 2019, arXiv:1902.09630)."""
    low_a, high_a = first[:, :2] - first[:, 2:] / 2, first[:, :2] + first[:, 2:] / 2
    low_b, high_b = second[:, :2] - second[:, 2:] / 2, second[:, :2] + second[:, 2:] / 2
    shared = (torch.minimum(high_a, high_b) - torch.maximum(low_a, low_b)).clamp_min(0).prod(1)
    union = first[:, 2:].prod(1) + second[:, 2:].prod(1) - shared
    hull = (torch.maximum(high_a, high_b) - torch.minimum(low_a, low_b)).prod(1)
    return shared / union.clamp_min(1e-6) - (hull - union) / hull.clamp_min(1e-6)
