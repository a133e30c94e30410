"""Where the things of a scene stand: scattered, heaped, in rows and grids, one in or on another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from pipelines.grounding.synthetic.cast import chosen
from pipelines.grounding.synthetic.outline import reach
from pipelines.grounding.synthetic.things import AREA_SPREAD, LOPSIDED, SIDE_SHARE, UNHOLLOW, Look, Thing

EDGE, GAP = 0.01, 0.015  # to the border, and between things that do not touch
CANDIDATES = 40
SOLID = ("square", "circle", "rectangle", "hexagon", "heart", "diamond")
ROUND = ("circle", "ring", "hexagon")
LONG = ("rectangle", "key")  # not made longer still


class Placing:
    """Things placed so far, and the room that is left."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.things: list[Thing] = []
        self.boxes: list[tuple[float, float, float, float]] = []

    def put(self, look: Look, spots: np.ndarray | None = None, overlap: float = 0.0, side: float | None = None) -> bool:
        """Place a thing at the first of the spots (n, 2) with room, or anywhere.

        Args:
            overlap: how far boxes may run into each other, as a share of their half extents.

        Returns:
            whether there was room.
        """
        thing = posed(self.rng, look)
        thing = thing if side is None else replace(thing, side=side)
        extent = reach(thing)
        if spots is None:
            spots = self.rng.uniform(size=(CANDIDATES, 2))
        low = EDGE - np.array(extent[:2])
        high = 1 - EDGE - np.array(extent[2:])
        spots = low + spots * (high - low) if overlap == 0.0 and len(spots) == CANDIDATES else spots
        is_fit = ((spots >= low) & (spots <= high)).all(1) & self._is_free(spots, extent, overlap)
        if not is_fit.any():
            return False
        x, y = spots[int(is_fit.argmax())]
        self.keep(replace(thing, x=float(x), y=float(y)), extent)
        return True

    def keep(self, thing: Thing, extent: tuple[float, float, float, float]) -> None:
        """Take a placed thing in."""
        x0, y0, x1, y1 = extent
        self.things.append(thing)
        self.boxes.append((thing.x + x0, thing.y + y0, thing.x + x1, thing.y + y1))

    def _is_free(self, spots: np.ndarray, extent: tuple[float, float, float, float], overlap: float) -> np.ndarray:
        if not self.boxes:
            return np.ones(len(spots), bool)
        boxes, own = np.array(self.boxes), np.array(extent)
        middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
        own_middle, own_half = spots + (own[:2] + own[2:]) / 2, (own[2:] - own[:2]) / 2
        apart = np.abs(own_middle[:, None] - middle) - (half + own_half) * (1 - overlap)
        return (apart.max(2) >= (GAP if overlap == 0.0 else 0.0)).all(1)


def posed(rng: np.random.Generator, look: Look) -> Thing:
    """A thing of that look with its exact size and turn, not yet placed."""
    side = SIDE_SHARE[look.size] * float(1 + rng.uniform(-AREA_SPREAD, AREA_SPREAD)) ** 0.5
    if look.tilt == "tilted":
        angle = float(rng.uniform(20, 45)) * (1 if rng.random() < 0.5 else -1)
    elif look.category == "arrow":
        angle = 90.0 * int(rng.integers(4)) + float(rng.uniform(-10, 10))
    elif look.category in ROUND:
        angle = float(rng.uniform(0, 360))
    else:
        angle = float(rng.uniform(-4, 4))
    stretch = 1.0 if look.category in ("circle", "square") else float(rng.uniform(0.95, 1.06))
    stretch = min(stretch, 1.0) if look.category in LONG else stretch
    is_mirrored = look.category in LOPSIDED and bool(rng.random() < 0.5)
    return Thing(look, 0.0, 0.0, side, angle, stretch, is_mirrored, int(rng.integers(1 << 31)))


def scatter(rng: np.random.Generator, looks: Sequence[Look]) -> Placing:
    """Each where there is room."""
    placing = Placing(rng)
    _fill(placing, looks)
    return placing


def cluster(rng: np.random.Generator, looks: Sequence[Look]) -> Placing:
    """One or two heaps, in which things hide parts of others."""
    placing, centres = Placing(rng), rng.uniform(0.25, 0.75, (int(rng.integers(1, 3)), 2))
    for look in looks:
        spots = centres[rng.integers(len(centres), size=30)] + rng.normal(0, 0.17, (30, 2))
        if not placing.put(look, spots, overlap=float(rng.uniform(0.3, 0.5))):
            placing.put(look)
    return placing


def rows(rng: np.random.Generator, looks: Sequence[Look]) -> Placing:
    """A row, a column, or a grid of small things; the others around."""
    placing, looks = Placing(rng), sorted(looks, key=lambda look: (look.category, look.colour))
    across, down = chosen(rng, ((4, 1), (5, 1), (6, 1), (1, 4), (1, 5), (3, 2), (2, 3), (4, 2), (3, 3), (5, 2)))
    first = int(rng.integers(0, max(1, len(looks) - across * down + 1)))
    members = looks[first : first + across * down]
    xs, ys = _ticks(rng, across), _ticks(rng, down)
    spots = [(x, y) for y in ys for x in xs]
    pitch = min(np.diff(xs).min() if across > 1 else 1.0, np.diff(ys).min() if down > 1 else 1.0)
    shuffled = rng.permutation(len(members))
    for spot, index in zip(spots, shuffled, strict=False):
        look = members[index]
        fitting = next((size for size in ("large", "medium", "small") if SIDE_SHARE[size] <= 0.92 * pitch), "small")
        if SIDE_SHARE[look.size] > SIDE_SHARE[fitting]:
            look = replace(look, size=fitting)
        placing.put(look, np.array([spot]) + rng.normal(0, 0.008, (12, 2)))
    _fill(placing, looks[:first] + looks[first + across * down :])
    return placing


def nested(rng: np.random.Generator, looks: Sequence[Look]) -> Placing:
    """One or two things in rings and outlines or on solid ones; the others around. Novel looks hold no others."""
    placing, looks = Placing(rng), sorted(looks, key=lambda look: look.is_novel)
    for _ in range(min(int(rng.integers(1, 3)), len(looks) // 2)):
        outer, inner = looks.pop(0), looks.pop(0)
        outer = replace(_container(rng, outer), size="large")
        if outer.is_novel:
            outer = replace(outer, pattern="plain", category="ring", colour="blue", tilt=None)
        if not placing.put(outer):
            looks.append(inner)
            continue
        host = placing.things[-1]
        thing = posed(rng, replace(inner, size="small"))
        shift = rng.normal(0, 0.008, 2)
        x, y = host.x + float(shift[0]), host.y + float(shift[1])
        thing = replace(thing, x=x, y=y, side=min(thing.side, 0.5 * host.side))
        placing.keep(thing, reach(thing))
    _fill(placing, looks)
    return placing


LAYOUTS: dict[str, Callable[[np.random.Generator, Sequence[Look]], Placing]] = {
    "scatter": scatter, "cluster": cluster, "rows": rows, "nested": nested,
}  # fmt: skip


def arranged(rng: np.random.Generator, kind: str, looks: Sequence[Look], aimed: float) -> list[Thing]:
    """Things at their places in painter's order; those without room are left out.

    Args:
        aimed: share of arrows that are turned to point at another thing.
    """
    things = LAYOUTS[kind](rng, looks).things
    return [_aimed(rng, things, i) if thing.look.category == "arrow" and rng.random() < aimed else thing
            for i, thing in enumerate(things)]  # fmt: skip


def _fill(placing: Placing, looks: Sequence[Look]) -> None:
    """Put the rest anywhere: large ones first, as one packs; a thing without room shrinks to the smallest size."""
    for look in sorted(looks, key=lambda look: -SIDE_SHARE[look.size]):
        placing.put(look) or placing.put(replace(look, size="small"))


def _ticks(rng: np.random.Generator, count: int) -> np.ndarray:
    """Equally spaced positions along a side."""
    if count == 1:
        return rng.uniform(0.15, 0.85, 1)
    pitch = float(rng.uniform(0.15, min(0.3, 0.84 / (count - 1))))
    start = rng.uniform(0.08, 0.92 - pitch * (count - 1))
    return start + pitch * np.arange(count)


def _container(rng: np.random.Generator, look: Look) -> Look:
    """The look of something that another can be in or on."""
    if look.category == "ring" or (look.pattern == "hollow" and look.category in SOLID):
        return look
    draw = rng.random()
    if draw < 0.35:
        return replace(look, category="ring", pattern="plain", tilt=None)
    category = look.category if look.category in SOLID else chosen(rng, SOLID)
    tilt = None if category in ("circle", "hexagon") else "upright"
    pattern = "hollow" if draw < 0.6 and category not in UNHOLLOW else "plain"
    return replace(look, category=category, tilt=tilt, pattern=pattern, finish="matte")


def _aimed(rng: np.random.Generator, things: Sequence[Thing], index: int) -> Thing:
    """The arrow, turned to one of the others."""
    arrow, others = things[index], [thing for i, thing in enumerate(things) if i != index]
    if not others:
        return arrow
    goal = chosen(rng, others)
    angle = float(np.rad2deg(np.arctan2(goal.y - arrow.y, goal.x - arrow.x)) + rng.uniform(-3, 3))
    turned = replace(arrow, angle_deg=angle)
    corners = np.array(reach(turned)) + np.array([turned.x, turned.y] * 2)
    return turned if corners.min() >= EDGE and corners.max() <= 1 - EDGE else arrow
