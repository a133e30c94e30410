"""How true a place, an order or a relation is of boxes: numbers from 0 to 1 that change smoothly with the boxes.

Boxes are x0, y0, x1, y1 in shares of the picture, (n, 4). The widths of the logistic steps were chosen on scenes of the
generated world that no test asks about.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipelines.grounding.full.candidates import overlaps

OUTER, OUTER_WIDTH = 0.41, 0.05  # from an edge: what still lies "on the left"
MIDDLE, MIDDLE_WIDTH = 0.17, 0.04
ASIDE, ASIDE_WIDTH = 0.07, 0.03  # along the axis of "left of"
SLANT, SLANT_WIDTH = 1.0, 0.12  # along it over across it
SAME_PLACE, SAME_SIZE = 0.012, 0.12  # widths of orders: shares of the picture, and of the logarithm of areas
CLOSE, CLOSE_WIDTH = 0.42, 0.05
ALIKE, ALIKE_WIDTH = 22.0, 6.0  # distance of colours in Lab
STEPS = {"left of": (-1, 0), "right of": (1, 0), "above": (0, -1), "below": (0, 1)}
ORDERS = {
    "left": (0, 1), "right": (0, -1), "top": (1, 1), "bottom": (1, -1), "leftmost": (0, 1), "rightmost": (0, -1),
    "highest": (1, 1), "lowest": (1, -1),
}  # fmt: skip


def step(values: np.ndarray, middle: float, width: float) -> np.ndarray:
    """Logistic: 0 far below the middle, 1 far above."""
    return 1 / (1 + np.exp(-np.clip((values - middle) / width, -60, 60)))


def middles(boxes: np.ndarray) -> np.ndarray:
    """(n, 2), x and y."""
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def areas(boxes: np.ndarray) -> np.ndarray:
    """(n,), shares of the picture."""
    return np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(1), 1e-9)


def at(boxes: np.ndarray, place: str) -> np.ndarray:
    """How much each box is in a part of the picture, (n,): "left", "top right", "middle" ..."""
    x, y = middles(boxes).T
    if place == "middle":
        return step(-np.maximum(abs(x - 0.5), abs(y - 0.5)), -MIDDLE, MIDDLE_WIDTH)
    depths = {"left": x, "right": 1 - x, "top": y, "bottom": 1 - y}
    return np.prod([step(-depths[word], -OUTER, OUTER_WIDTH) for word in place.split()], axis=0)


def before(boxes: np.ndarray, order: str) -> np.ndarray:
    """How surely box j comes before box i in an order, (n, n) at [i, j]; the diagonal is 0."""
    if order in ("biggest", "smallest"):
        keys, width = np.log(areas(boxes)) * (-1 if order == "biggest" else 1), SAME_SIZE
    else:
        axis, sign = ORDERS[order]
        keys, width = sign * middles(boxes)[:, axis], SAME_PLACE
    return _before(keys[:, None] - keys[None], width)


def nearer(boxes: np.ndarray, anchor: int, is_far: bool = False) -> np.ndarray:
    """The same for the order of distances from one of the boxes."""
    keys = distances(boxes)[:, anchor] * (-1 if is_far else 1)
    return _before(keys[:, None] - keys[None], SAME_PLACE)


def _before(lags: np.ndarray, width: float) -> np.ndarray:
    sure = step(lags, 0, width)
    np.fill_diagonal(sure, 0)
    return sure


def nth(sure: np.ndarray, members: np.ndarray, rank: int) -> np.ndarray:
    """Probability that each box is the n-th of those that belong, (n,), were it to belong itself.

    The number of members before it is a sum of independent yes-or-no draws (a Poisson binomial).

    Args:
        sure: as `before` gives it.
        members: probability that each box belongs, (n,).
        rank: from 1.
    """
    counts = np.zeros((len(members), rank + 1))  # of members before a box; the last column is "more"
    counts[:, 0] = 1
    for j, belongs in enumerate(members):
        share = (sure[:, j] * belongs)[:, None]
        moved = np.concatenate([np.zeros((len(members), 1)), counts[:, :-1]], 1)
        moved[:, -1] += counts[:, -1]
        counts = counts * (1 - share) + moved * share
    return counts[:, rank - 1]


def distances(boxes: np.ndarray) -> np.ndarray:
    """Between middles, (n, n), shares of the picture's sides."""
    places = middles(boxes)
    return np.linalg.norm(places[:, None] - places[None], axis=2)


def beside(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """ "left of" and its like: far enough along the axis, and more along it than across."""

    def test(boxes: np.ndarray) -> np.ndarray:
        dx, dy = STEPS[name]
        lag = middles(boxes)[:, None] - middles(boxes)[None]
        along, across = lag[..., 0] * dx + lag[..., 1] * dy, abs(lag[..., 0] * dy + lag[..., 1] * dx)
        return step(along, ASIDE, ASIDE_WIDTH) * step(along - SLANT * across, 0, SLANT_WIDTH)

    return test


def between(boxes: np.ndarray) -> np.ndarray:
    """How much box i lies halfway from j to k, (n, n, n)."""
    places = middles(boxes)
    start, way = places[None, :, None], places[None, None] - places[None, :, None]
    square = np.maximum((way**2).sum(3), 1e-4)
    lag = places[:, None, None] - start
    along = (lag * way).sum(3) / square
    across = abs(lag[..., 0] * way[..., 1] - lag[..., 1] * way[..., 0]) / square
    return step(-abs(along - 0.5), -0.32, 0.05) * step(-across, -0.25, 0.05)


def within(boxes: np.ndarray) -> np.ndarray:
    """Share of box i that lies in box j, as a step at 0.8."""
    return step(_covered(boxes), 0.8, 0.06) * step(areas(boxes)[None] / areas(boxes)[:, None], 1.1, 0.05)


def _covered(boxes: np.ndarray) -> np.ndarray:
    low, high = np.maximum(boxes[:, None, :2], boxes[None, :, :2]), np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    return np.clip(high - low, 0, None).prod(2) / areas(boxes)[:, None]


def touching(boxes: np.ndarray) -> np.ndarray:
    """How nearly two boxes meet, and neither holds the other."""
    gap = np.maximum(boxes[:, None, :2] - boxes[None, :, 2:], boxes[None, :, :2] - boxes[:, None, 2:]).max(2)
    return step(-gap, -0.02, 0.01) * (1 - within(boxes)) * (1 - within(boxes).T)


def crossing(boxes: np.ndarray) -> np.ndarray:
    """How surely two boxes overlap in part. Who is in front, boxes do not tell: the lower one is likelier."""
    inner = np.maximum(_covered(boxes), _covered(boxes).T)
    return step(inner, 0.08, 0.03) * (1 - within(boxes)) * (1 - within(boxes).T)


def in_front(boxes: np.ndarray) -> np.ndarray:
    """Overlapping, and the lower edge of i below that of j."""
    lower = boxes[:, None, 3] - boxes[None, :, 3]
    return crossing(boxes) * (0.35 + 0.3 * step(lower, 0, 0.05))


def holding(boxes: np.ndarray) -> np.ndarray:
    """ "with": one in the other, or overlapping."""
    return np.maximum.reduce([within(boxes), within(boxes).T, step(overlaps(boxes, boxes), 0.03, 0.01)])


def larger(boxes: np.ndarray) -> np.ndarray:
    """How surely i is bigger than j."""
    return step(np.log(areas(boxes)[:, None] / areas(boxes)[None]), 0.2, 0.08)


RELATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    **{name: beside(name) for name in STEPS},
    "inside": within, "on": lambda boxes: np.maximum(within(boxes), _above_touching(boxes)),
    "in": lambda boxes: np.maximum(within(boxes), within(boxes).T), "touching": touching, "in front of": in_front,
    "behind": lambda boxes: in_front(boxes).T, "with": holding, "bigger than": larger,
    "smaller than": lambda boxes: larger(boxes).T,
}  # fmt: skip


def _above_touching(boxes: np.ndarray) -> np.ndarray:
    """Standing on: the lower edge of i is within j, their middles above each other."""
    foot = boxes[:, None, 3] - boxes[None, :, 1]
    height = boxes[None, :, 3] - boxes[None, :, 1]
    x = middles(boxes)[:, 0]
    is_over = step(x[:, None] - boxes[None, :, 0], 0, 0.01) * step(boxes[None, :, 2] - x[:, None], 0, 0.01)
    return 0.8 * is_over * step(foot, -0.02, 0.01) * step(height - foot, 0, 0.02)


def alike(colours: np.ndarray) -> np.ndarray:
    """How nearly colours (n, 3) in Lab are the same, (n, n)."""
    return step(-np.linalg.norm(colours[:, None] - colours[None], axis=2), -ALIKE, ALIKE_WIDTH)
