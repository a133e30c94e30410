"""From what the network says to objects: peaks of the centre map, their boxes, and each its part of the mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from pipelines.grounding.head import Outputs
from pipelines.grounding.losses import boxes_at
from pipelines.grounding.thresholds import Thresholds

__all__ = ["Found", "Raw", "Thresholds", "found_in", "raw_outputs"]

USUAL = Thresholds()


@dataclass(frozen=True)
class Raw:
    """What the network says about one expression, as arrays; every threshold acts on it without a network.

    Attributes:
        centre, anchor: probabilities, (g, g).
        boxes: of every cell, (g, g, 4), x0, y0, x1, y1, 0 to 1 of the canvas.
        mask: probabilities, (4g, 4g).
        existence: probability of there being a referent.
        words: by injection and cell, (injections, g * g, tokens).
    """

    centre: np.ndarray
    anchor: np.ndarray
    boxes: np.ndarray
    mask: np.ndarray
    existence: float
    words: np.ndarray

    @property
    def nbytes(self) -> int:
        """Memory it holds."""
        return 20_000 + sum(x.nbytes for x in (self.centre, self.anchor, self.boxes, self.mask, self.words))


@dataclass(frozen=True)
class Found:
    """An object: cell (row, column), box x0, y0, x1, y1 in shares of the canvas, score 0 to 1, mask bool (4g, 4g)."""

    cell: tuple[int, int]
    box: np.ndarray
    score: float
    mask: np.ndarray

    @property
    def consistency(self) -> float:
        """IoU of the box and the tight box of the mask, 0 to 1; below 0.5 they disagree."""
        tight = tight_box(self.mask)
        return 0.0 if tight is None else box_iou(self.box, tight)


def raw_outputs(outputs: Outputs) -> list[Raw]:
    """A `Raw` for each expression of a batch."""
    batch, side = outputs.centre.shape[:2]
    cells = torch.cartesian_prod(*(torch.arange(n, device=outputs.centre.device) for n in (batch, side, side)))
    boxes = boxes_at(outputs, *cells.unbind(1)).view(batch, side, side, 4)
    low, high = boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., :2] + boxes[..., 2:] / 2
    corners = torch.cat([low, high], 3).clamp(0, 1).cpu().numpy()
    maps = [F.sigmoid(x.float()).cpu().numpy() for x in (outputs.centre, outputs.anchor, outputs.mask)]
    existence = F.sigmoid(outputs.existence.float()).tolist()
    words = torch.stack(outputs.words, 1).float().cpu().numpy()
    return [Raw(maps[0][i], maps[1][i], corners[i], maps[2][i], existence[i], words[i]) for i in range(batch)]


def found_in(raw: Raw, thresholds: Thresholds = USUAL) -> list[Found]:
    """Objects, the surest first; none if the referent does not exist. Asked for one, the whole mask is its mask.

    The least area is here a share of the canvas, as boxes are.
    """
    if raw.existence < thresholds.existence:
        return []
    cells = peaks(raw.centre, thresholds, raw.boxes)
    painted = raw.mask >= thresholds.mask
    masks = [painted] if len(cells) == 1 else shared_out(painted, [raw.boxes[cell] for cell in cells])
    return [
        Found(cell, raw.boxes[cell], float(raw.centre[cell] * raw.existence), mask)
        for cell, mask in zip(cells, masks, strict=True)
    ]


def peaks(centre: np.ndarray, thresholds: Thresholds, boxes: np.ndarray) -> list[tuple[int, int]]:
    """Cells of local maxima (3 x 3): the highest in any case, then those above the threshold."""
    padded = np.pad(centre, 1, constant_values=-1)
    around = np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).max((2, 3))
    order = np.argsort(-np.where(centre >= around, centre, -1), axis=None, kind="stable")
    chosen: list[tuple[int, int]] = []
    for flat in order:
        row, column = divmod(int(flat), centre.shape[1])
        is_peak = centre[row, column] >= around[row, column] and centre[row, column] >= thresholds.centre
        if len(chosen) == thresholds.most or not (is_peak or flat == order[0]):
            break
        box = boxes[row, column]
        is_new = all(box_iou(box, boxes[other]) <= thresholds.overlap for other in chosen)
        if is_new and area(box) >= thresholds.least_area:
            chosen.append((row, column))
    return chosen


def shared_out(mask: np.ndarray, boxes: list[np.ndarray]) -> list[np.ndarray]:
    """Every pixel of a mask to the box that holds it; of several to that with the nearest centre."""
    rows, columns = (np.indices(mask.shape) + 0.5) / mask.shape[0]
    far = np.full((len(boxes), *mask.shape), np.inf)
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        inside = (columns >= x0) & (columns <= x1) & (rows >= y0) & (rows <= y1)
        far[i, inside] = ((columns - (x0 + x1) / 2) ** 2 + (rows - (y0 + y1) / 2) ** 2)[inside]
    nearest = far.argmin(0) if boxes else np.zeros(mask.shape, int)
    return [mask & (nearest == i) & np.isfinite(far[i]) for i in range(len(boxes))]


def tight_box(mask: np.ndarray) -> np.ndarray | None:
    """The box of a mask, x0, y0, x1, y1 in shares of its sides; None of an empty one."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    height, width = mask.shape
    return np.array([columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height])


def area(box: np.ndarray) -> float:
    """Of a box x0, y0, x1, y1."""
    return float(max(box[2] - box[0], 0) * max(box[3] - box[1], 0))


def box_iou(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two boxes x0, y0, x1, y1."""
    shared = area(np.concatenate([np.maximum(first[:2], second[:2]), np.minimum(first[2:], second[2:])]))
    union = area(first) + area(second) - shared
    return shared / union if union > 0 else 0.0
