"""The task of telling textures apart: one picture of one kind, (rng, class number, look) -> (H, W, 3)."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.lab.synthetic.canvas import CENTRE, SIZE_PX, Picture, ink_for, plain_ground, wild_ground

TEXTURES = ("stripes", "checks", "dots", "bricks", "waves", "rings", "clouds", "grains")


def texture(rng: np.random.Generator, number: int, is_wild: bool) -> Picture:
    """The kind of surface. Plain: upright, strong contrast. Wild: turned, other pitches, faint, unevenly lit."""
    ground = wild_ground(rng, 0) if is_wild else plain_ground(rng)
    angle = rng.uniform(0, np.pi) if is_wild else rng.uniform(-0.12, 0.12)
    pitch = rng.uniform(3.5, 9.5) if is_wild else rng.uniform(5.5, 7.5)
    pattern = _pattern(rng, TEXTURES[number], angle, pitch)[..., None]
    ink = ink_for(rng, ground, rng.uniform(0.15, 0.35) if is_wild else 0.5).astype(np.float32)
    return ground + pattern * (ink - ground)


def _pattern(rng: np.random.Generator, name: str, angle: float, pitch_px: float) -> np.ndarray:
    """Coverage of the ink, (H, W), 0 to 1."""
    if name in ("clouds", "grains"):
        cells = max(3, round(SIZE_PX / pitch_px)) if name == "clouds" else SIZE_PX // 2
        noise = rng.standard_normal((cells, cells), dtype=np.float32)
        return _edge(1.5 * cv2.resize(noise, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_CUBIC))
    x, y = _plane(rng, angle)
    turn = 2 * np.pi / pitch_px
    if name == "stripes":
        wave = np.sin(turn * x)
    elif name == "checks":
        wave = np.sin(turn * x) * np.sin(turn * y)
    elif name == "dots":
        wave = np.cos(turn * x) + np.cos(turn * y) - 0.8
    elif name == "bricks":
        row = np.floor(y / pitch_px)
        mortar = np.minimum(_to_line(y, pitch_px), _to_line(x + pitch_px * (row % 2), 2 * pitch_px))
        wave = 1.5 * (mortar - 0.9)
    elif name == "waves":
        wave = np.sin(turn * (x + 0.35 * pitch_px * np.sin(0.8 * turn * y)))
    else:
        wave = np.sin(turn * np.hypot(x, y))
    return _edge(2.5 * wave)


def _plane(rng: np.random.Generator, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Turned coordinates, (H, W) each, with a random origin near the centre."""
    offset_x, offset_y = CENTRE + rng.uniform(-6, 6, 2)
    columns, rows = np.meshgrid(np.arange(SIZE_PX) - offset_x, np.arange(SIZE_PX) - offset_y)
    cos, sin = np.cos(angle), np.sin(angle)
    return cos * columns + sin * rows, cos * rows - sin * columns


def _to_line(position: np.ndarray, pitch_px: float) -> np.ndarray:
    """Distance to the nearest of equally spaced lines."""
    phase = np.mod(position, pitch_px)
    return np.minimum(phase, pitch_px - phase)


def _edge(wave: np.ndarray) -> np.ndarray:
    return np.clip(0.5 + 0.5 * wave, 0, 1).astype(np.float32)
