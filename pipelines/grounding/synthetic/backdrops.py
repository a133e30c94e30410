"""Places drawn by procedure, in the stead of photographs, of which the project holds none: landscapes, rooms, collages.

They have what makes photographs hard for a network that knows clean grounds: a horizon, several regions, texture that
gets finer with distance, a shallow depth of field. Streets and tables are kept for tests. All give float32
(side, side, 3) RGB, 0 to 1.
"""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.grounding.synthetic.apart import Apart
from pipelines.grounding.synthetic.cast import chosen
from pipelines.shared.synthetic.surfaces import bricks, grass, mottled, plaster, streaked, tiles, wood

Size = tuple[int, int]


def landscape(rng: np.random.Generator, side: int, apart: Apart) -> np.ndarray:
    """Sky, one to three ranges of hills, a meadow or a beach."""
    picture = _sky(rng, side, apart)
    horizon, count = float(rng.uniform(0.3, 0.6)), int(rng.integers(1, 4))
    rows = np.arange(side, dtype=np.float32)[:, None]
    haze = picture[int(horizon * side)].mean(0)
    for index in range(count):
        height = (horizon + 0.07 * index + _ridge(rng, side, 0.09 / (1 + index))) * side
        colour = haze + (apart.colour("hill") - haze) * np.float32((index + 1.5) / (count + 1.5))
        _over(picture, np.clip(rows - height, 0, 1), _toned(colour, mottled(rng, (side, side), 10, 3), 0.2))
    near = (horizon + 0.07 * count + _ridge(rng, side, 0.02)) * side
    floor = chosen(rng, (grass, grass, plaster))
    colour = apart.colour("grass" if floor is grass else "stone")
    _over(picture, np.clip(rows - near, 0, 1), _toned(colour, _receding(rng, floor, side, horizon), 0.35))
    return _out_of_focus(rng, picture)


def room(rng: np.random.Generator, side: int, apart: Apart) -> np.ndarray:
    """A wall, a floor, perhaps a window, a shelf or a rug."""
    size, edge = (side, side), float(rng.uniform(0.5, 0.75))
    wall = apart.colour("wall")
    picture = _toned(wall, _wall(rng, size), 0.16)
    low = int(edge * side)
    floor = _toned(apart.colour("wood"), _receding(rng, chosen(rng, (wood, tiles)), side, edge - 0.12), 0.35)
    picture[low:] = floor[low:]
    for _ in range(int(rng.integers(0, 3))):
        _panel(rng, picture, apart, edge)
    if rng.random() < 0.4:
        _rug(rng, picture, apart, edge)
    picture[low : low + max(2, side // 40)] = np.clip(wall * np.float32(1.12), 0, 1)
    picture[low + max(2, side // 40)] *= np.float32(0.6)
    return _out_of_focus(rng, picture)


def collage(rng: np.random.Generator, side: int, apart: Apart) -> np.ndarray:
    """Torn and cut pieces of several surfaces over each other."""
    size = (side, side)
    planes = [surface(rng, size) for surface in (mottled, chosen(rng, (wood, bricks)), chosen(rng, (tiles, grass)))]
    picture = _toned(apart.colour("cloth"), planes[0], 0.3)
    for _ in range(int(rng.integers(4, 9))):
        turns = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 8))))
        corners = rng.uniform(0, 1, 2) + rng.uniform(0.12, 0.42) * np.stack([np.cos(turns), np.sin(turns)], 1)
        cover = _filled(side, corners)
        picture *= (1 - 0.25 * cv2.GaussianBlur(cover, (0, 0), 0.015 * side))[..., None]
        _over(picture, cover, _toned(apart.colour(), chosen(rng, planes), float(rng.uniform(0.1, 0.4))))
    return _out_of_focus(rng, picture)


def street(rng: np.random.Generator, side: int, apart: Apart) -> np.ndarray:
    """Fronts with windows, a pavement and a road. For tests alone."""
    picture, x, low = _sky(rng, side, apart), 0, int(rng.uniform(0.55, 0.7) * side)
    while x < side:
        width = int(rng.uniform(0.18, 0.4) * side)
        top, right = int(rng.uniform(0.02, 0.3) * side), min(x + width, side)
        front = apart.colour(chosen(rng, ("brick", "wall", "stone")))
        plane = chosen(rng, (bricks, plaster))(rng, (low - top, width))[:, : right - x]
        picture[top:low, x:right] = _toned(front, plane, 0.2)
        _windows(rng, picture[top:low, x:right], side, apart.like(front * np.float32(0.45), 0.05))
        x = right
    rows = (np.arange(side) - low) / (side - low)
    road = _toned(apart.colour("stone"), _receding(rng, plaster, side, low / side - 0.1), 0.3)
    picture[low:] = road[low:]
    picture[(rows > 0) & (rows < 0.22)] *= np.float32(1.15)
    picture[(rows >= 0.22) & (rows < 0.26)] *= np.float32(0.6)
    return _out_of_focus(rng, picture)


def table(rng: np.random.Generator, side: int, apart: Apart) -> np.ndarray:
    """A table top seen from its edge, with a cloth and papers, before a blurred wall. For tests alone."""
    edge = float(rng.uniform(0.12, 0.35))
    back = _toned(apart.colour("wall"), mottled(rng, (side, side), 3, 2), 0.4)
    picture = cv2.GaussianBlur(back, (0, 0), 0.02 * side)
    top = _toned(apart.colour("wood"), _receding(rng, wood, side, edge - 0.35), 0.3)
    low = int(edge * side)
    picture[low:] = top[low:]
    for _ in range(int(rng.integers(1, 4))):
        x, y, turn = *rng.uniform((0.1, edge + 0.15), (0.9, 0.95)), float(rng.uniform(-0.6, 0.6))
        half = rng.uniform(0.1, 0.25, 2)
        lean = np.array([[np.cos(turn), 0.6 * np.sin(turn)], [-np.sin(turn), 0.6 * np.cos(turn)]])
        sheet = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half @ lean + (x, y)
        plane = chosen(rng, (streaked, mottled))(rng, (side, side))
        _over(picture, _filled(side, sheet), _toned(apart.colour("cloth"), plane, 0.12))
    return _out_of_focus(rng, picture)


def _toned(colour: np.ndarray, plane: np.ndarray, depth: float) -> np.ndarray:
    """A colour, darker and lighter by a plane of 0 to 1, (h, w, 3)."""
    return np.clip(colour * (1 + np.float32(2 * depth) * (plane - np.float32(0.5)))[..., None], 0, 1)


def _over(picture: np.ndarray, cover: np.ndarray, layer: np.ndarray) -> None:
    """Lay a layer (h, w, 3) on a picture where `cover` (h, w) is 1, in place."""
    picture += cover[..., None] * (layer - picture)


def _filled(side: int, corners: np.ndarray) -> np.ndarray:
    """A polygon with corners (n, 2) in shares of the side, as float32 (side, side), 0 to 1."""
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, [(corners * side * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
    return mask / np.float32(255)


def _ridge(rng: np.random.Generator, side: int, height: float) -> np.ndarray:
    """Outline of a range of hills: offsets (side,) of about `height` in shares of the side."""
    coarse, fine = (np.interp(np.linspace(0, n, side), np.arange(n + 1), rng.normal(0, 1, n + 1)) for n in (4, 17))
    bent = cv2.GaussianBlur((coarse + 0.25 * fine)[None].astype(np.float32), (0, 0), side / 60)[0]
    return np.float32(height) * bent


def _receding(rng: np.random.Generator, surface, side: int, horizon: float) -> np.ndarray:
    """A surface that lies on the ground and meets the eye's level at `horizon`, a share of the height below 1."""
    plane = surface(rng, (side, side))
    y = (np.arange(side, dtype=np.float32) + 0.5) / side
    far = (1 - horizon) / np.maximum(y - horizon, 0.08)[:, None]
    x = (np.arange(side, dtype=np.float32) - side / 2) / side
    to_x, to_y = (x * far * 0.8 + 0.5) % 1 * side, np.repeat(far * 0.7 % 1 * side, side, 1)
    return cv2.remap(plane, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def _sky(rng: np.random.Generator, side: int, apart: Apart) -> np.ndarray:
    """From a colour above to a paler one below, with faint clouds."""
    above = apart.colour("sky")
    below = apart.like(above + 0.12, 0.06)
    cloud = np.clip(3 * mottled(rng, (side, side), 3, 4) - 1.5, 0, 1) * np.float32(rng.uniform(0, 0.35))
    picture = above + np.linspace(0, 1.3, side, dtype=np.float32).clip(0, 1)[:, None, None] * (below - above)
    return picture + cloud[..., None] * (np.float32(0.93) - picture)


def _wall(rng: np.random.Generator, size: Size) -> np.ndarray:
    """Plaster, wallpaper with upright bands, or panels of wood."""
    kind = rng.random()
    if kind < 0.5:
        return mottled(rng, size, 3, 4)
    bands = np.arange(size[1], dtype=np.float32) * np.float32(rng.uniform(5, 14) / size[1]) % 1
    upright = np.where(bands < (0.5 if kind < 0.8 else 0.06), 0.3, 0.62).astype(np.float32)
    return 0.7 * upright + 0.3 * mottled(rng, size, 3, 2)


def _panel(rng: np.random.Generator, picture: np.ndarray, apart: Apart, edge: float) -> None:
    """A window or a picture on the wall, in place."""
    side = picture.shape[0]
    width, height = rng.uniform(0.14, 0.34, 2)
    left, top = rng.uniform(0, 1 - width), rng.uniform(0, max(edge - height, 0.02))
    x0, y0, x1, y1 = (int(v * side) for v in (left, top, left + width, min(top + height, edge)))
    frame = max(2, side // 50)
    picture[y0:y1, x0:x1] = apart.colour("wood")
    inner = picture[y0 + frame : y1 - frame, x0 + frame : x1 - frame]
    inner[:] = _toned(apart.colour("sky"), mottled(rng, inner.shape[:2], 3, 2), 0.25)
    inner[:, inner.shape[1] // 2 : inner.shape[1] // 2 + frame // 2] = picture[y0, x0]


def _rug(rng: np.random.Generator, picture: np.ndarray, apart: Apart, edge: float) -> None:
    """A rug on the floor, in place."""
    side, (low, high) = picture.shape[0], np.sort(rng.uniform(edge + 0.05, 1.1, 2))
    left, right = sorted(rng.uniform(-0.1, 1.1, 2))
    lean = 0.25 * (high - low)
    corners = np.array([(left + lean, low), (right - lean, low), (right, high), (left, high)])
    _over(picture, _filled(side, corners), _toned(apart.colour("cloth"), streaked(rng, (side, side), 40, 8), 0.25))


def _windows(rng: np.random.Generator, front: np.ndarray, side: int, glass: np.ndarray) -> None:
    """Rows of windows on a front, in place."""
    pitch, high = int(rng.uniform(0.07, 0.12) * side), int(rng.uniform(0.09, 0.14) * side)
    for y in range(high // 2, front.shape[0] - high // 2, high):
        for x in range(pitch // 3, front.shape[1] - pitch // 2, pitch):
            front[y : y + high // 2, x : x + pitch // 2] = glass * np.float32(rng.uniform(0.8, 1.25))


def _out_of_focus(rng: np.random.Generator, picture: np.ndarray) -> np.ndarray:
    """As behind the plane of focus: a little blurred or much."""
    return cv2.GaussianBlur(picture, (0, 0), picture.shape[0] * float(rng.uniform(0.002, 0.008)))
