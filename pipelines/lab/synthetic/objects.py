"""Tasks about things in the picture: which shape, which colour, how many, which way.

Every function draws one picture of one class: (rng, class number, look) -> (H, W, 3).
"""

from __future__ import annotations

import colorsys

import numpy as np

from pipelines.lab.synthetic.canvas import (
    CENTRE,
    SIZE_PX,
    Coverage,
    Picture,
    filled,
    ground_of,
    ink_for,
    paint,
    placed,
    strokes,
)

SHAPES = ("disc", "ring", "triangle", "square", "star", "cross", "half disc", "arrow")
HUES = ("red", "orange", "green yellow", "green", "cyan", "blue", "violet", "pink")
COUNTS = ("one", "two", "three", "four", "five", "six")
ANGLES = tuple(f"{22.5 * step:g} degrees" for step in range(8))


def shape(rng: np.random.Generator, number: int, is_wild: bool) -> Picture:
    """One shape. Plain: filled, nearly upright, large. Wild: filled or outlined, any turn, over lines."""
    picture = ground_of(rng, is_wild)
    contours = _turned(rng, number, np.pi if is_wild else 0.25)
    is_outlined = is_wild and SHAPES[number] not in ("disc", "ring") and rng.random() < 0.5
    coverage = strokes(contours, 2, is_closed=True) if is_outlined else filled(contours)
    paint(picture, coverage, ink_for(rng, picture, 0.3 if is_wild else 0.5))
    return picture


def colour(rng: np.random.Generator, number: int, is_wild: bool) -> Picture:
    """The hue of the large thing. Wild: pale or dark under tinted light, with small things of other hues around."""
    picture = ground_of(rng, is_wild)
    hue = (number + rng.uniform(-0.3, 0.3)) / len(HUES)
    if is_wild:
        for _ in range(3):
            paint(picture, _blob(rng, rng.uniform(2, SIZE_PX - 2, 2), 3.0), _rgb(rng.random(), 0.8, 0.8))
    strength = rng.uniform(0.3, 0.6) if is_wild else rng.uniform(0.7, 1.0)
    light = rng.uniform(0.35, 0.95) if is_wild else rng.uniform(0.7, 1.0)
    paint(picture, _blob(rng, _centre(rng, 4), rng.uniform(7, 10)), _rgb(hue, strength, light))
    return picture * rng.uniform(0.75, 1.0, 3).astype(np.float32) if is_wild else picture


def count(rng: np.random.Generator, number: int, is_wild: bool) -> Picture:
    """How many things. Plain: equal discs well apart. Wild: mixed shapes, sizes and inks, closer together."""
    picture = ground_of(rng, is_wild)
    ink = ink_for(rng, picture, 0.3 if is_wild else 0.5)
    for centre in _apart(rng, number + 1, 7.5 if is_wild else 9.0):
        if is_wild:
            ink = ink_for(rng, picture, 0.35)
            kind = ("disc", "triangle", "square", "star")[int(rng.integers(4))]
            contours = [placed(p, centre, rng.uniform(2.2, 3.8), rng.uniform(0, 6.3)) for p in _outline(kind)]
            paint(picture, filled(contours), ink)
        else:
            paint(picture, filled([placed(p, centre, 3.2, 0) for p in _outline("disc")]), ink)
    return picture


def orientation(rng: np.random.Generator, number: int, is_wild: bool) -> Picture:
    """The direction of lines, in steps of 22.5 degrees over 180. Plain: one bar. Wild: a faint row of thin dashes."""
    picture = ground_of(rng, is_wild)
    angle = np.pi * (number + rng.uniform(-0.3, 0.3)) / len(ANGLES)
    ink = ink_for(rng, picture, 0.25 if is_wild else 0.5)
    along = np.array([[-1.0, 0.0], [1.0, 0.0]])
    if not is_wild:
        paint(picture, strokes([placed(along, _centre(rng, 3), rng.uniform(9, 12), angle)], 4), ink)
        return picture
    dashes = [
        placed(along, centre, rng.uniform(2.5, 4.5), angle + rng.normal(0, 0.06)) for centre in _apart(rng, 7, 6.5)
    ]
    paint(picture, strokes(dashes, 1), ink)
    return picture


def _turned(rng: np.random.Generator, number: int, most: float) -> list[np.ndarray]:
    centre, radius, angle = _centre(rng, 3.5), rng.uniform(8, 11.5), rng.uniform(-most, most)
    return [placed(points, centre, radius, angle) for points in _outline(SHAPES[number])]


def _outline(name: str) -> list[np.ndarray]:
    """Contours of a shape in the unit circle."""
    if name == "ring":
        return [_polygon(24), 0.55 * _polygon(24)]
    if name == "star":
        radii = np.where(np.arange(10) % 2 == 0, 1.0, 0.42)[:, None]
        return [radii * _polygon(10)]
    if name == "cross":
        a = 0.3
        corners = [(-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a), (a, 1), (-a, 1), (-a, a), (-1, a), (-1, -a),
                   (-a, -a)]  # fmt: skip
        return [np.array(corners, float)]
    if name == "half disc":
        turns = np.linspace(0, np.pi, 14)
        return [np.stack([np.cos(turns), np.sin(turns) - 0.4], 1)]
    if name == "arrow":
        corners = [(-1, -0.25), (0.1, -0.25), (0.1, -0.7), (1, 0), (0.1, 0.7), (0.1, 0.25), (-1, 0.25)]
        return [np.array(corners, float)]
    return [_polygon({"disc": 24, "triangle": 3, "square": 4}[name])]


def _polygon(corners: int) -> np.ndarray:
    turns = 2 * np.pi * (np.arange(corners) / corners) - np.pi / 2 + (np.pi / 4 if corners == 4 else 0)
    return np.stack([np.cos(turns), np.sin(turns)], 1)


def _blob(rng: np.random.Generator, centre: np.ndarray, radius_px: float) -> Coverage:
    """A round thing with a wavy edge."""
    wave = 1 + 0.2 * np.sin(np.arange(24) / 24 * 2 * np.pi * rng.integers(2, 5) + rng.uniform(0, 6.3))
    return filled([placed(wave[:, None] * _polygon(24), centre, radius_px, 0.0)])


def _rgb(hue: float, saturation: float, value: float) -> np.ndarray:
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value), np.float32)


def _centre(rng: np.random.Generator, spread_px: float) -> np.ndarray:
    return CENTRE + rng.uniform(-spread_px, spread_px, 2)


def _apart(rng: np.random.Generator, wanted: int, distance_px: float) -> np.ndarray:
    """Random centres at least so far apart, (wanted, 2); the distance shrinks while they do not fit."""
    while True:
        drawn: list[np.ndarray] = []
        for candidate in rng.uniform(4, SIZE_PX - 5, (60, 2)):
            if all(np.hypot(*(candidate - other)) >= distance_px for other in drawn):
                drawn.append(candidate)
                if len(drawn) == wanted:
                    return np.array(drawn)
        distance_px *= 0.9
