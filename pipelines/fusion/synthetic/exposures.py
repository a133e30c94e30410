"""Multi-exposure stacks: a high-dynamic-range scene seen through one camera at several exposure values."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from pipelines.fusion.synthetic.sample import FusionSample, stack
from pipelines.shared.synthetic.textures import collage, fractal_noise, jpeg, random_mask, sensor_noise, smooth_field


def exposures(rng: np.random.Generator, size_hw: tuple[int, int], count: int = 2) -> FusionSample:
    """`count` exposures (2 or more) of a random scene, brightest first; neighbours are 1.2 to 6 EV apart."""
    gap = float(rng.uniform(2.0, 6.0)) if count == 2 else float(rng.uniform(2.0, 8.0)) / (count - 1) + 0.4
    return expose(rng, radiance(rng, size_hw), count, gap)


def expose(
    rng: np.random.Generator, scene: np.ndarray, count: int, gap: float, bias: float | None = None
) -> FusionSample:
    """Photograph linear radiance (H, W, 3), any unit, `count` times with `gap` EV between neighbours.

    The middle of its tones becomes middle grey. `bias` shifts all exposures, in EV; None: up to 0.8 either way.
    """
    light = np.log2(scene.mean(2) + 1e-6)
    middle = float(np.median(light) * 0.35 + (light.min() + light.max()) * 0.325)
    shift = float(rng.uniform(-0.8, 0.8)) if bias is None else bias
    return _photographed(rng, scene, -2.3 - middle + shift, count, gap)


def expose_metered(rng: np.random.Generator, scene: np.ndarray, count: int, gap: float, bias: float) -> FusionSample:
    """As `expose`, with the exposure that a camera's meter asks for: the mean of the light becomes 18 % grey.

    Where lights are far above the rest this is darker than what puts the tones into the middle.
    """
    return _photographed(rng, scene, float(np.log2(0.18 / scene.mean())) + bias, count, gap)


def _photographed(rng: np.random.Generator, scene: np.ndarray, key: float, count: int, gap: float) -> FusionSample:
    """`key`: factor of the middle exposure, in EV."""
    respond, noise = _response(rng), float(rng.uniform(0.001, 0.012))
    compress = rng.random() < 0.4
    frames = []
    for stop in key + gap * ((count - 1) / 2 - np.arange(count)):
        exact = scene * np.float32(2.0**stop)
        shot = sensor_noise(rng, exact.shape, noise) * np.sqrt(np.minimum(exact, 1) + 0.02)
        frame = np.round(respond(np.clip(exact + shot, 0, 1)) * 255) / np.float32(255)
        frames.append(jpeg(rng, frame) if compress else frame)
    return FusionSample(stack(frames), np.full(count, -1))


def radiance(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    """Linear radiance (H, W, 3) of 10 to 16 stops: a textured collage under very uneven light."""
    albedo = collage(rng, size_hw, int(rng.integers(3, 7))) ** np.float32(1.6) + np.float32(0.004)
    return albedo * np.exp2(_light_stops(rng, size_hw))[..., None] * _tint(rng, size_hw)


def _light_stops(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    """log2 of the illumination (H, W): slow shading, a window or open sky, lamps, shadows."""
    stops = (smooth_field(rng, size_hw, int(rng.integers(1, 4))) - 0.5) * np.float32(rng.uniform(1, 6))
    for _ in range(int(rng.integers(1, 4))):
        mask = random_mask(rng, size_hw, rng.uniform(0.2, 0.65))
        stops += mask * np.float32(rng.choice((-1, 1)) * rng.uniform(1.5, 5.5))
    if rng.random() < 0.5:
        stops += _window(rng, size_hw) * np.float32(rng.uniform(3, 7))
    if rng.random() < 0.4:
        stops += _lamp(rng, size_hw) * np.float32(rng.uniform(2, 6))
    return stops + 0.25 * fractal_noise(rng, size_hw, 4, 0.7)


def _window(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    """Panes between bars, 1 where the outside shows."""
    height, width = size_hw
    mask = np.zeros(size_hw, np.float32)
    left, top = rng.uniform(0, 0.6, 2) * (width, height)
    wide, high = rng.uniform(0.25, 0.6, 2) * (width, height)
    columns, rows = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    bar = max(1, int(0.02 * width))
    for column in range(columns):
        for row in range(rows):
            x, y = int(left + column * wide / columns), int(top + row * high / rows)
            mask[y : y + int(high / rows) - bar, x : x + int(wide / columns) - bar] = 1
    return mask


def _lamp(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    """A lamp or the sun: a core of 1 with a wide glow (H, W)."""
    y, x = np.ogrid[0 : size_hw[0], 0 : size_hw[1]]
    centre = rng.random(2) * size_hw
    far = np.sqrt((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / min(size_hw)
    return (1 / (1 + (far / rng.uniform(0.04, 0.2)) ** 2)).astype(np.float32)


def _tint(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    """Warm light in one place and cool light in another, (H, W, 3) around 1."""
    warmth = (smooth_field(rng, size_hw, 2) - 0.5) * np.float32(rng.uniform(0, 0.7))
    return np.stack([1 + warmth, np.ones_like(warmth), 1 - warmth], 2)


def _response(rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """A camera curve from linear 0..1 to 0..1: gamma of 1/2 to 1/2.6, sometimes with an S on top."""
    gamma, bend = np.float32(1 / rng.uniform(2.0, 2.6)), np.float32(rng.uniform(0, 0.6) * (rng.random() < 0.5))

    def respond(linear: np.ndarray) -> np.ndarray:
        value = cv2.pow(linear, float(gamma))
        return value + bend * (value * value * (3 - 2 * value) - value)

    return respond
