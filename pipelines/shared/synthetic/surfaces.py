"""Floors, walls and fabrics as seeded planes, quick to draw; lengths follow the side of the picture.

All are float32 (H, W), 0 to 1, about 0.5 on average. `textures.py` has finer ones, in pixels, for slower uses.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

Plane = np.ndarray
Surface = Callable[[np.random.Generator, tuple[int, int]], Plane]


def mottled(rng: np.random.Generator, size_hw: tuple[int, int], cells: int = 4, octaves: int = 3) -> Plane:
    """Soft spots: `cells` along a side, and finer ones of half the strength."""
    plane, strength = np.full(size_hw, 0.5, np.float32), 0.28
    for octave in range(octaves):
        count = min(cells * 2**octave + 1, min(size_hw))
        grid = rng.uniform(-strength, strength, (count, count)).astype(np.float32)
        plane += cv2.resize(grid, size_hw[::-1], interpolation=cv2.INTER_CUBIC)
        strength /= 2
    return np.clip(plane, 0, 1)


def streaked(rng: np.random.Generator, size_hw: tuple[int, int], fine: int = 80, length: int = 5) -> Plane:
    """Level streaks: `fine` of them over the height, `length` along the width."""
    grid = rng.normal(0.5, 0.17, (fine, length)).astype(np.float32)
    return np.clip(cv2.resize(grid, size_hw[::-1], interpolation=cv2.INTER_LINEAR), 0, 1)


def wood(rng: np.random.Generator, size_hw: tuple[int, int]) -> Plane:
    """Planks side by side, each with its tone and grain."""
    if rng.random() < 0.5:
        return np.ascontiguousarray(_planks(rng, size_hw[::-1]).T)
    return _planks(rng, size_hw)


def tiles(rng: np.random.Generator, size_hw: tuple[int, int]) -> Plane:
    """Square tiles with joints, each a little darker or lighter."""
    across = float(rng.uniform(4, 9))
    row, column = (_axis(n, across * n / size_hw[1]) + np.float32(rng.random()) for n in size_hw)
    tones = rng.uniform(0.42, 0.64, (12, 12)).astype(np.float32)
    plane = tones[np.ix_(row.astype(int) % 12, column.astype(int) % 12)]
    joint = float(rng.uniform(0.05, 0.09))
    is_joint = (row % 1 < joint)[:, None] | (column % 1 < joint)
    plane[is_joint] = 0.12 if rng.random() < 0.6 else 0.9
    return plane


def bricks(rng: np.random.Generator, size_hw: tuple[int, int]) -> Plane:
    """Courses of bricks in mortar."""
    courses = float(rng.uniform(7, 13))
    row = _axis(size_hw[0], courses)[:, None]
    column = _axis(size_hw[1], courses / rng.uniform(2, 2.5)) + 0.5 * (np.floor(row) % 2)
    tones = rng.uniform(0.3, 0.62, 97).astype(np.float32)
    plane = tones[((np.floor(row) * 37 + np.floor(column) * 11) % 97).astype(int)]
    plane[(row % 1 < 0.13) | (column % 1 < 0.06)] = 0.92
    return plane


def grass(rng: np.random.Generator, size_hw: tuple[int, int]) -> Plane:
    """Short upright blades over soft spots."""
    blades = streaked(rng, size_hw[::-1], int(rng.integers(60, 110)), int(rng.integers(14, 26))).T
    return np.clip(0.65 * blades + 0.35 * mottled(rng, size_hw, 5, 2), 0, 1)


def plaster(rng: np.random.Generator, size_hw: tuple[int, int]) -> Plane:
    """Plaster, stone, sand: spots of every size."""
    return mottled(rng, size_hw, int(rng.integers(3, 9)), 5)


def paper(rng: np.random.Generator, size_hw: tuple[int, int]) -> Plane:
    """Ruled or squared paper."""
    count = float(rng.uniform(12, 24))
    plane = np.full(size_hw, 0.6, np.float32)
    plane[_axis(size_hw[0], count) % 1 < 0.1] = 0.25
    if rng.random() < 0.5:
        plane[:, _axis(size_hw[1], count) % 1 < 0.1] = 0.25
    return plane


def chevrons(rng: np.random.Generator, size_hw: tuple[int, int]) -> Plane:
    """Short planks in a zigzag."""
    columns = _axis(size_hw[1], float(rng.uniform(4, 7)))
    row = _axis(size_hw[0], float(rng.uniform(12, 20)))[:, None] + 2.5 * np.abs(columns % 2 - 1)
    tones = rng.uniform(0.35, 0.7, 61).astype(np.float32)
    plane = tones[((np.floor(row) * 7 + np.floor(columns) * 13) % 61).astype(int)]
    plane[(row % 1 < 0.1) | (columns % 1 < 0.04)] = 0.1
    return plane


def terrazzo(rng: np.random.Generator, size_hw: tuple[int, int]) -> Plane:
    """Chips of stone in a smooth ground."""
    plane = np.full(size_hw, 0.55, np.float32)
    side = min(size_hw)
    for _ in range(130):
        turns = np.sort(rng.uniform(0, 2 * np.pi, 5))
        radius = rng.uniform(0.006, 0.022) * side
        chip = rng.uniform(0, 1, 2) * size_hw[::-1] + radius * np.stack([np.cos(turns), np.sin(turns)], 1)
        cv2.fillConvexPoly(plane, (chip * 16).astype(np.int32), float(rng.uniform(0, 1)), cv2.LINE_8, 4)
    return plane


def woven(rng: np.random.Generator, size_hw: tuple[int, int]) -> Plane:
    """Wicker: bands that pass over and under each other."""
    count = float(rng.uniform(9, 16))
    row, column = _axis(size_hw[0], count)[:, None], _axis(size_hw[1], count)
    is_over = (np.floor(row) + np.floor(column)) % 2 == 0
    bulge = np.where(is_over, np.sin(np.pi * (row % 1)), np.sin(np.pi * (column % 1)))
    return (0.15 + 0.6 * np.abs(bulge)).astype(np.float32)


def marble(rng: np.random.Generator, size_hw: tuple[int, int]) -> Plane:
    """Thin veins in soft spots."""
    bend = mottled(rng, size_hw, 3, 4)
    turn = float(rng.uniform(0, np.pi))
    along = _axis(size_hw[1], np.cos(turn)) + _axis(size_hw[0], np.sin(turn))[:, None]
    return np.clip(0.95 - 0.9 * np.exp(-9 * np.abs(np.sin(9 * bend + 4 * along))), 0, 1).astype(np.float32)


def _planks(rng: np.random.Generator, size_hw: tuple[int, int]) -> Plane:
    row = _axis(size_hw[0], float(rng.uniform(4, 8)))
    tones = rng.uniform(0.3, 0.7, 10)[row.astype(int)].astype(np.float32)[:, None]
    plane = 0.6 * tones + 0.4 * streaked(rng, size_hw)
    ends = (rng.uniform(0, 1, 10)[row.astype(int)] * size_hw[1]).astype(int)[:, None]
    plane[np.abs(np.arange(size_hw[1]) - ends) < 0.004 * size_hw[1]] = 0.08
    plane[row % 1 < 0.05] = 0.08
    return plane


def _axis(pixels: int, cycles: float) -> np.ndarray:
    """0 to `cycles` over so many pixels, float32."""
    return np.arange(pixels, dtype=np.float32) * np.float32(cycles / pixels)
