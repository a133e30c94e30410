"""What the surface of a thing looks like: stripes, dots, squares, and the gloss of shiny things."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.grounding.synthetic.colours import second_colour
from pipelines.grounding.synthetic.things import Thing

Plane = np.ndarray  # float32 (h, w)
STRIPE, DOT, SQUARE = 0.52, 0.5, 0.42  # period of stripes and dots, side of a square, in half sides of a thing


def patterned(rng: np.random.Generator, thing: Thing, colour: np.ndarray, u: Plane, v: Plane) -> np.ndarray:
    """Colour of the main part, float32 (h, w, 3).

    Args:
        u, v: coordinates on the thing, -1 to 1 over about its side.
    """
    second = PATTERNS.get(thing.look.pattern)
    flat = np.empty((*u.shape, 3), np.float32)
    flat[:] = colour
    if second is not None:
        flat[second(rng, u, v)] = second_colour(colour)
    return flat


def stripes(rng: np.random.Generator, u: Plane, v: Plane) -> np.ndarray:
    """Where the second colour of stripes is, bool (h, w); they run upright, level or slanting."""
    turn = np.pi / 4 * int(rng.integers(4)) + float(rng.uniform(-0.1, 0.1))
    across = u * np.float32(np.cos(turn) / STRIPE) + v * np.float32(np.sin(turn) / STRIPE)
    return (across + np.float32(rng.random())) % 1 < 0.42


def dots(rng: np.random.Generator, u: Plane, v: Plane) -> np.ndarray:
    """Where dots are, bool (h, w): rows of them, every other row shifted by half."""
    row = v / np.float32(DOT * 0.87) + np.float32(rng.random())
    across = u / np.float32(DOT) + 0.5 * (np.floor(row) % 2) + np.float32(rng.random())
    return (across % 1 - 0.5) ** 2 + ((row % 1 - 0.5) * np.float32(0.87)) ** 2 < 0.31**2


def squares(rng: np.random.Generator, u: Plane, v: Plane) -> np.ndarray:
    """Where the dark fields of a chessboard are, bool (h, w)."""
    across, down = u / np.float32(SQUARE) + rng.random(), v / np.float32(SQUARE) + rng.random()
    return (np.floor(across) + np.floor(down)) % 2 > 0


PATTERNS = {"striped": stripes, "dotted": dots, "checkered": squares}


def glossed(paint: np.ndarray, alpha: Plane, towards: Plane) -> None:
    """Make it shine, in place: darker away from the light, and a spot where it is broad and faces the light.

    Args:
        towards: coordinate towards the light, -1 to 1 over the thing.
    """
    paint *= np.clip(1 + 0.3 * towards, 0.6, 1.08)[..., None]
    deep = cv2.distanceTransform((alpha > 0.5).view(np.uint8), cv2.DIST_L2, 3)
    _, _, _, (x, y) = cv2.minMaxLoc(np.sqrt(deep) * (1 + 0.7 * towards))
    radius = max(0.5 * float(deep[y, x]), 0.09 * max(alpha.shape))
    rows, columns = np.ogrid[: alpha.shape[0], : alpha.shape[1]]
    far = ((columns - x) / radius) ** 2 + ((rows - y) / (0.75 * radius)) ** 2
    spot = np.clip(1.6 - 1.2 * far, 0, 1).astype(np.float32)[..., None]
    paint += spot * 0.9 * (1 - paint)
