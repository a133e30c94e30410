"""Thermal frames in false colour: which palette they were painted with, and back to the temperatures."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from pipelines.fusion.options import PALETTES

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

STEPS = 1024  # samples of a palette
GOOD_FIT = 0.08  # mean distance in RGB: JPEG at quality 75 stays below 0.07, pictures in natural colour lie above 0.11
MOST_COLOURS = 4096  # looked at to recognise a palette
IRON = (  # our reading of the palette that thermal cameras call iron: value, red, green, blue
    (0.0, 0.0, 0.0, 0.0), (0.12, 0.13, 0.0, 0.54), (0.3, 0.55, 0.0, 0.61), (0.45, 0.8, 0.18, 0.4),
    (0.6, 0.92, 0.38, 0.08), (0.78, 0.99, 0.66, 0.0), (0.9, 1.0, 0.86, 0.35), (1.0, 1.0, 1.0, 0.96),
)  # fmt: skip
GLOWING = (  # black over deep red to yellow: "glowbow"
    (0.0, 0.0, 0.0, 0.0), (0.35, 0.55, 0.05, 0.02), (0.65, 0.93, 0.42, 0.05), (0.87, 1.0, 0.82, 0.25),
    (1.0, 1.0, 1.0, 0.85),
)  # fmt: skip
OPENCV = {name: name.upper() for name in ("inferno", "magma", "plasma", "viridis", "turbo", "jet", "hot")}


@lru_cache(maxsize=len(PALETTES))
def palette(name: str) -> np.ndarray:
    """(1024, 3) float32 RGB, 0 to 1, from cold to hot. Read only."""
    values = np.linspace(0, 1, STEPS, dtype=np.float32)
    if name in OPENCV:
        colours = _by_opencv(OPENCV[name], values)
    elif name == "rainbow":  # the spectrum from blue over green to red, as thermal cameras draw it
        colours = _spectrum(values)
    elif name == "gnuplot":  # red sqrt(x), green x^3, blue sin(2 pi x)
        blue = np.maximum(np.sin(2 * np.pi * values), 0)
        colours = np.stack([np.sqrt(values), values**3, blue], -1)
    else:
        points = np.array({"iron": IRON, "glow": GLOWING}[name], np.float32)
        colours = np.stack([np.interp(values, points[:, 0], points[:, k]) for k in (1, 2, 3)], -1)
    colours = colours.astype(np.float32)
    colours.flags.writeable = False
    return colours


def _by_opencv(name: str, values: np.ndarray) -> np.ndarray:
    import cv2

    entries = np.arange(256, dtype=np.uint8)[:, None]
    table = cv2.applyColorMap(entries, getattr(cv2, f"COLORMAP_{name}"))[:, 0, ::-1] / 255
    return np.stack([np.interp(values * 255, np.arange(256), table[:, k]) for k in range(3)], -1)


def _spectrum(values: np.ndarray) -> np.ndarray:
    """Hue from 240 degrees (blue) to 0 (red) at full saturation."""
    hue = (1 - values) * 4
    return np.clip(np.stack([2 - hue, 2 - np.abs(hue - 2), hue - 2], -1), 0, 1)


def recognise(pixels: np.ndarray) -> tuple[str, float]:
    """The palette whose colours lie nearest to those of a picture, and their mean distance in RGB.

    Args:
        pixels: (H, W, 3) float32, 0 to 1.
    """
    flat = pixels.reshape(-1, 3)
    sample = flat[:: max(1, len(flat) // MOST_COLOURS)]
    distances = {name: float(_tree(name).query(sample)[0].mean()) for name in PALETTES}
    best = min(distances, key=distances.__getitem__)
    return best, distances[best]


def inverted(pixels: np.ndarray, name: str) -> np.ndarray:
    """The value that each pixel's colour has in a palette: (H, W, 3) -> (H, W) float32, 0 (cold) to 1 (hot)."""
    codes = np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint32)
    packed = (codes[..., 0] << 16) | (codes[..., 1] << 8) | codes[..., 2]
    colours, places = np.unique(packed, return_inverse=True)
    rgb = np.stack([colours >> 16, (colours >> 8) & 255, colours & 255], -1) / 255
    values = _tree(name).query(rgb)[1] / (STEPS - 1)
    return values.astype(np.float32)[places.reshape(packed.shape)]


@lru_cache(maxsize=len(PALETTES))
def _tree(name: str) -> cKDTree:
    from scipy.spatial import cKDTree

    return cKDTree(palette(name))
