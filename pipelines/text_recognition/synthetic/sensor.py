"""From the scene to the file: fewer pixels, blur, noise, ringing, JPEG."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.text_recognition.synthetic.recipes import RenderRecipe
from pipelines.text_recognition.synthetic.relight import packed

KERNELS = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_AREA, cv2.INTER_LANCZOS4)
KERNEL_SHARES = (0.05, 0.2, 0.2, 0.35, 0.2)
MOTION, RINGING = 0.10, 0.08
MOST_BLUR = 0.09  # of the text height


def sensed(
    rng: np.random.Generator, canvas: np.ndarray, scale: float, text_px: float, recipe: RenderRecipe
) -> np.ndarray:
    """The crop as a file holds it, uint8.

    Args:
        canvas: float32 (H, W, 3), 0..255.
        scale: what its sides shrink by.
        text_px: final height of the letters; the blur keeps below a share of it that leaves them legible.
    """
    height, width = canvas.shape[:2]
    size = max(round(width * scale), 2), max(round(height * scale), 2)
    kernel = KERNELS[rng.choice(len(KERNELS), p=KERNEL_SHARES)]
    if scale < 0.6 and kernel != cv2.INTER_AREA and rng.random() < 0.8:  # most cameras and browsers filter first
        canvas = cv2.GaussianBlur(canvas, (0, 0), 0.35 / scale)
    small = cv2.resize(canvas, size, interpolation=kernel)
    sigma = min(float(rng.uniform(*recipe.blur_px)), MOST_BLUR * text_px)
    if sigma > 0.25:
        small = cv2.GaussianBlur(small, (0, 0), sigma)
    usual = recipe.effects
    if rng.random() < MOTION * usual:
        small = _motion(rng, small)
    if rng.random() < RINGING * usual:
        soft = cv2.GaussianBlur(small, (0, 0), 1.0)
        small = small + (small - soft) * np.float32(rng.uniform(0.5, 2.0))
    if rng.random() < recipe.noise_share:
        small = small + _noise(rng, small, float(rng.uniform(*recipe.noise)))
    pixels = small.clip(0, 255).astype(np.uint8)
    return packed(pixels, round(rng.uniform(*recipe.jpeg))) if rng.random() < recipe.jpeg_share else pixels


def _motion(rng: np.random.Generator, canvas: np.ndarray) -> np.ndarray:
    length = int(rng.integers(2, 6))
    kernel = np.zeros((2 * length + 1,) * 2, np.float32)
    angle = rng.uniform(0, np.pi)
    reach = np.array([np.cos(angle), np.sin(angle)]) * length / 2
    start, end = (np.round(length + sign * reach).astype(int) for sign in (-1, 1))
    cv2.line(kernel, tuple(map(int, start)), tuple(map(int, end)), 1.0)
    return cv2.filter2D(canvas, -1, kernel / kernel.sum())


def _noise(rng: np.random.Generator, canvas: np.ndarray, sigma: float) -> np.ndarray:
    """Equal for all channels or of each its own; stronger in the light, as photons count, every second time."""
    shape = canvas.shape if rng.random() < 0.6 else (*canvas.shape[:2], 1)
    noise = rng.standard_normal(shape, dtype=np.float32) * np.float32(sigma)
    return noise * np.sqrt(canvas.clip(8, 255) / 128) if rng.random() < 0.5 else noise
