"""Losses of the collaborative head.

After PLVL (arXiv:2504.16145); boxes are supervised at the true centre cells, which gives a gradient from the first step
(the paper decodes at the predicted peak), and the mask has one sigmoid. Pictures without referent train centre, mask
and existence alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.grounding.head import Outputs
from pipelines.grounding.targets import Cells, centre_cells, heat_map
from pipelines.training.boxes import giou


@dataclass(frozen=True)
class LossWeights:
    """Weight of each term."""

    centre: float = 1.0
    offset: float = 1.0
    l1: float = 2.0
    giou: float = 1.0
    focal: float = 2.0
    dice: float = 1.0
    existence: float = 0.5
    anchor: float = 0.3
    peak: float = 0.3


@dataclass(frozen=True)
class Truth:
    """What is true of B expressions.

    Attributes:
        boxes: of the targets, (B, K, 4), cx, cy, w, h, 0 to 1; rows behind the last are zeros.
        anchors: of the reference objects, the same.
        mask: of all targets, (B, 4g, 4g), 0 to 1.
    """

    boxes: Tensor
    anchors: Tensor
    mask: Tensor


def losses(
    outputs: Outputs, truth: Truth, weights: LossWeights = LossWeights(), at_peak: bool = False
) -> dict[str, Tensor]:
    """Weighted terms by name; `at_peak` adds the box at the predicted peak, as in the paper."""
    side = outputs.centre.shape[1]
    exists = (truth.boxes[:, :, 2] > 0).any(1)
    cells = centre_cells(truth.boxes, side)
    mask = outputs.mask.float()
    found = {
        "centre": weights.centre * heat_loss(outputs.centre, truth.boxes),
        "anchor": weights.anchor * heat_loss(outputs.anchor, truth.anchors, exists),
        "focal": weights.focal * focal_loss(mask, truth.mask),
        "dice": weights.dice * dice_loss(mask, truth.mask, exists),
        "existence": weights.existence * F.binary_cross_entropy_with_logits(outputs.existence.float(), exists.float()),
    }
    if not len(cells.sample):
        return found
    offset = outputs.offset[cells.sample, :, cells.row, cells.column].float()
    true_offset = cells.boxes[:, :2] * side - torch.stack([cells.column, cells.row], 1)
    l1, giou_term = _box_terms(outputs, cells)
    found |= {
        "offset": weights.offset * F.l1_loss(offset, true_offset),
        "l1": weights.l1 * l1,
        "giou": weights.giou * giou_term,
    }
    peaks = _at_peaks(outputs, truth.boxes) if at_peak else None
    if peaks is not None and len(peaks.sample):
        l1, giou_term = _box_terms(outputs, peaks)
        found["peak"] = weights.peak * (weights.l1 * l1 + weights.giou * giou_term)
    return found


def _box_terms(outputs: Outputs, cells: Cells) -> tuple[Tensor, Tensor]:
    boxes = boxes_at(outputs, cells.sample, cells.row, cells.column)
    return F.l1_loss(boxes, cells.boxes), (1 - giou(boxes, cells.boxes)).mean()


def _at_peaks(outputs: Outputs, boxes: Tensor) -> Cells:
    """The highest cell of each sample with one target: of several it would be unclear which is meant."""
    single = torch.nonzero((boxes[:, :, 2] > 0).sum(1) == 1)[:, 0]
    side = outputs.centre.shape[1]
    peak = outputs.centre[single].flatten(1).argmax(1)
    return Cells(single, peak // side, peak % side, boxes[single, 0])


def boxes_at(outputs: Outputs, sample: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Boxes decoded at cells, float32 (n, 4) as cx, cy, w, h, 0 to 1."""
    side = outputs.centre.shape[1]
    offset = outputs.offset[sample, :, row, column].float()
    size = outputs.size[sample, :, row, column].float()
    return torch.cat([(torch.stack([column, row], 1) + offset) / side, size], 1)


def heat_loss(logits: Tensor, boxes: Tensor, counts: Tensor | None = None) -> Tensor:
    """Penalty-reduced focal loss of a heat map (B, g, g), by positives of each sample, mean over samples.

    Args:
        counts: which samples take part, bool (B,); None is all.
    """
    logits, target = logits.float(), heat_map(boxes, logits.shape[1])
    p = logits.sigmoid()
    positive = target > 0.999
    hit = (1 - p) ** 2 * F.logsigmoid(logits) * positive
    miss = (1 - target) ** 4 * p**2 * F.logsigmoid(-logits) * ~positive
    by_sample = -(hit + miss).sum((1, 2)) / positive.sum((1, 2)).clamp_min(1)
    return by_sample.mean() if counts is None else (by_sample * counts).sum() / counts.sum().clamp_min(1)


def focal_loss(logits: Tensor, target: Tensor, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """Mean sigmoid focal loss over all pixels (Lin et al. 2017, arXiv:1708.02002)."""
    p = logits.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    miss = p * (1 - target) + (1 - p) * target
    return (entropy * miss**gamma * (alpha * target + (1 - alpha) * (1 - target))).mean()


def dice_loss(logits: Tensor, target: Tensor, counts: Tensor) -> Tensor:
    """1 - dice with one pixel of smoothing, mean over the samples that count."""
    p, target = logits.sigmoid().flatten(1), target.flatten(1)
    dice = (2 * (p * target).sum(1) + 1) / (p.sum(1) + target.sum(1) + 1)
    return ((1 - dice) * counts).sum() / counts.sum().clamp_min(1)
