"""What comes after any engine: the detail layer, chroma and saturation; in strips, so that a large picture fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from pipelines.fusion.options import TASKS

if TYPE_CHECKING:
    from pipelines.fusion.options import FusionOptions

SMOOTH_RADIUS_PX, SMOOTH_EPS = 8, 0.01  # of the guided filter that splits a picture into base and detail
STRIP_ROWS = 512
TILE_PX, HALO_PX = 1024, 128  # the halo covers what the widest baseline sees: two means of radius 45, one of 15
ALIGNED_PX = 16  # tiles begin where the fourth level of a pyramid has a pixel


def finished(
    luma: np.ndarray, images: np.ndarray, options: FusionOptions, colour: np.ndarray | None, weights: np.ndarray
) -> np.ndarray:
    """The picture, (H, W, 3) uint8.

    Args:
        luma: fused, (H, W) float32, not clipped.
        images: the frames, (K, H, W, 3).
        colour: (H, W, 3) of an engine that fuses colour itself; else chroma comes from the frames.
        weights: (K, h, w) of the luma.
    """
    height, width = luma.shape
    takes_weights = colour is None and not TASKS[options.task].roles
    shares = enlarged(weights, (height, width)) if takes_weights else None
    fused = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, STRIP_ROWS):
        rows = slice(top, min(top + STRIP_ROWS, height))
        part = None if colour is None else colour[rows]
        chroma = _chroma(images[:, rows], options, part, None if shares is None else shares[:, rows])
        fused[rows] = _coloured(_detailed(luma, rows, options.detail), chroma, options.saturation)
    return fused


def enlarged(weights: np.ndarray, size_hw: tuple[int, ...]) -> np.ndarray:
    """Weights (K, h, w) at another size, bilinear."""
    import cv2

    size_wh = (size_hw[1], size_hw[0])
    return np.stack([cv2.resize(plane, size_wh, interpolation=cv2.INTER_LINEAR) for plane in weights])


def in_tiles(fuse: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> np.ndarray:
    """`fuse` on overlapping tiles of (K, H, W, 3), which sees no further than the halo: (H, W, 3), as on the whole."""
    height, width = images.shape[1:3]
    fused = np.empty((height, width, 3), np.float32)
    for top in range(0, height, TILE_PX):
        for left in range(0, width, TILE_PX):
            inner, outer = _tile(top, height), _tile(left, width)
            part = fuse(np.ascontiguousarray(images[:, inner[0], outer[0]]))
            fused[inner[1], outer[1]] = part[inner[2], outer[2]]
    return fused


def _tile(start: int, length: int) -> tuple[slice, slice, slice]:
    """Along one axis: the tile with its halo, the tile, and the tile within its halo."""
    stop = min(start + TILE_PX, length)
    first, last = max(0, start - HALO_PX) // ALIGNED_PX * ALIGNED_PX, min(length, stop + HALO_PX)
    return slice(first, last), slice(start, stop), slice(start - first, stop - first)


def _detailed(luma: np.ndarray, rows: slice, detail: float) -> np.ndarray:
    """F = base + detail * (F - base), base = edge-preserving smooth of F by a self-guided filter; clipped."""
    if detail == 1 or min(luma.shape) < 2 * SMOOTH_RADIUS_PX:
        return np.clip(luma[rows].astype(np.float32), 0, 1)
    from pipelines.fusion.baselines import guided_filter

    first = max(0, rows.start - 2 * SMOOTH_RADIUS_PX)  # the filter takes two means in turn
    seen = luma[first : rows.stop + 2 * SMOOTH_RADIUS_PX].astype(np.float32)
    base = guided_filter(seen, seen, SMOOTH_RADIUS_PX, SMOOTH_EPS)
    return np.clip(base + detail * (seen - base), 0, 1)[rows.start - first : rows.stop - first]


def _coloured(luma: np.ndarray, chroma: tuple[np.ndarray, np.ndarray], saturation: float) -> np.ndarray:
    from pipelines.fusion.operators import rgb_image, to_bytes

    planes = ((0.5 + saturation * (plane - 0.5)).astype(np.float32) for plane in chroma)
    return to_bytes(rgb_image(luma, *planes))


def _chroma(
    images: np.ndarray, options: FusionOptions, colour: np.ndarray | None, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Cb and Cr (H, W): of the visible or functional frame for pairs of modalities, else of all frames together."""
    from pipelines.fusion.operators import fuse_chroma, ycc_planes

    if colour is not None:
        return ycc_planes(colour)[1:]
    return ycc_planes(images[1])[1:] if TASKS[options.task].roles else fuse_chroma(images, weights)
