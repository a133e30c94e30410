"""Cached crops made new at each use: cut and stretched a little otherwise, then lit otherwise."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.text_recognition.fit import HEIGHT_PX, WIDTH_PX

MOVED_SHARE = 0.7  # of the crops
STRETCH = (0.92, 1.12)  # of each axis, on its own
SHIFT = (0.02, 0.05)  # of the width and of the height, to either side


def varied(
    rng: np.random.Generator, pixels: np.ndarray, boxes: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """One use of a crop.

    Args:
        pixels: uint8 (32, 128, 3).
        boxes: (n, 4), cx, cy, w, h, 0 to 1.
        level: strength of the new light, 0 to 1.
    """
    from pipelines.text_recognition.synthetic.relight import relight

    if rng.random() < MOVED_SHARE:
        pixels, boxes = moved(rng, pixels, boxes)
    return relight(pixels, rng, level), boxes


def moved(rng: np.random.Generator, pixels: np.ndarray, boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stretched about the middle and shifted; the rim is repeated where the crop has nothing to show."""
    scale, shift = rng.uniform(*STRETCH, 2), rng.uniform(-1, 1, 2) * SHIFT
    origin = 0.5 - 0.5 * scale + shift  # where the old upper left corner goes, in shares
    size = np.array([WIDTH_PX, HEIGHT_PX])
    matrix = np.array([[scale[0], 0, origin[0] * size[0]], [0, scale[1], origin[1] * size[1]]])
    image = cv2.warpAffine(
        pixels, matrix, (WIDTH_PX, HEIGHT_PX), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    low = np.clip(origin + (boxes[:, :2] - boxes[:, 2:] / 2) * scale, 0, 1)
    high = np.clip(origin + (boxes[:, :2] + boxes[:, 2:] / 2) * scale, 0, 1)
    return image, np.concatenate([(low + high) / 2, high - low], 1)
