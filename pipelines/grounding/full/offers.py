"""What a published network offers for an expression, before anything is ranked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.grounding.full.candidates import Candidates


@dataclass(frozen=True)
class Offer:
    """Candidates of an expression.

    Attributes:
        masks: logits of each candidate's mask, (n, h, w) over the picture, if the network gives them itself.
        whole: logits (h, w) of a mask for the whole expression, if the network gives one.
    """

    candidates: Candidates
    masks: np.ndarray | None = None
    whole: np.ndarray | None = None


def mean_colours(picture: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Median colour of the middle of each box, (n, 3) in CIE Lab; boxes in shares of the picture (H, W, 3) uint8."""
    import cv2

    scale = min(1.0, 256 / max(picture.shape[:2]))
    size = max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)
    low, high = boxes[:, :2] * 0.75 + boxes[:, 2:] * 0.25, boxes[:, :2] * 0.25 + boxes[:, 2:] * 0.75
    colours = np.empty((len(boxes), 3), np.float32)
    for i, ((x0, y0), (x1, y1)) in enumerate(zip(low * size, high * size, strict=True)):
        left, top = min(int(x0), size[0] - 1), min(int(y0), size[1] - 1)
        part = lab[top : max(int(np.ceil(y1)), top + 1), left : max(int(np.ceil(x1)), left + 1)]
        colours[i] = np.median(part.reshape(-1, 3), 0)
    return colours
