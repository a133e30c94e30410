"""What things stand in front of: plain colours, ramps, clouds, procedural textures, lights out of focus.

Grounds are float32 (side, side, 3) RGB, 0 to 1, and keep away from the colours of the things as far as the recipe asks.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from pipelines.grounding.synthetic.apart import Apart
from pipelines.grounding.synthetic.backdrops import collage, landscape, room, street, table
from pipelines.grounding.synthetic.cast import chosen, drawn
from pipelines.grounding.synthetic.recipes import Recipe
from pipelines.shared.synthetic import surfaces

Ground = Callable[[np.random.Generator, int, Apart], np.ndarray]
COARSE = 0.65  # of the side: places lie behind the plane of focus, and take the less time
SURFACES = (
    (surfaces.wood, "wood"), (surfaces.wood, "wood"), (surfaces.tiles, "stone"), (surfaces.tiles, "wall"),
    (surfaces.bricks, "brick"), (surfaces.grass, "grass"), (surfaces.plaster, "wall"), (surfaces.plaster, "stone"),
    (surfaces.paper, "wall"),
)  # fmt: skip
HELD_SURFACES = (
    (surfaces.chevrons, "wood"), (surfaces.terrazzo, "stone"), (surfaces.woven, "cloth"), (surfaces.marble, "stone"),
)  # fmt: skip


def ground(rng: np.random.Generator, recipe: Recipe, side: int, taken: np.ndarray) -> np.ndarray:
    """A ground of the recipe. `taken`: colours of the things in Lab, (n, 3)."""
    name, apart = drawn(rng, recipe.grounds), Apart(rng, taken, recipe.contrast)
    if name not in BACKDROPS:
        return GROUNDS[name](rng, side, apart)
    small = BACKDROPS[name](rng, max(round(COARSE * side), 32), apart)
    return cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR)


def plain(rng: np.random.Generator, side: int, apart: Apart) -> np.ndarray:
    """One colour."""
    return np.full((side, side, 3), apart.colour(), np.float32)


def ramp(rng: np.random.Generator, side: int, apart: Apart) -> np.ndarray:
    """From one colour to a neighbour, along a line or outwards."""
    first = apart.colour()
    second = apart.like(first, 0.16)
    x = np.linspace(-0.5, 0.5, side, dtype=np.float32)
    if rng.random() < 0.3:
        at = np.sqrt(x * x + (x * x)[:, None]) * np.float32(1.4)
    else:
        turn = float(rng.uniform(0, 2 * np.pi))
        at = 0.5 + np.float32(0.7 * np.cos(turn)) * x + np.float32(0.7 * np.sin(turn)) * x[:, None]
    return blend(first, second, np.clip(at, 0, 1))


def clouds(rng: np.random.Generator, side: int, apart: Apart) -> np.ndarray:
    """Soft spots of two neighbouring colours."""
    first = apart.colour()
    plane = surfaces.mottled(rng, (side, side), int(rng.integers(2, 7)), int(rng.integers(1, 4)))
    return blend(first, apart.like(first, 0.14), np.clip(2.2 * plane - 0.6, 0, 1))


def textured(rng: np.random.Generator, side: int, apart: Apart) -> np.ndarray:
    """Wood, tiles, bricks, grass, plaster, paper."""
    return _surfaced(rng, side, apart, SURFACES)


def held(rng: np.random.Generator, side: int, apart: Apart) -> np.ndarray:
    """Textures that no training shows: chevrons, terrazzo, wicker, marble."""
    return _surfaced(rng, side, apart, HELD_SURFACES)


def bokeh(rng: np.random.Generator, side: int, apart: Apart) -> np.ndarray:
    """Lights far out of focus."""
    first = apart.colour()
    lights = np.zeros((side, side), np.float32)
    for x, y, radius, strength in rng.uniform((0, 0, 0.03, 0.3), (1, 1, 0.11, 1), (int(rng.integers(10, 26)), 4)):
        disc = (int(x * side * 16), int(y * side * 16)), int(radius * side * 16)
        glow = np.zeros((side, side), np.uint8)
        cv2.circle(glow, *disc, 255, -1, cv2.LINE_AA, 4)
        np.maximum(lights, glow * np.float32(strength / 255), out=lights)
    blurred = cv2.GaussianBlur(lights, (0, 0), side * float(rng.uniform(0.008, 0.016)))
    return blend(first, apart.like(first + (0.14 if first.mean() < 0.6 else -0.12), 0.05), blurred)


def blend(first: np.ndarray, second: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """Colours (h, w, 3): the first (3,) where a plane (h, w) is 0, the second where it is 1."""
    return first + plane[..., None] * (second - first)


def _surfaced(rng: np.random.Generator, side: int, apart: Apart, options: tuple) -> np.ndarray:
    surface, kind = chosen(rng, options)
    base = apart.colour(kind)
    depth = np.float32(rng.uniform(0.12, 0.32))
    return blend(base * (1 - depth), np.clip(base + depth * (0.25 + 0.5 * base), 0, 1), surface(rng, (side, side)))


GROUNDS: dict[str, Ground] = {
    "plain": plain, "ramp": ramp, "clouds": clouds, "texture": textured, "bokeh": bokeh, "held": held,
}  # fmt: skip
BACKDROPS: dict[str, Ground] = {
    "landscape": landscape, "room": room, "collage": collage, "street": street, "table": table,
}  # fmt: skip
