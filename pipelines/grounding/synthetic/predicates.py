"""What is true of a scene, with margins: what is neither clearly true nor clearly false is said to be unclear.

A set of things is a bit mask, the first thing lowest; a `Span` is two of them: what surely belongs, and what possibly
does. Lengths are shares of the picture's side, positions those of the middles of the visible boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from math import hypot
from typing import Any

import numpy as np

from pipelines.grounding.synthetic import relations
from pipelines.grounding.synthetic.things import Thing

Span = tuple[int, int]
NOTHING: Span = (0, 0)
PLACES = ("left", "right", "top", "bottom", "top left", "top right", "bottom left", "bottom right", "middle")
OUTER_SURE, OUTER_MAYBE = 0.36, 0.46  # a third, and where it surely ends
MIDDLE_SURE, MIDDLE_MAYBE = 0.13, 0.22  # from the picture's middle
ORDER_GAP = 0.06  # between neighbours in an order
SIZE_RATIO = 1.6  # of areas
DISTANCE_RATIO = 1.2
AXES = {"leftmost": (0, 1), "rightmost": (0, -1), "highest": (1, 1), "lowest": (1, -1)}
FROM = {"left": (0, 1), "right": (0, -1), "top": (1, 1), "bottom": (1, -1)}


def members(mask: int) -> list[int]:
    """Numbers in a set."""
    return [i for i in range(mask.bit_length()) if mask >> i & 1]


class Facts:
    """A scene's things, asked for their looks and places. Answers are kept."""

    def __init__(self, things: Sequence[Thing], boxes: Sequence[Sequence[float]]) -> None:
        """Boxes are x0, y0, x1, y1 of the visible parts; things are in painter's order."""
        self.things = tuple(things)
        self.boxes = [tuple(float(edge) for edge in box) for box in boxes]
        self.middles = [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in self.boxes]
        self.areas = [thing.side**2 for thing in things]
        self.every = (1 << len(self.things)) - 1
        self._memo: dict[Any, Span] = {}

    @classmethod
    def of(cls, scene: Any) -> Facts:
        """Of a drawn scene, whose boxes are in pixels."""
        height, width = scene.ids.shape
        return cls(scene.things, np.asarray(scene.boxes_xyxy, float) / (width, height, width, height))

    @cached_property
    def masks(self) -> relations.Masks:
        """Which pixels each thing covers, hidden ones too."""
        return relations.Masks(self.things)

    def has(self, field: str, value: str) -> Span:
        """Things with a value. Without one (a circle has no tilt) "upright" and directions stay unclear."""
        key = (field, value)
        if key not in self._memo:
            self._memo[key] = self._look(field, value)
        return self._memo[key]

    def _look(self, field: str, value: str) -> Span:
        sure = possible = 0
        for i, thing in enumerate(self.things):
            own = thing.value(field)
            sure |= (own == value) << i
            is_open = own is None and (value == "upright" or (field == "direction" and thing.look.category == "arrow"))
            possible |= (own == value or is_open) << i
        return sure, possible

    def at(self, place: str) -> Span:
        """Things in a part of the picture: an outer third, a corner, the middle."""
        if place not in self._memo:
            depths = [_depth(place, x, y) for x, y in self.middles]
            limits = (MIDDLE_SURE, MIDDLE_MAYBE) if place == "middle" else (OUTER_SURE, OUTER_MAYBE)
            sure, possible = (sum((d <= limit) << i for i, d in enumerate(depths)) for limit in limits)
            self._memo[place] = sure, possible
        return self._memo[place]

    def related(self, name: str, anchors: tuple[int, ...]) -> Span:
        """Things in a relation to others: two for "between", one for the rest."""
        key = (name, anchors)
        if key not in self._memo:
            sure = possible = 0
            test = relations.TESTS[name]
            for i in range(len(self.things)):
                if i not in anchors:
                    answer = test(self, i, *anchors)
                    sure |= (answer is True) << i
                    possible |= (answer is not False) << i
            self._memo[key] = sure, possible
        return self._memo[key]

    def near(self, anchor: int, among: int) -> Span:
        """The one of some that is near another: not far, and the others 1.5 times as far."""
        order = sorted((self.distance(i, anchor), i) for i in members(among & ~(1 << anchor)))
        if not order or order[0][0] > relations.FAR:
            return NOTHING
        is_next = len(order) == 1 or order[1][0] >= relations.NEAR_RATIO * order[0][0]
        if is_next and order[0][0] <= relations.NEAR:
            return 1 << order[0][1], 1 << order[0][1]
        return 0, sum(1 << i for distance, i in order if distance <= relations.FAR)

    def extreme(self, name: str, among: int, anchor: int | None = None) -> Span:
        """The outermost, biggest, smallest, closest or farthest of some."""
        among &= ~(1 << anchor) if anchor is not None else -1
        if name in AXES:
            return self.nth(
                1, {"leftmost": "left", "rightmost": "right", "highest": "top", "lowest": "bottom"}[name], among
            )
        some = members(among)
        if not some:
            return NOTHING
        if name in ("biggest", "smallest"):
            values, ratio, gap = self.areas, SIZE_RATIO, 0.0
        else:
            assert anchor is not None
            values = [self.distance(i, anchor) for i in range(len(self.things))]
            ratio, gap = DISTANCE_RATIO, ORDER_GAP
        order = sorted(some, key=lambda i: values[i], reverse=name in ("biggest", "farthest from"))
        if len(order) == 1:
            return among, among
        low, high = sorted((values[order[0]], values[order[1]]))
        is_clear = high >= ratio * low and high - low >= gap
        return (1 << order[0], 1 << order[0]) if is_clear else (0, among)

    def nth(self, rank: int, side: str, among: int) -> Span:
        """The n-th of some, counted from a side; neighbours in that order are 6 % of the picture apart."""
        axis, sign = FROM[side]
        order = sorted((sign * self.middles[i][axis], i) for i in members(among))
        if rank > len(order):
            return NOTHING
        place, i = order[rank - 1]
        around = [order[k][0] for k in (rank - 2, rank) if 0 <= k < len(order)]
        return (1 << i, 1 << i) if all(abs(place - other) >= ORDER_GAP for other in around) else (0, among)

    def distance(self, i: int, j: int) -> float:
        """Between the middles of two things."""
        (x, y), (u, v) = self.middles[i], self.middles[j]
        return hypot(x - u, y - v)


def _depth(place: str, x: float, y: float) -> float:
    """How far a point is from a side or a corner (the farther of both sides), or from the middle."""
    if place == "middle":
        return max(abs(x - 0.5), abs(y - 0.5))
    sides = {"left": x, "right": 1 - x, "top": y, "bottom": 1 - y}
    return max(sides[word] for word in place.split())
