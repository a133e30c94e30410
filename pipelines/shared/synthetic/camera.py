"""What a cheap camera does to a picture: blur, low light, colour cast, vignette, noise, JPEG.

Pictures are float32 (H, W, 3) RGB, 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Camera:
    """How bad it may be.

    Attributes:
        blur_px: largest Gaussian sigma. noise: largest deviation, of 255. jpeg: lowest and highest quality.
        dim: how much of the light may be missing, 0 to 1. cast: how far a channel's gain may be from 1.
        share: how likely each effect is.
    """

    blur_px: float = 2.0
    noise: float = 20.0
    jpeg: tuple[int, int] = (15, 60)
    dim: float = 0.45
    cast: float = 0.15
    share: float = 0.5


def photographed(rng: np.random.Generator, picture: np.ndarray, camera: Camera) -> np.ndarray:
    """The picture as that camera takes it, float32 (H, W, 3), 0 to 1."""
    import cv2

    from pipelines.shared.synthetic.textures import jpeg, sensor_noise

    def happens() -> bool:
        return rng.random() < camera.share

    if happens():
        picture = picture * vignette(rng, picture.shape[:2])[..., None]
    if happens():
        picture = picture * rng.uniform(1 - camera.cast, 1 + camera.cast, 3).astype(np.float32)
    if happens():
        picture = _dim(rng, picture, camera.dim)
    if happens():
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, camera.blur_px)))
    if happens():
        sigma = float(rng.uniform(0.2, 1)) * camera.noise / 255
        picture = picture + sensor_noise(rng, picture.shape, sigma)
    if happens():
        picture = jpeg(rng, picture, *camera.jpeg)
    return np.clip(picture, 0, 1)


def vignette(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    """Light that falls off from a point near the middle, (H, W), 0 to 1."""
    height, width = size_hw
    y, x = np.ogrid[:height, :width]
    cx, cy = rng.uniform(0.3, 0.7, 2) * (width, height)
    far = ((x - cx) / width) ** 2 + ((y - cy) / height) ** 2
    return (1 - rng.uniform(0.3, 0.9) * far).clip(0.2, 1).astype(np.float32)


def _dim(rng: np.random.Generator, picture: np.ndarray, most: float) -> np.ndarray:
    """Less light, and the curve that lifts some of it again."""
    level = np.float32(1 - rng.uniform(0.3, 1) * most)
    return np.power(np.clip(picture * level, 0, 1), np.float32(rng.uniform(0.8, 1.15)))
