"""Vector sprites: twenty simple things as lists of filled parts, in a square of two units, y down.

A part has a tone: "main" takes the colour of the thing (and its pattern); "dark", "deep" and "light" are shades of that
colour, so that a red house has no green door.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

Points = np.ndarray  # float (n, 2)


@dataclass(frozen=True)
class Part:
    """A filled shape of one tone; contours inside others are holes."""

    contours: tuple[Points, ...]
    tone: str = "main"


@lru_cache(maxsize=64)
def sprite(name: str) -> tuple[Part, ...]:
    """Parts of a thing from back to front; its box is centred on 0 and has an area of 4, whatever its proportions."""
    parts = SPRITES[name]()
    corners = np.concatenate([points for part in parts for points in part.contours])
    low, high = corners.min(0), corners.max(0)
    scale = 2 / np.sqrt(np.prod(high - low))
    middle = (low + high) / 2
    return tuple(Part(tuple((points - middle) * scale for points in part.contours), part.tone) for part in parts)


def disc(x: float = 0, y: float = 0, rx: float = 1, ry: float | None = None, count: int = 36) -> Points:
    """An ellipse as a polygon."""
    turns = np.arange(count) * (2 * np.pi / count)
    return np.stack([x + rx * np.cos(turns), y + (rx if ry is None else ry) * np.sin(turns)], 1)


def block(left: float, top: float, right: float, bottom: float) -> Points:
    """An upright rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float)


def polygon(*corners: tuple[float, float]) -> Points:
    """A polygon by its corners."""
    return np.array(corners, float)


def _star() -> Points:
    turns = np.arange(10) * np.pi / 5 - np.pi / 2
    radii = np.where(np.arange(10) % 2 == 0, 1.0, 0.42)
    return np.stack([radii * np.cos(turns), radii * np.sin(turns)], 1)


def _heart() -> Points:
    t = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
    return np.stack([16 * np.sin(t) ** 3, -y], 1) / 16


def _crescent() -> Points:
    outer = np.linspace(0.28 * np.pi, 1.72 * np.pi, 30)
    inner = np.linspace(1.62 * np.pi, 0.38 * np.pi, 24)
    a = np.stack([np.cos(outer), np.sin(outer)], 1)
    b = np.stack([0.42 + 0.72 * np.cos(inner), 0.84 * np.sin(inner)], 1)
    return np.concatenate([a, b])


def _arrow() -> Points:
    return polygon((-1, -0.24), (0.1, -0.24), (0.1, -0.68), (1, 0), (0.1, 0.68), (0.1, 0.24), (-1, 0.24))


def _cross() -> Points:
    a = 0.33
    half = ((-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a))
    return polygon(*half, *((-x, -y) for x, y in half))


def _one(points: Points) -> tuple[Part, ...]:
    return (Part((points,)),)


def _mug() -> tuple[Part, ...]:
    handle = Part((disc(0.62, 0.05, 0.46, 0.5), disc(0.62, 0.05, 0.24, 0.29)))
    body = Part((polygon((-0.85, -0.85), (0.6, -0.85), (0.52, 0.85), (0.4, 0.95), (-0.65, 0.95), (-0.77, 0.85)),))
    return handle, body, Part((disc(-0.125, -0.83, 0.725, 0.17),), "dark")


def _house() -> tuple[Part, ...]:
    return (
        Part((block(0.35, -0.95, 0.6, -0.3),), "deep"),
        Part((block(-0.78, -0.2, 0.78, 0.95),)),
        Part((polygon((-1, -0.12), (0, -1), (1, -0.12)),), "dark"),
        Part((block(-0.55, 0.3, -0.15, 0.95),), "deep"),
        Part((block(0.15, 0.15, 0.55, 0.52),), "light"),
    )


def _car() -> tuple[Part, ...]:
    roof = ((-0.62, 0.02), (-0.36, -0.42), (0.36, -0.42), (0.68, 0.0))
    body = polygon((-1, 0.1), *roof, (1, 0.1), (1, 0.45), (-1, 0.45))
    return (
        Part((body,)),
        Part((polygon((-0.46, 0.0), (-0.27, -0.32), (-0.04, -0.32), (-0.04, 0.0)),), "light"),
        Part((polygon((0.06, 0.0), (0.06, -0.32), (0.29, -0.32), (0.48, 0.0)),), "light"),
        Part((disc(-0.55, 0.45, 0.24, count=20),), "deep"),
        Part((disc(0.55, 0.45, 0.24, count=20),), "deep"),
    )


def _tree() -> tuple[Part, ...]:
    crown = (disc(-0.38, -0.1, 0.46), disc(0.38, -0.1, 0.46), disc(0, -0.5, 0.5))
    return Part((block(-0.14, 0.1, 0.14, 1.0),), "deep"), *(Part((points,)) for points in crown)


def _fish() -> tuple[Part, ...]:
    return (
        Part((polygon((0.45, 0), (1, -0.48), (0.88, 0), (1, 0.48)),), "dark"),
        Part((polygon((-0.25, -0.3), (0.1, -0.68), (0.3, -0.25)),), "dark"),
        Part((disc(-0.22, 0, 0.78, 0.46),)),
        Part((disc(-0.62, -0.1, 0.15, count=16),), "light"),
        Part((disc(-0.64, -0.1, 0.08, count=12),), "deep"),
    )


def _lamp() -> tuple[Part, ...]:
    return (
        Part((block(-0.09, -0.1, 0.09, 0.85),), "dark"),
        Part((polygon((-0.5, 1), (-0.38, 0.8), (0.38, 0.8), (0.5, 1)),), "dark"),
        Part((polygon((-0.34, -1), (0.34, -1), (0.72, 0.05), (-0.72, 0.05)),)),
    )


def _key() -> tuple[Part, ...]:
    return (
        Part((block(-0.3, -0.13, 1.0, 0.13),)),
        Part((block(0.5, 0.1, 0.66, 0.42),)),
        Part((block(0.82, 0.1, 0.98, 0.5),)),
        Part((disc(-0.55, 0, 0.52), disc(-0.62, 0, 0.24))),
    )


def _mushroom() -> tuple[Part, ...]:
    turns = np.linspace(np.pi, 2 * np.pi, 24)
    cap = np.stack([np.cos(turns), 0.1 + 1.0 * np.sin(turns)], 1)
    stem = polygon((-0.3, 0.05), (0.3, 0.05), (0.42, 0.9), (-0.42, 0.9))
    return Part((stem,), "light"), Part((np.concatenate([cap, [(0.85, 0.24), (-0.85, 0.24)]]),))


def _hexagon() -> Points:
    return disc(count=6)


SPRITES: dict[str, Callable[[], tuple[Part, ...]]] = {
    "circle": lambda: _one(disc()),
    "square": lambda: _one(block(-1, -1, 1, 1)),
    "rectangle": lambda: _one(block(-1, -0.52, 1, 0.52)),
    "triangle": lambda: _one(polygon((0, -1), (0.86, 0.9), (-0.86, 0.9))),
    "star": lambda: _one(_star()),
    "heart": lambda: _one(_heart()),
    "ring": lambda: (Part((disc(), disc(0, 0, 0.6))),),
    "cross": lambda: _one(_cross()),
    "diamond": lambda: _one(polygon((0, -1), (0.66, 0), (0, 1), (-0.66, 0))),
    "hexagon": lambda: _one(_hexagon()),
    "crescent": lambda: _one(_crescent()),
    "arrow": lambda: _one(_arrow()),
    "mug": _mug,
    "house": _house,
    "car": _car,
    "tree": _tree,
    "fish": _fish,
    "lamp": _lamp,
    "key": _key,
    "mushroom": _mushroom,
}
