"""Seeded textures: the building material of every generated scene.

Arrays are float32, planes (H, W), pictures (H, W, 3) RGB, values 0..1 unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

Plane = np.ndarray
WORDS = ("MIX", "OPEN", "EXIT", "24h", "CAFE", "Nord", "Fine", "No. 7", "PARK", "Luma", "abc", "1:250")


def fractal_noise(rng: np.random.Generator, size_hw: tuple[int, int], coarse: int = 2, decay: float = 0.6) -> Plane:
    """Multi-octave value noise (H, W), mean about 0, deviation about 1.

    `coarse` is the number of grid cells along the short side in the first octave; each octave doubles it, down to
    single pixels, and is `decay` times as strong as the one before.
    """
    height, width = size_hw
    total, power, strength, cells = np.zeros((height, width), np.float32), 0.0, 1.0, coarse
    while True:
        step = min(height, width) / cells
        rows, columns = max(int(height / step), 1) + 1, max(int(width / step), 1) + 1
        grid = rng.standard_normal((min(rows, height), min(columns, width)), dtype=np.float32)
        is_finest = rows >= height
        octave = (
            grid if grid.shape == (height, width) else cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        )
        total += strength * octave
        power += strength * strength
        if is_finest:
            return total / np.float32(0.8 * power**0.5)
        strength, cells = strength * decay, cells * 2


def smooth_field(rng: np.random.Generator, size_hw: tuple[int, int], cells: int = 3) -> Plane:
    """One octave of noise (H, W), 0..1: slow changes of light or temperature."""
    grid = rng.random((cells + 1, cells + 1), dtype=np.float32)
    return np.clip(cv2.resize(grid, size_hw[::-1], interpolation=cv2.INTER_CUBIC), 0, 1)


def sensor_noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> np.ndarray:
    """White Gaussian noise of any shape with deviation `sigma`."""
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(sigma)


def rough(rng: np.random.Generator, size_hw: tuple[int, int]) -> Plane:
    """Plaster, stone, soil: noise with strong fine octaves."""
    noise = fractal_noise(rng, size_hw, int(rng.integers(2, 8)), float(rng.uniform(0.65, 0.95)))
    return np.clip(0.5 + 0.2 * noise, 0, 1)


def grain(rng: np.random.Generator, size_hw: tuple[int, int]) -> Plane:
    """Wood or fabric: lines along one direction, bent by noise."""
    x, y = _grid(size_hw)
    angle, pitch = rng.uniform(0, np.pi), rng.uniform(2.5, 9)
    bend = fractal_noise(rng, size_hw, 2, 0.4) * rng.uniform(0.5, 2.5)
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / pitch) + bend)
    return np.clip(0.5 + 0.25 * wave + sensor_noise(rng, size_hw, 0.06), 0, 1).astype(np.float32)


def bricks(rng: np.random.Generator, size_hw: tuple[int, int]) -> Plane:
    """Courses of bricks with mortar, each brick with its own grey."""
    x, y = _grid(size_hw)
    high = rng.uniform(4, 11)
    wide = high * rng.uniform(1.6, 2.6)
    row = np.floor(y / high)
    column = x / wide + 0.5 * (row % 2)
    mortar = ((y / high) % 1 < 1.2 / high) | (column % 1 < 1.2 / wide)
    tones = rng.uniform(0.3, 0.8, 251).astype(np.float32)
    tone = tones[((row * 37 + np.floor(column) * 11) % 251).astype(np.int32)]
    return np.clip(np.where(mortar, 0.9, tone) + sensor_noise(rng, size_hw, 0.05), 0, 1).astype(np.float32)


def checks(rng: np.random.Generator, size_hw: tuple[int, int]) -> Plane:
    """Tiles or a chequered cloth, turned by a random angle."""
    x, y = _grid(size_hw)
    angle, pitch = rng.uniform(0, np.pi), rng.uniform(3, 12)
    across, along = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    squares = (np.floor(across / pitch) + np.floor(along / pitch)) % 2
    return np.clip(0.25 + 0.5 * squares + sensor_noise(rng, size_hw, 0.06), 0, 1).astype(np.float32)


def leaves(rng: np.random.Generator, size_hw: tuple[int, int]) -> Plane:
    """Foliage, gravel: ridged noise with small dark gaps."""
    noise = fractal_noise(rng, size_hw, max(min(size_hw) // int(rng.integers(6, 16)), 2), 0.8)
    return np.clip(1 - 0.55 * np.abs(noise), 0, 1).astype(np.float32)


def lettering(rng: np.random.Generator, size_hw: tuple[int, int]) -> Plane:
    """Dark print on light paper, line under line."""
    height, width = size_hw
    page = np.full((height, width), 225, np.uint8)
    size = float(rng.uniform(0.25, 0.6)) * max(1.0, min(size_hw) / 220)
    y = int(14 * size)
    while y < height + 20 * size:
        text = " ".join(WORDS[i] for i in rng.integers(0, len(WORDS), 2 + int(width / (90 * size))))
        cv2.putText(page, text, (int(rng.integers(-20, 4)), y), cv2.FONT_HERSHEY_SIMPLEX, size, 30, 1, cv2.LINE_AA)
        y += int(max(28 * size, 8))
    return np.clip(page / np.float32(255) + sensor_noise(rng, size_hw, 0.03), 0, 1)


TEXTURES: tuple[Callable[[np.random.Generator, tuple[int, int]], Plane], ...] = (
    rough, grain, bricks, checks, leaves, lettering, rough, leaves,
)  # fmt: skip


def texture(rng: np.random.Generator, size_hw: tuple[int, int]) -> Plane:
    """A texture of a random kind (H, W), 0..1."""
    return TEXTURES[int(rng.integers(len(TEXTURES)))](rng, size_hw)


def tinted(rng: np.random.Generator, plane: Plane) -> np.ndarray:
    """Colour (H, W, 3) for a plane (H, W): dark and light end of a random hue."""
    light = rng.uniform(0.35, 0.98, 3).astype(np.float32)
    dark = light * rng.uniform(0.08, 0.45, 3).astype(np.float32)
    return plane[..., None] * (light - dark) + dark


def random_mask(rng: np.random.Generator, size_hw: tuple[int, int], reach: float) -> Plane:
    """A filled random shape as float mask (H, W), 0..1 with smooth edge; `reach` is its radius over the short side."""
    height, width = size_hw
    mask = np.zeros((height, width), np.uint8)
    centre = rng.uniform(0.05, 0.95, 2) * (width, height)
    radius = reach * min(size_hw)
    count = int(rng.integers(3, 11))
    angles = np.sort(rng.uniform(0, 2 * np.pi, count))
    radii = radius * rng.uniform(0.55, 1.3, count)
    points = centre + np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None]
    if rng.random() < 0.4:
        axes = (max(int(radius), 1), max(int(radius * rng.uniform(0.4, 1)), 1))
        cv2.ellipse(mask, (int(centre[0]), int(centre[1])), axes, rng.uniform(0, 180), 0, 360, 255, -1, cv2.LINE_AA)
    else:
        cv2.fillPoly(mask, [points.round().astype(np.int32)], 255, cv2.LINE_AA)
    return mask / np.float32(255)


def collage(rng: np.random.Generator, size_hw: tuple[int, int], pieces: int = 5) -> np.ndarray:
    """Overlapping textured shapes in colour (H, W, 3): an abstract still life rich in fine detail."""
    picture = tinted(rng, texture(rng, size_hw))
    for index in range(pieces):
        mask = random_mask(rng, size_hw, rng.uniform(0.15, 0.5) * (1 - 0.5 * index / pieces))[..., None]
        picture += mask * (tinted(rng, texture(rng, size_hw)) - picture)
    return picture


def jpeg(rng: np.random.Generator, picture: np.ndarray, low: int = 60, high: int = 95) -> np.ndarray:
    """The picture (H, W, 3) after JPEG compression at a random quality from low to high."""
    encoded = cv2.imencode(".jpg", to_bytes(picture), [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(low, high + 1))])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.float32) / 255


def to_bytes(picture: np.ndarray) -> np.ndarray:
    """0..1 floats as uint8, rounded and clipped."""
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def _grid(size_hw: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[0 : size_hw[0], 0 : size_hw[1]].astype(np.float32)
    return x, y
