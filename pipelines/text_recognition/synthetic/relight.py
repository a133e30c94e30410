"""Light and its accidents: exposure, contrast, tone, gradients, gloss, shadows and casts."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.text_recognition.synthetic.grounds import ramp

GRADIENT, GLOSS, SHADOW, CAST, GREY, INVERSE = 0.20, 0.06, 0.08, 0.15, 0.10, 0.03
SOFTENED, GRAINED, PACKED = 0.15, 0.25, 0.15  # of finished crops that are lit anew


def relit(rng: np.random.Generator, canvas: np.ndarray, level: float) -> np.ndarray:
    """The picture in another light, float32 (H, W, 3) 0..255 in and out. `level` 0 changes nothing, 1 is the most."""
    size = canvas.shape[:2]
    happens = lambda share: rng.random() < share * level  # noqa: E731
    if happens(GRADIENT):
        canvas = canvas * (1 + (ramp(rng, size) - 0.5) * np.float32(rng.uniform(0.3, 1.0)))[..., None]
    if happens(SHADOW):
        edge = np.clip((ramp(rng, size) - rng.uniform(0.25, 0.75)) * rng.uniform(8, 60), 0, 1).astype(np.float32)
        canvas = canvas * (1 - edge * np.float32(rng.uniform(0.25, 0.6)))[..., None]
    if happens(GLOSS):
        canvas = canvas + _spot(rng, size)[..., None]
    if happens(CAST):
        canvas = canvas * np.float32(rng.uniform(0.75, 1.15, 3))
    if happens(GREY):
        canvas = np.repeat((canvas @ np.array([0.299, 0.587, 0.114], np.float32))[..., None], 3, 2)
    canvas = canvas.clip(0, 255)
    if happens(INVERSE):
        canvas = 255 - canvas
    return _toned(rng, canvas, level)


def _toned(rng: np.random.Generator, canvas: np.ndarray, level: float) -> np.ndarray:
    """Gamma, contrast about the mean, brightness."""
    gamma = float(np.exp(rng.uniform(np.log(0.7), np.log(1.4)) * level))
    contrast = float(np.exp(rng.uniform(np.log(0.6), np.log(1.5)) * level))
    curve = 255 * (np.arange(256, dtype=np.float32) / 255) ** np.float32(gamma)
    bright = np.clip(rng.normal(0, 0.14), -0.35, 0.35) * 255 * level
    mean = float(canvas.mean())
    curve = np.clip((curve - mean) * contrast + mean + bright, 0, 255).astype(np.float32)
    return curve[canvas.astype(np.uint8)]


def _spot(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    height, width = size_hw
    y, x = np.ogrid[:height, :width]
    radius = rng.uniform(0.2, 0.8) * height
    distance = ((x - rng.uniform(0, width)) ** 2 + (y - rng.uniform(0, height)) ** 2) / radius**2
    return (np.exp(-distance) * rng.uniform(60, 180)).astype(np.float32)


def relight(pixels: np.ndarray, rng: np.random.Generator, level: float) -> np.ndarray:
    """A finished crop in another light and, now and then, softer, noisier or packed harder.

    Args:
        pixels: uint8 (H, W, 3).
        level: 0 to 1, how far.
    """
    if level <= 0:
        return pixels
    canvas = relit(rng, pixels.astype(np.float32), level)
    if rng.random() < SOFTENED * level:
        canvas = cv2.GaussianBlur(canvas, (0, 0), float(rng.uniform(0.3, 1.0)))
    if rng.random() < GRAINED * level:
        canvas = canvas + rng.standard_normal(canvas.shape, dtype=np.float32) * np.float32(rng.uniform(1, 9))
    finished = canvas.clip(0, 255).astype(np.uint8)
    return packed(finished, int(rng.integers(30, 95))) if rng.random() < PACKED * level else finished


def packed(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Through JPEG and back; uint8 (H, W, 3), channels keep their order."""
    stored = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    opened = cv2.imdecode(stored, cv2.IMREAD_COLOR)
    assert opened is not None
    return opened
