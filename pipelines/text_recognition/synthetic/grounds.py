"""What words stand on: plain, shaded, grained, striped, textured or blotched, now and then with a rim."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.shared.synthetic.textures import bricks, checks, fractal_noise, grain, leaves, rough, smooth_field
from pipelines.text_recognition.synthetic.colours import other, shade

Size = tuple[int, int]
KINDS = {"plain": 30, "gradient": 20, "noise": 20, "pattern": 8, "texture": 12, "blotches": 10}
RIM_SHARE = 0.1
TEXTURES = (rough, grain, leaves, bricks)


def ground(rng: np.random.Generator, size_hw: Size, colour: np.ndarray) -> np.ndarray:
    """float32 (H, W, 3) RGB 0..255, mostly of the given colour."""
    shares = np.array(list(KINDS.values()), float)
    kind = list(KINDS)[rng.choice(len(shares), p=shares / shares.sum())]
    canvas = MAKERS[kind](rng, size_hw, colour)
    return _rimmed(rng, canvas, colour) if rng.random() < RIM_SHARE else canvas


def _plain(rng: np.random.Generator, size_hw: Size, colour: np.ndarray) -> np.ndarray:
    return np.broadcast_to(colour.astype(np.float32), (*size_hw, 3)).copy()


def _between(plane: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return cv2.merge([first[i] + plane * np.float32(second[i] - first[i]) for i in range(3)]).astype(np.float32)


def _near(rng: np.random.Generator, colour: np.ndarray, spread: float = 0.35) -> np.ndarray:
    return np.clip(shade(colour, float(rng.uniform(1 - spread, 1 + spread))) + rng.normal(0, 10, 3), 0, 255)


def ramp(rng: np.random.Generator, size_hw: Size) -> np.ndarray:
    """A plane rising from 0 to 1 in some direction."""
    height, width = size_hw
    angle = rng.uniform(0, 2 * np.pi)
    x = np.linspace(-1, 1, width, dtype=np.float32) * np.float32(np.cos(angle))
    y = np.linspace(-1, 1, height, dtype=np.float32) * np.float32(np.sin(angle))
    plane = x[None] + y[:, None]
    return (plane - plane.min()) / max(float(np.ptp(plane)), 1e-6)


def _gradient(rng: np.random.Generator, size_hw: Size, colour: np.ndarray) -> np.ndarray:
    return _between(ramp(rng, size_hw), colour, _near(rng, colour))


def _noise(rng: np.random.Generator, size_hw: Size, colour: np.ndarray) -> np.ndarray:
    noise = fractal_noise(rng, size_hw, int(rng.integers(2, 8)), float(rng.uniform(0.4, 0.9)))
    return _plain(rng, size_hw, colour) + (noise * np.float32(rng.uniform(3, 22)))[..., None]


def _pattern(rng: np.random.Generator, size_hw: Size, colour: np.ndarray) -> np.ndarray:
    if rng.random() < 0.5:
        return _between(checks(rng, size_hw), colour, _near(rng, colour, 0.2))
    pitch, angle = rng.uniform(3, 24), rng.uniform(0, np.pi)
    y, x = np.mgrid[: size_hw[0], : size_hw[1]].astype(np.float32)
    stripes = ((x * np.cos(angle) + y * np.sin(angle)) % pitch < pitch * rng.uniform(0.2, 0.8)).astype(np.float32)
    return _between(stripes, colour, _near(rng, colour, 0.2))


def _texture(rng: np.random.Generator, size_hw: Size, colour: np.ndarray) -> np.ndarray:
    plane = TEXTURES[int(rng.integers(len(TEXTURES)))](rng, size_hw)
    return _between(plane, _near(rng, colour, 0.3), _near(rng, colour, 0.3))


def _blotches(rng: np.random.Generator, size_hw: Size, colour: np.ndarray) -> np.ndarray:
    field = smooth_field(rng, size_hw, int(rng.integers(2, 9)))
    sharpness = float(rng.uniform(1, 12))
    return _between(np.clip((field - 0.5) * sharpness + 0.5, 0, 1), colour, _near(rng, colour, 0.4))


def _rimmed(rng: np.random.Generator, canvas: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """A plate's border, or the edge of a poster with something else behind it."""
    height, width = canvas.shape[:2]
    inset, ink = int(rng.integers(1, max(2, height // 10))), other(rng, colour).tolist()
    if rng.random() < 0.5:
        cv2.rectangle(canvas, (inset, inset), (width - 1 - inset, height - 1 - inset), ink, int(rng.integers(1, 4)))
        return canvas
    side = int(rng.integers(4))
    if side < 2:
        canvas[slice(None, inset) if side == 0 else slice(-inset, None)] = ink
    else:
        canvas[:, slice(None, inset) if side == 2 else slice(-inset, None)] = ink
    return canvas


MAKERS = {
    "plain": _plain, "gradient": _gradient, "noise": _noise, "pattern": _pattern, "texture": _texture,
    "blotches": _blotches,
}  # fmt: skip
