"""Where the edges of a thing lie."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from pipelines.grounding.synthetic.things import Thing
from pipelines.shared.synthetic.sprites import Part, sprite


def outline(thing: Thing) -> list[Part]:
    """Parts of a thing at its place, in shares of the picture's side."""
    matrix, middle = _matrix(thing), (thing.x, thing.y)
    return [
        Part(tuple(points @ matrix + middle for points in part.contours), part.tone)
        for part in sprite(thing.look.category)
    ]


def reach(thing: Thing) -> tuple[float, float, float, float]:
    """How far it reaches from its middle to the left, up, right and down: x0, y0, x1, y1 relative to (x, y)."""
    points = _sprite_points(thing.look.category) @ _matrix(thing)
    (x0, y0), (x1, y1) = points.min(0), points.max(0)
    return float(x0), float(y0), float(x1), float(y1)


def all_points(thing: Thing) -> np.ndarray:
    """Corners of all its parts (n, 2) at its place, in shares of the picture's side."""
    return _sprite_points(thing.look.category) @ _matrix(thing) + (thing.x, thing.y)


def local_axes(thing: Thing, side: int, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates on the sprite of the pixels of a part of a picture of that side: two float32 (h, w)."""
    (xu, yu), (xv, yv) = _matrix(thing).tolist()
    share = 1 / (side * (xu * yv - yu * xv))
    x = np.arange(columns.start, columns.stop, dtype=np.float32) + np.float32(0.5 - thing.x * side)
    y = (np.arange(rows.start, rows.stop, dtype=np.float32) + np.float32(0.5 - thing.y * side))[:, None]
    return x * np.float32(yv * share) - y * np.float32(xv * share), y * np.float32(xu * share) - x * np.float32(
        yu * share
    )


@lru_cache(maxsize=64)
def _sprite_points(category: str) -> np.ndarray:
    return np.concatenate([points for part in sprite(category) for points in part.contours])


def _matrix(thing: Thing) -> np.ndarray:
    """Maps rows (x, y) of the sprite to shares of the side."""
    angle, half = np.deg2rad(thing.angle_deg), thing.side / 2
    cos, sin = np.cos(angle), np.sin(angle)
    across = half * thing.stretch * (-1 if thing.is_mirrored else 1)
    return np.array([[across * cos, across * sin], [-half / thing.stretch * sin, half / thing.stretch * cos]])
