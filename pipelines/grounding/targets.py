"""What the heads should say, from boxes: Gaussian heat maps (CornerNet, arXiv:1808.01244) and centre cells."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

OVERLAP = 0.7  # boxes whose corners lie within the radius overlap the true one at least so much
NO_BOX = 0.0  # width of a row that stands for no box


@dataclass(frozen=True)
class Cells:
    """Centre cells of all boxes of a batch, one row each.

    Attributes:
        sample, row, column: int64 (n,).
        boxes: (n, 4), cx, cy, w, h, 0 to 1.
    """

    sample: Tensor
    row: Tensor
    column: Tensor
    boxes: Tensor


def centre_cells(boxes: Tensor, side: int) -> Cells:
    """Cells in which the centres lie; boxes (B, K, 4), rows of no width are none."""
    sample, place = torch.nonzero(boxes[:, :, 2] > NO_BOX, as_tuple=True)
    found = boxes[sample, place]
    cell = (found[:, :2] * side).long().clamp(0, side - 1)
    return Cells(sample, cell[:, 1], cell[:, 0], found)


def heat_map(boxes: Tensor, side: int) -> Tensor:
    """Gaussians around the centre cells, merged by maximum, (B, side, side); 1 at a centre, 0 without boxes."""
    sizes = boxes[:, :, 2:] * side
    sigma = (2 * radius(sizes) + 1) / 6
    cell = (boxes[:, :, :2] * side).floor().clamp(0, side - 1)
    at = torch.arange(side, device=boxes.device, dtype=boxes.dtype)
    dx, dy = at - cell[:, :, :1], at - cell[:, :, 1:]  # (B, K, side)
    far = dx[:, :, None] ** 2 + dy[:, :, :, None] ** 2
    heat = torch.exp(-far / (2 * sigma[:, :, None, None] ** 2)) * (boxes[:, :, 2] > NO_BOX)[:, :, None, None]
    return heat.amax(1)


def radius(sizes: Tensor, overlap: float = OVERLAP) -> Tensor:
    """CornerNet's radius of boxes (..., 2) in cells: the least of three cases of shifted corners."""
    total, area = sizes.sum(-1), sizes.prod(-1)
    cases = (
        (1.0, total, area * (1 - overlap) / (1 + overlap)),
        (4.0, 2 * total, (1 - overlap) * area),
        (4.0 * overlap, -2 * overlap * total, (overlap - 1) * area),
    )
    roots = []
    for a, b, c in cases:
        root = (b**2 - 4 * a * c).clamp_min(0).sqrt()
        roots.append((b - root) / (2 * a) if a != 4.0 * overlap else (b + root) / (2 * a))
    return torch.stack(roots).amin(0).clamp_min(0)
