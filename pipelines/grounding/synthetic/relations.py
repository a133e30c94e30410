"""Relations between things of a scene: each answers True, False, or None where it is not clear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import cos, hypot, radians, sin
from typing import TYPE_CHECKING

import cv2
import numpy as np

from pipelines.grounding.synthetic.outline import outline
from pipelines.grounding.synthetic.things import Thing

if TYPE_CHECKING:
    from pipelines.grounding.synthetic.predicates import Facts

BESIDE, BESIDE_MAYBE = 0.12, 0.05  # along the axis
STEEP, STEEP_MAYBE = 1.2, 0.67  # along the axis over across it
NEAR, FAR, NEAR_RATIO = 0.32, 0.48, 1.5
OVERLAP, NO_OVERLAP = 0.08, 0.01  # of the smaller thing
RASTER, CONTACT, CLEARANCE = 128, 1, 5  # pixels
BIGGER, NOT_BIGGER = 1.6, 1.15  # of areas
STEP = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}
Test = Callable[..., bool | None]


class Masks:
    """Pixels that things cover, drawn when asked for."""

    def __init__(self, things: Sequence[Thing]) -> None:
        self.things = things
        self._drawn: dict[tuple[int, int], np.ndarray] = {}

    def covered(self, i: int, grown: int = 0) -> np.ndarray:
        """Pixels of a thing, uint8 (128, 128), and of those so many pixels around it."""
        if (i, grown) not in self._drawn:
            if grown:
                disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * grown + 1, 2 * grown + 1))
                mask = cv2.dilate(self.covered(i), disc)
            else:
                mask = np.zeros((RASTER, RASTER), np.uint8)
                for part in outline(self.things[i]):
                    cv2.fillPoly(mask, [np.round(points * RASTER).astype(np.int32) for points in part.contours], 1)
            self._drawn[i, grown] = mask
        return self._drawn[i, grown]

    def overlap(self, i: int, j: int) -> float:
        """Common pixels, as a share of the smaller thing."""
        one, two = self.covered(i), self.covered(j)
        return float((one & two).sum()) / max(1, min(int(one.sum()), int(two.sum())))


def _beside(name: str) -> Test:
    dx, dy = STEP[name]

    def test(facts: Facts, i: int, j: int) -> bool | None:
        (x, y), (u, v) = facts.middles[i], facts.middles[j]
        along, across = (x - u) * dx + (y - v) * dy, abs((x - u) * dy + (y - v) * dx)
        if along >= BESIDE and along >= STEEP * across:
            return True
        return None if along > BESIDE_MAYBE and along > STEEP_MAYBE * across else False

    return test


def between(facts: Facts, i: int, j: int, k: int) -> bool | None:
    """Whether a thing lies about halfway from one to another."""
    (x, y), (u, v), (p, q) = facts.middles[i], facts.middles[j], facts.middles[k]
    length = hypot(p - u, q - v)
    if length < 0.2:
        return None
    along = ((x - u) * (p - u) + (y - v) * (q - v)) / length**2
    across = abs((x - u) * (q - v) - (y - v) * (p - u)) / length**2
    if 0.28 <= along <= 0.72 and across <= 0.16:
        return True
    return None if 0.08 < along < 0.92 and across < 0.34 else False


def inside(facts: Facts, i: int, j: int) -> bool | None:
    """Whether a thing lies within a ring or an outline."""
    if not _is_open(facts.things[j]):
        return False
    return _within(facts, i, j)


def on(facts: Facts, i: int, j: int) -> bool | None:
    """Whether a thing lies on a solid one."""
    if i < j or _is_open(facts.things[j]):
        return False
    return _within(facts, i, j)


def _is_open(thing: Thing) -> bool:
    return thing.look.category == "ring" or thing.look.pattern == "hollow"


def _within(facts: Facts, i: int, j: int) -> bool | None:
    """Whether the box of a thing lies in that of another."""
    x0, y0, x1, y1 = facts.boxes[i]
    left, top, right, bottom = facts.boxes[j]
    if left <= x0 and top <= y0 and x1 <= right and y1 <= bottom:
        return True
    x, y = facts.middles[i]
    return None if left < x < right and top < y < bottom else False


def in_front(facts: Facts, i: int, j: int) -> bool | None:
    """Whether a thing hides part of another."""
    if not _may_touch(facts, i, j):
        return False
    if _is_open(facts.things[i]) or _is_open(facts.things[j]) or _within(facts, i, j) or _within(facts, j, i):
        return None
    share = facts.masks.overlap(i, j)
    if share < OVERLAP:
        return None if share > NO_OVERLAP else False
    return i > j


def behind(facts: Facts, i: int, j: int) -> bool | None:
    """Whether another hides part of a thing."""
    return in_front(facts, j, i)


def touching(facts: Facts, i: int, j: int) -> bool | None:
    """Whether two things meet or overlap."""
    if not _may_touch(facts, i, j):
        return False
    if facts.masks.overlap(i, j) > NO_OVERLAP or (facts.masks.covered(i, CONTACT) & facts.masks.covered(j)).any():
        return None if _within(facts, i, j) or _within(facts, j, i) else True
    return None if (facts.masks.covered(i, CLEARANCE) & facts.masks.covered(j)).any() else False


def _may_touch(facts: Facts, i: int, j: int) -> bool:
    margin = CLEARANCE / RASTER
    (a, b, c, d), (x0, y0, x1, y1) = facts.boxes[i], facts.boxes[j]
    return a - margin < x1 and x0 - margin < c and b - margin < y1 and y0 - margin < d


def pointing_at(facts: Facts, i: int, j: int) -> bool | None:
    """Whether an arrow points at a thing: its line runs through the thing, and through none before."""
    if facts.things[i].look.category != "arrow":
        return False
    way, hit = _sight(facts, i, j)
    if hit is False:
        return False
    for k in range(len(facts.things)):
        if k not in (i, j):
            other_way, other = _sight(facts, i, k)
            if other_way < way and other is not False:
                return None if other is None else False
    return hit


def _sight(facts: Facts, i: int, j: int) -> tuple[float, bool | None]:
    """How far ahead of an arrow a thing is, and whether the arrow's line runs through it."""
    thing, (x, y), (u, v) = facts.things[i], facts.middles[i], facts.middles[j]
    dx, dy = cos(radians(thing.angle_deg)), sin(radians(thing.angle_deg))
    ahead, aside = (u - x) * dx + (v - y) * dy, abs((u - x) * dy - (v - y) * dx)
    half = facts.things[j].side / 2
    if ahead <= thing.side / 2 or aside > 1.3 * half:
        return ahead, False
    return ahead, True if aside <= 0.5 * half else None


def pointed_at(facts: Facts, i: int, j: int) -> bool | None:
    """Whether an arrow points at this thing."""
    return pointing_at(facts, j, i)


def same_colour(facts: Facts, i: int, j: int) -> bool | None:
    """Whether two colours go by one name."""
    return facts.things[i].look.colour == facts.things[j].look.colour


def bigger(facts: Facts, i: int, j: int) -> bool | None:
    """Whether a thing is clearly bigger than another."""
    ratio = facts.areas[i] / facts.areas[j]
    return True if ratio >= BIGGER else False if ratio <= NOT_BIGGER else None


def smaller(facts: Facts, i: int, j: int) -> bool | None:
    """Whether a thing is clearly smaller than another."""
    return bigger(facts, j, i)


TESTS: dict[str, Test] = {
    **{name: _beside(name) for name in STEP},
    "between": between, "inside": inside, "on": on, "in front of": in_front, "behind": behind, "touching": touching,
    "pointing at": pointing_at, "pointed at by": pointed_at, "same colour as": same_colour,
    "bigger than": bigger, "smaller than": smaller,
}  # fmt: skip
