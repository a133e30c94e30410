"""How letters are made: filled, outlined, shaded, lit, worn. Paints an ink plane on a ground."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.shared.synthetic.textures import fractal_noise, texture
from pipelines.text_recognition.synthetic.colours import other, shade
from pipelines.text_recognition.synthetic.grounds import ramp

STROKE, SHADOW, GLOW, HOLLOW, EXTRUSION, EMBOSS, FILL, DOTS, RAGGED = (
    0.3,
    0.25,
    0.06,
    0.05,
    0.05,
    0.06,
    0.12,
    0.02,
    0.05,
)


def paint(
    rng: np.random.Generator,
    canvas: np.ndarray,
    ink: np.ndarray,
    colour: np.ndarray,
    ground: np.ndarray,
    effects: float,
) -> None:
    """Lay the lettering on the canvas, in place.

    Args:
        canvas: float32 (H, W, 3), RGB 0..255.
        ink: uint8 (H, W).
        colour, ground: of letters and ground, (3,) 0..255.
        effects: times the usual share of strokes, shadows and the like.
    """
    happens = lambda share: rng.random() < share * effects  # noqa: E731
    if happens(RAGGED):
        ink = _ragged(rng, ink)
    if happens(SHADOW):
        _shadow(rng, canvas, ink)
    if happens(EXTRUSION):
        _extrusion(rng, canvas, ink, colour)
    if happens(GLOW):
        _lay(canvas, cv2.GaussianBlur(cv2.dilate(ink, _disk(3)), (0, 0), float(rng.uniform(3, 7))), other(rng, ground))
    if happens(HOLLOW):
        _lay(canvas, cv2.subtract(cv2.dilate(ink, _disk(1)), cv2.erode(ink, _disk(1))), colour)
        return
    if happens(STROKE):
        outline = cv2.dilate(ink, _disk(int(rng.integers(1, 5))))
        _lay(canvas, outline, other(rng, colour))
    if happens(DOTS):
        ink = cv2.bitwise_and(ink, _dots(rng, ink.shape))
    if happens(FILL):
        _lay_picture(canvas, ink, _filling(rng, ink.shape, colour))
    else:
        _lay(canvas, ink, colour)
    if happens(EMBOSS):
        _emboss(rng, canvas, ink)


def _lay(canvas: np.ndarray, alpha: np.ndarray, colour: np.ndarray, opacity: float = 1.0) -> None:
    """Blend one colour in: canvas += alpha (colour - canvas)."""
    share = cv2.merge([alpha] * 3).astype(np.float32) * np.float32(opacity / 255)
    canvas += share * (colour.astype(np.float32) - canvas)


def _lay_picture(canvas: np.ndarray, alpha: np.ndarray, picture: np.ndarray) -> None:
    share = cv2.merge([alpha] * 3).astype(np.float32) / np.float32(255)
    canvas += share * (picture - canvas)


def _disk(radius: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def shifted(plane: np.ndarray, dx: float, dy: float) -> np.ndarray:
    """The plane moved by dx, dy px, zeros where it came from."""
    height, width = plane.shape
    return cv2.warpAffine(plane, np.array([[1, 0, dx], [0, 1, dy]], np.float64), (width, height))


def _shadow(rng: np.random.Generator, canvas: np.ndarray, ink: np.ndarray) -> None:
    distance, angle = rng.uniform(1, 6), rng.uniform(0, 2 * np.pi)
    shadow = shifted(ink, distance * np.cos(angle), distance * np.sin(angle))
    softness = rng.uniform(0, 4)
    if softness > 0.5:
        shadow = cv2.GaussianBlur(shadow, (0, 0), softness)
    tone = np.full(3, 235.0 if rng.random() < 0.15 else 15.0)
    _lay(canvas, shadow, tone, float(rng.uniform(0.3, 0.9)))


def _extrusion(rng: np.random.Generator, canvas: np.ndarray, ink: np.ndarray, colour: np.ndarray) -> None:
    steps, angle = int(rng.integers(3, 10)), rng.uniform(0, 2 * np.pi)
    body = ink
    for step in range(1, steps + 1):
        body = cv2.max(body, shifted(ink, step * np.cos(angle), step * np.sin(angle)))
    _lay(canvas, body, shade(colour, 0.45) if rng.random() < 0.7 else shade(colour, 2.0))


def _emboss(rng: np.random.Generator, canvas: np.ndarray, ink: np.ndarray) -> None:
    """Light from one side on the letters' edges."""
    angle, height = rng.uniform(0, 2 * np.pi), rng.uniform(40, 110)
    soft = cv2.GaussianBlur(ink, (0, 0), 1.2).astype(np.float32) / 255
    slope = np.cos(angle) * cv2.Sobel(soft, cv2.CV_32F, 1, 0) + np.sin(angle) * cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    canvas += (slope * np.float32(height))[..., None]
    np.clip(canvas, 0, 255, out=canvas)


def _filling(rng: np.random.Generator, size_hw: tuple[int, int], colour: np.ndarray) -> np.ndarray:
    """A gradient or a texture in the letters' colour."""
    plane = ramp(rng, size_hw) if rng.random() < 0.6 else texture(rng, size_hw)
    first, second = shade(colour, float(rng.uniform(0.55, 1.0))), shade(colour, float(rng.uniform(1.0, 2.2)))
    return cv2.merge([first[i] + plane * np.float32(second[i] - first[i]) for i in range(3)]).astype(np.float32)


def _dots(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    """Bulbs in rows."""
    pitch = rng.uniform(3.5, 6)
    y, x = np.mgrid[: size_hw[0], : size_hw[1]].astype(np.float32)
    near = (x % pitch - pitch / 2) ** 2 + (y % pitch - pitch / 2) ** 2 < (0.46 * pitch) ** 2
    return near.astype(np.uint8) * 255


def _ragged(rng: np.random.Generator, ink: np.ndarray) -> np.ndarray:
    """Worn or sprayed: noise moves the threshold of a softened ink."""
    soft = cv2.GaussianBlur(ink, (0, 0), 1.5).astype(np.float32) / 255
    noise = fractal_noise(rng, ink.shape, 12, 0.9) * np.float32(rng.uniform(0.08, 0.2))
    return (np.clip((soft + noise - 0.45) * 6 + 0.5, 0, 1) * 255).astype(np.uint8)
