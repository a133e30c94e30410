"""Pictures at the size of a published network, without torchvision: made square, or fitted into its corner."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
Norm = tuple[tuple[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True)
class Fitted:
    """A picture at a network's size.

    Attributes:
        pixels: (3, side, side) float32, normalised.
        scale_xy: from pixels of the picture to pixels of the network.
        used_hw: the part that is picture, from the top left; the rest is 0.
    """

    pixels: np.ndarray
    scale_xy: tuple[float, float]
    used_hw: tuple[int, int]


def stretch(picture: np.ndarray, side: int, norm: Norm = IMAGENET) -> Fitted:
    """A picture (H, W, 3) uint8 made square, as SAM 2 and SAM 3 see it. Bilinear, smoothed where it shrinks."""
    height, width = picture.shape[:2]
    return Fitted(_normal(_resized(picture, side, side), norm), (side / width, side / height), (side, side))


def letterbox(picture: np.ndarray, side: int, norm: Norm = IMAGENET) -> Fitted:
    """A picture with its long side fitted, in the top left corner, as SAM sees it; the rest is 0 after normalising."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    w, h = max(1, int(width * scale + 0.5)), max(1, int(height * scale + 0.5))
    pixels = np.zeros((3, side, side), np.float32)
    pixels[:, :h, :w] = _normal(_resized(picture, w, h), norm)
    return Fitted(pixels, (w / width, h / height), (h, w))


def _resized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))


def _normal(picture: np.ndarray, norm: Norm) -> np.ndarray:
    mean, deviation = (np.asarray(values, np.float32) for values in norm)
    return ((picture.astype(np.float32) / 255 - mean) / deviation).transpose(2, 0, 1)
