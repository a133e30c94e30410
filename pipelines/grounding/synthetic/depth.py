"""Who hides whom: things in painter's order, changed where too little of one would be left to see."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pipelines.grounding.synthetic.outline import all_points, outline
from pipelines.grounding.synthetic.things import Thing

LEAST_VISIBLE = 0.5  # of each thing; 45 % are promised, rasters differ
RASTER_PX = 112
BAND = 0.22  # width of a hollow thing's outline over half its side

Place = tuple[slice, slice]


def silhouette(thing: Thing, side: int, is_filled: bool = False) -> tuple[Place, np.ndarray]:
    """Where a thing is on a raster of that side: (rows, columns), and a mask of that part, bool (h, w).

    Args:
        is_filled: take the inside of an outline for a part of the thing.
    """
    parts = outline(thing)
    place = bounds(thing, side)
    top, left = place[0].start, place[1].start
    mask = np.zeros((place[0].stop - top, place[1].stop - left), np.uint8)
    for part in parts:
        corners = [np.round(contour * side - (left + 0.5, top + 0.5)).astype(np.int32) for contour in part.contours]
        cv2.fillPoly(mask, corners, 1)
    if thing.look.pattern == "hollow" and not is_filled:
        deep = cv2.distanceTransform(cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 3)
        mask[deep[1:-1, 1:-1] > max(BAND * thing.side / 2 * side, 1.5)] = 0
    return place, mask.view(bool)


def bounds(thing: Thing, side: int) -> Place:
    """Rows and columns that a thing reaches into, with a pixel to spare as far as the picture goes."""
    points = all_points(thing) * side
    (left, top), (right, bottom) = points.min(0).tolist(), points.max(0).tolist()
    rows = slice(max(int(top - 0.5), 0), min(int(bottom + 1.5), side))
    return rows, slice(max(int(left - 0.5), 0), min(int(right + 1.5), side))


def hidden_shares(places: Sequence[Place], masks: Sequence[np.ndarray]) -> np.ndarray:
    """Share of thing i that lies under thing j, float32 (n, n), 0 to 1; nothing lies under an earlier thing.

    Args:
        places, masks: of each thing in painter's order, see `silhouette`.
    """
    count = len(masks)
    shares = np.zeros((count, count), np.float32)
    for i in range(count):
        own = max(int(np.count_nonzero(masks[i])), 1)
        for j in range(i + 1, count):
            meet = _meeting(places[i], places[j])
            if meet is not None:
                common = _cut(masks[i], places[i], meet) & _cut(masks[j], places[j], meet)
                shares[i, j] = np.count_nonzero(common) / own
    return shares


def mended(things: Sequence[Thing]) -> list[Thing]:
    """The things in an order in which enough of each is seen; one that would stay hidden is left out."""
    order = list(things)
    drawn = {id(thing): silhouette(thing, RASTER_PX) for thing in order}
    for attempt in range(2 * len(things)):
        seen = visible_shares(*zip(*(drawn[id(thing)] for thing in order), strict=True))
        worst = int(seen.argmin())
        if seen[worst] >= LEAST_VISIBLE:
            return order
        thing = order.pop(worst)
        if attempt < len(things) or thing.look.is_novel:
            order.append(thing)
    return order


def visible_shares(places: Sequence[Place], masks: Sequence[np.ndarray]) -> np.ndarray:
    """How much of each thing is seen, float32 (n,), 0 to 1."""
    count, canvas = len(masks), np.zeros((RASTER_PX, RASTER_PX), np.uint8)
    for i, (place, mask) in enumerate(zip(places, masks, strict=True)):
        canvas[place][mask] = i + 1
    seen = np.bincount(canvas.ravel(), minlength=count + 1)[1 : count + 1]
    return (seen / np.array([max(np.count_nonzero(mask), 1) for mask in masks])).astype(np.float32)


def _meeting(a: Place, b: Place) -> Place | None:
    """The place that two share."""
    rows = slice(max(a[0].start, b[0].start), min(a[0].stop, b[0].stop))
    columns = slice(max(a[1].start, b[1].start), min(a[1].stop, b[1].stop))
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


def _cut(mask: np.ndarray, place: Place, part: Place) -> np.ndarray:
    top, left = place[0].start, place[1].start
    return mask[part[0].start - top : part[0].stop - top, part[1].start - left : part[1].stop - left]
