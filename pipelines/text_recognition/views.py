"""A tall crop is looked at three ways: as it is, and turned by a quarter to either side."""

from __future__ import annotations

import numpy as np

TALL = 1.7  # height over width from which a crop may hold a word that was turned
TURNS = (0, 90, -90)  # degrees counter-clockwise


def turns_of(image: np.ndarray) -> tuple[int, ...]:
    """How a crop (H, W, ...) is looked at."""
    return TURNS if image.shape[0] > TALL * image.shape[1] else TURNS[:1]


def turned(image: np.ndarray, turn: int) -> np.ndarray:
    """A crop, or a map of one, turned counter-clockwise."""
    return np.ascontiguousarray(np.rot90(image, turn // 90))


def turned_back(map_: np.ndarray, turn: int) -> np.ndarray:
    """A map of a turned crop, as the crop lies that came in."""
    return turned(map_, -turn)


def box_turned_back(
    box_cxcywh: tuple[float, float, float, float], turn: int, size_wh: tuple[int, int]
) -> tuple[float, float, float, float]:
    """A box of a turned crop in shares of its size, as XYXY pixels of the crop that came in, of size `size_wh`."""
    x, y, width, height = box_cxcywh
    if turn == 90:
        x, y, width, height = 1 - y, x, height, width
    elif turn == -90:
        x, y, width, height = y, 1 - x, height, width
    edges = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    left, top, right, bottom = (min(max(edge, 0.0), 1.0) for edge in edges)
    return left * size_wh[0], top * size_wh[1], right * size_wh[0], bottom * size_wh[1]
