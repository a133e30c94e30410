"""Infrared-visible pairs of street scenes with labels: the light, the weather and the cameras."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.fusion.synthetic.sample import FusionSample, stack
from pipelines.fusion.synthetic.scenes import Canvas, finish, street
from pipelines.shared.synthetic.textures import fractal_noise, jpeg, sensor_noise, smooth_field

LIGHTS = ("day", "dusk", "night")
HAZES = ("clear", "fog", "smoke")


def infrared_visible(
    rng: np.random.Generator,
    size_hw: tuple[int, int],
    light: str | None = None,
    haze: str | None = None,
    is_black_hot: bool | None = None,
    people: int | None = None,
) -> FusionSample:
    """A thermal frame (0, role 0) and a visible one (1, role 1) of a street, with labels; None: at random.

    light   "day", "dusk", "night"      haze   "clear", "fog", "smoke"
    """
    light = light or str(rng.choice(LIGHTS, p=(0.4, 0.2, 0.4)))
    haze = haze or str(rng.choice(HAZES, p=(0.7, 0.18, 0.12)))
    canvas = street(rng, size_hw, people=people)
    albedo, heat = finish(rng, canvas)
    visible = _see(rng, canvas, albedo, light, haze)
    black_hot = rng.random() < 0.2 if is_black_hot is None else is_black_hot
    thermal = _sense(rng, heat)
    return FusionSample(stack([1 - thermal if black_hot else thermal, visible]), np.array([0, 1]), canvas.labels)


def _see(rng: np.random.Generator, canvas: Canvas, albedo: np.ndarray, light: str, haze: str) -> np.ndarray:
    """The visible frame (H, W, 3): albedo under the light, haze, then the camera."""
    level = {"day": rng.uniform(0.75, 1.2), "dusk": rng.uniform(0.3, 0.6), "night": rng.uniform(0.05, 0.2)}[light]
    tint = {"day": (1, 1, 1), "dusk": (1.1, 0.92, 0.85), "night": (0.8, 0.9, 1.15)}[light]
    field = 0.75 + 0.5 * smooth_field(rng, canvas.heat.shape, 3)
    lit = albedo * (np.float32(level) * field)[..., None] * np.array(tint, np.float32)
    if light != "day":
        glow = _glow(canvas)[..., None] * np.array([1, 0.85, 0.6], np.float32)
        lit = lit + albedo * glow * 0.9 + 0.35 * glow**2
    lit = _hazy(rng, canvas, lit, haze, level)
    sigma = rng.uniform(0.002, 0.012) if light == "day" else rng.uniform(0.006, 0.03)
    noisy = np.clip(lit, 0, 1) + sensor_noise(rng, lit.shape, sigma)
    return jpeg(rng, noisy) if rng.random() < 0.4 else noisy


def _glow(canvas: Canvas) -> np.ndarray:
    """Light of lamps (H, W), about 1 near a lamp."""
    height, width = canvas.heat.shape
    small = max(min(height, width) // 48, 1)
    y, x = np.ogrid[0:height:small, 0:width:small]
    glow = np.zeros((len(y), x.shape[1]), np.float32)
    for lamp_x, lamp_y, size in canvas.lamps[:24]:
        across, down = (lamp_x - canvas.origin[0]) * canvas.scale, (lamp_y - canvas.origin[1]) * canvas.scale
        reach = max(size * canvas.scale, 1.5) ** 2
        glow += (1 / (1 + ((x - across) ** 2 + (y - down) ** 2) / reach) ** 1.5).astype(np.float32)
    return np.minimum(cv2.resize(glow, (width, height)), 1.3)


def _hazy(rng: np.random.Generator, canvas: Canvas, lit: np.ndarray, haze: str, level: float) -> np.ndarray:
    """Fog by depth, or a cloud of smoke before the scene."""
    if haze == "clear":
        return lit
    size_hw = canvas.heat.shape
    veil = fractal_noise(rng, size_hw, 2, 0.55)
    if haze == "fog":
        through = np.exp(-(0.25 + canvas.depth / np.float32(255)) * rng.uniform(1, 3.5) * (1 + 0.15 * veil))
    else:
        through = 1 - np.clip(0.5 + 0.7 * veil, 0, 0.96)
    grey = np.float32(min(0.85, 0.15 + 0.7 * level))
    return lit * through[..., None] + grey * (1 + 0.04 * veil)[..., None] * (1 - through[..., None])


def _sense(rng: np.random.Generator, heat: np.ndarray) -> np.ndarray:
    """The thermal frame (H, W): optics, drift, fixed pattern, noise, contrast stretch."""
    sharp = cv2.GaussianBlur(heat, (0, 0), float(rng.uniform(0.7, 1.4)))
    drift = (smooth_field(rng, heat.shape, 2) - 0.5) * np.float32(rng.uniform(0, 0.12))
    pattern = sensor_noise(rng, (1, heat.shape[1]), rng.uniform(0, 0.008))
    raw = sharp + drift + pattern + sensor_noise(rng, heat.shape, rng.uniform(0.003, 0.015))
    low, high = np.percentile(raw[::2, ::2], (0.5, 99.7))
    gain = min(1 / max(high - low, 0.12), rng.uniform(1.1, 2.2))
    return np.clip((raw - low) * np.float32(gain), 0, 1) ** np.float32(rng.uniform(0.8, 1.2))
