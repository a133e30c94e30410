"""What all tasks of the lab are drawn with: grounds, inks, coverage masks and a camera.

Pictures are float32 (H, W, 3) RGB, coverages float32 (H, W), values 0 to 1; points are (N, 2) x, y in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

SIZE_PX = 32
SUBPIXEL_BITS = 4  # cv2 takes fixed-point coordinates: sixteenths of a pixel
CENTRE = (SIZE_PX - 1) / 2

Picture = np.ndarray
Coverage = np.ndarray


def plain_ground(rng: np.random.Generator) -> Picture:
    """A ground of one dull colour, dark or light."""
    level = rng.uniform(0.05, 0.35) if rng.random() < 0.5 else rng.uniform(0.65, 0.95)
    colour = np.clip(level + rng.uniform(-0.06, 0.06, 3), 0, 1)
    return np.broadcast_to(colour.astype(np.float32), (SIZE_PX, SIZE_PX, 3)).copy()


def wild_ground(rng: np.random.Generator, lines: int = 3) -> Picture:
    """A ground of uneven colour, crossed by thin lines of other colours."""
    grid = np.clip(rng.uniform(0.1, 0.9) + rng.uniform(-0.2, 0.2, (3, 3, 3)), 0, 1).astype(np.float32)
    ground = cv2.resize(grid, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_LINEAR)
    for _ in range(int(rng.integers(0, lines + 1))):
        ends = rng.uniform(-4, SIZE_PX + 4, (2, 2))
        paint(ground, strokes([ends], 1), ground.mean((0, 1)) + rng.uniform(-0.3, 0.3, 3), 0.7)
    return ground


def ground_of(rng: np.random.Generator, is_wild: bool) -> Picture:
    """The ground of one of the two looks."""
    return wild_ground(rng) if is_wild else plain_ground(rng)


def ink_for(rng: np.random.Generator, ground: Picture, contrast: float) -> np.ndarray:
    """A colour (3,) whose brightness differs from the ground's by about `contrast`, to whichever side has room."""
    level = float(ground.mean())
    room = 1.0 if level < 0.5 else -1.0
    return np.clip(level + room * contrast * rng.uniform(0.9, 1.2) + rng.uniform(-0.12, 0.12, 3), 0, 1)


def paint(picture: Picture, coverage: Coverage, colour: Sequence[float] | np.ndarray, opacity: float = 1.0) -> None:
    """Lay a colour over the picture, in place."""
    share = (opacity * coverage)[..., None]
    picture += share * (np.clip(np.asarray(colour, np.float32), 0, 1) - picture)


def filled(contours: Sequence[np.ndarray]) -> Coverage:
    """Coverage of closed contours; one inside another is a hole."""
    mask = np.zeros((SIZE_PX, SIZE_PX), np.uint8)
    cv2.fillPoly(mask, [_fixed(points) for points in contours], 255, cv2.LINE_AA, SUBPIXEL_BITS)
    return mask.astype(np.float32) / 255


def strokes(contours: Sequence[np.ndarray], width_px: int, is_closed: bool = False) -> Coverage:
    """Coverage of lines through the points."""
    mask = np.zeros((SIZE_PX, SIZE_PX), np.uint8)
    fixed = [_fixed(points) for points in contours]
    cv2.polylines(mask, fixed, is_closed, 255, width_px, cv2.LINE_AA, SUBPIXEL_BITS)
    return mask.astype(np.float32) / 255


def placed(points: np.ndarray, centre: np.ndarray, radius_px: float, angle: float) -> np.ndarray:
    """Points of the unit circle turned by `angle` (radians), enlarged and moved."""
    cos, sin = np.cos(angle), np.sin(angle)
    return points @ np.array([[cos, sin], [-sin, cos]]) * radius_px + centre


def camera(rng: np.random.Generator, picture: Picture, is_wild: bool) -> Picture:
    """Light, blur and noise; the wild look has more of each."""
    if is_wild:
        picture = picture * rng.uniform(0.75, 1.1, 3).astype(np.float32)
        if rng.random() < 0.5:
            picture = cv2.GaussianBlur(picture, (3, 3), float(rng.uniform(0.3, 0.8)))
    sigma = np.float32(rng.uniform(0.02, 0.06) if is_wild else 0.02)
    return np.clip(picture + sigma * rng.standard_normal(picture.shape, dtype=np.float32), 0, 1)


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.round(points * (1 << SUBPIXEL_BITS)).astype(np.int32)
