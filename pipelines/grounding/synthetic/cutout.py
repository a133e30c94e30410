"""One painted thing, cut out: parts in their tones, pattern and finish, with a soft edge."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.grounding.synthetic.colours import draw_colour, shade
from pipelines.grounding.synthetic.depth import BAND, Place, bounds
from pipelines.grounding.synthetic.outline import local_axes, outline
from pipelines.grounding.synthetic.patterns import glossed, patterned
from pipelines.grounding.synthetic.things import Thing

FINE = 2  # drawn so many times as large, and averaged
SHIFT = 4  # bits behind the point that OpenCV takes for corners
LINE = 0.075  # width of an optional edge line over half the side


@dataclass(frozen=True)
class Light:
    """How the things of a scene are lit and drawn.

    Attributes:
        direction: from the middle towards the light, (x, y) of length 1.
        relief: how much brighter the side towards the light is, 0 to 1.
        has_line: things have a dark edge. texture: tile of factors about 1, (h, w), that things are multiplied with.
        shadow: darkest, 0 to 1. throw, softness: of shadows, in shares of the side.
    """

    direction: tuple[float, float] = (-0.6, -0.8)
    relief: float = 0.08
    has_line: bool = False
    texture: np.ndarray | None = None
    shadow: float = 0.0
    throw: float = 0.02
    softness: float = 0.01


@dataclass(frozen=True)
class Cutout:
    """A painted thing.

    Attributes:
        place: its rows and columns in the picture.
        paint: float32 (h, w, 3) RGB, 0 to 1, already multiplied with alpha.
        alpha: float32 (h, w), 0 to 1.
    """

    place: Place
    paint: np.ndarray
    alpha: np.ndarray

    @property
    def mask(self) -> np.ndarray:
        """Pixels that are mostly the thing, bool (h, w)."""
        return self.alpha >= 0.5


def cut_out(thing: Thing, side: int, light: Light) -> Cutout:
    """The thing painted for a picture of that side in pixels."""
    rng = np.random.default_rng(thing.seed)
    colour = draw_colour(rng, thing.look.colour)
    place = bounds(thing, side)
    rows, columns = (slice(FINE * s.start, FINE * s.stop) for s in place)
    u, v = local_axes(thing, FINE * side, rows, columns)
    main = patterned(rng, thing, colour, u, v)
    paint, alpha = _parts(thing, FINE * side, (rows.start, columns.start), main, colour)
    _lit(rng, paint, alpha, thing, light, (u, v))
    paint *= alpha[..., None]
    size = (columns.stop - columns.start) // FINE, (rows.stop - rows.start) // FINE
    paint = cv2.resize(paint, size, interpolation=cv2.INTER_AREA)
    return Cutout(place, paint, cv2.resize(alpha, size, interpolation=cv2.INTER_AREA))


def _parts(
    thing: Thing, side: int, start: tuple[int, int], main: np.ndarray, colour: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Paint (H, W, 3) and alpha (H, W) of the parts, back to front."""
    paint, alpha = main.copy(), np.zeros(main.shape[:2], np.float32)
    for index, part in enumerate(_joined(outline(thing))):
        fill = np.zeros(alpha.shape, np.uint8)
        for contours in part.groups:
            corners = [np.round((c * side - 0.5 - start[::-1]) * 2**SHIFT).astype(np.int32) for c in contours]
            cv2.fillPoly(fill, corners, 255, cv2.LINE_AA, SHIFT)
        cover = fill / np.float32(255)
        if thing.look.pattern == "hollow":
            alpha *= 1 - cover
            cover *= _band(fill, (BAND if part.tone in ("main", "dark") else BAND / 2) * thing.side * side / 2)
        if index > 0 or part.tone != "main":  # the first main part finds its own colour there
            layer = main if part.tone == "main" else shade(colour, part.tone)
            paint += cover[..., None] * (layer - paint)
        alpha += cover * (1 - alpha)
    return paint, alpha


@dataclass(frozen=True)
class _Group:
    """Neighbouring parts of one tone: each drawn for itself, outlined as one."""

    groups: list[tuple[np.ndarray, ...]]
    tone: str


def _joined(parts: list) -> list[_Group]:
    joined: list[_Group] = []
    for part in parts:
        if joined and joined[-1].tone == part.tone:
            joined[-1].groups.append(part.contours)
        else:
            joined.append(_Group([part.contours], part.tone))
    return joined


def _band(fill: np.ndarray, width: float) -> np.ndarray:
    """1 within so many pixels of the edge of a filled shape, 0 farther inside, soft between."""
    framed = cv2.copyMakeBorder(fill, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    deep = cv2.distanceTransform((framed > 127).view(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    return np.clip(width + 0.5 - deep, 0, 1)


def _lit(rng: np.random.Generator, paint: np.ndarray, alpha: np.ndarray, thing: Thing, light: Light, uv: tuple) -> None:
    """Relief, texture, gloss and edge line, in place."""
    height, width = alpha.shape
    x = np.arange(width, dtype=np.float32) * np.float32(2 * light.direction[0] / width)
    y = np.arange(height, dtype=np.float32) * np.float32(2 * light.direction[1] / height)
    towards = x + (y - np.float32(sum(light.direction)))[:, None]
    paint *= (1 + np.float32(light.relief) * towards)[..., None]
    if light.texture is not None:
        paint *= _window(rng, light.texture, alpha.shape)[..., None]
    if thing.look.finish == "shiny":
        glossed(paint, alpha, towards)
    if light.has_line:
        line = _band((alpha * 255).astype(np.uint8), LINE * min(height, width) / 2)
        paint *= (1 - 0.62 * line)[..., None]


def _window(rng: np.random.Generator, tile: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    top, left = (int(rng.integers(max(1, big - small))) for big, small in zip(tile.shape, size_hw, strict=True))
    part = tile[top : top + size_hw[0], left : left + size_hw[1]]
    return part if part.shape == size_hw else cv2.resize(tile, size_hw[::-1])
