"""The shape of a word: turned, slanted, seen from the side, bent along an arc or a wave. Boxes go with the ink."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from pipelines.text_recognition.synthetic.lettering import Lettering
from pipelines.text_recognition.synthetic.recipes import RenderRecipe

Points = np.ndarray  # float32 (..., 2), x before y
EDGE_POINTS = 5  # along each side of a box that is bent
Warp = Callable[[np.random.Generator, RenderRecipe, Lettering], Lettering]


def warped(rng: np.random.Generator, recipe: RenderRecipe, lettering: Lettering) -> tuple[Lettering, str]:
    """The lettering in one of the recipe's shapes, and the name of the shape."""
    shares = np.array(list(recipe.shapes.values()), float)
    shape = list(recipe.shapes)[rng.choice(len(shares), p=shares / shares.sum())]
    return WARPS[shape](rng, recipe, _stretched(rng, lettering)), shape


def _stretched(rng: np.random.Generator, lettering: Lettering) -> Lettering:
    """Condensed or extended, two words in five."""
    if rng.random() > 0.4:
        return lettering
    factor = float(np.exp(rng.uniform(np.log(0.6), np.log(1.5))))
    return _flat(lettering, np.array([[factor, 0, 0], [0, 1, 0], [0, 0, 1]]))


def _none(rng: np.random.Generator, recipe: RenderRecipe, lettering: Lettering) -> Lettering:
    return lettering


def _rotation(rng: np.random.Generator, recipe: RenderRecipe, lettering: Lettering) -> Lettering:
    angle = np.deg2rad(rng.uniform(-recipe.rotation_deg, recipe.rotation_deg))
    cosine, sine = np.cos(angle), np.sin(angle)
    return _flat(lettering, np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]))


def _shear(rng: np.random.Generator, recipe: RenderRecipe, lettering: Lettering) -> Lettering:
    along, across = rng.uniform(-recipe.shear, recipe.shear), rng.normal(0, 0.05)
    return _flat(lettering, np.array([[1, along, 0], [across, 1, 0], [0, 0, 1]]))


def _perspective(rng: np.random.Generator, recipe: RenderRecipe, lettering: Lettering) -> Lettering:
    """Corners of the word, moved inwards by shares of its sides."""
    low, high = _extent(lettering.boxes)
    width, height = high - low
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1])], np.float32)
    share = rng.uniform(*recipe.corner_share, (4, 2)) * rng.choice([0.3, 1.0], (4, 1))
    inward = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
    moved = (corners + inward * share * (min(width, 3 * height), height * 0.8)).astype(np.float32)
    return _flat(lettering, cv2.getPerspectiveTransform(corners, moved).astype(float))


def _arc(rng: np.random.Generator, recipe: RenderRecipe, lettering: Lettering) -> Lettering:
    """The baseline on a circle, bulging up two times in three; the sagitta is a share of the word's width."""
    low, high = _extent(lettering.boxes)
    width, height = float(high[0] - low[0]), float(high[1] - low[1])
    sagitta = float(rng.uniform(*recipe.sagitta_share)) * max(width, height)
    half_angle = min(2 * np.arctan2(2 * sagitta, max(width, 1e-3)), 0.9 * np.pi)
    radius = max(width / (2 * half_angle), 0.8 * height)
    up = 1.0 if rng.random() < 2 / 3 else -1.0
    centre_x, base = (low[0] + high[0]) / 2, high[1] if up > 0 else low[1]

    def forward(points: Points) -> Points:
        angle = (points[..., 0] - centre_x) / radius
        reach = radius + up * (base - points[..., 1])
        return np.stack([centre_x + reach * np.sin(angle), base + up * (radius - reach * np.cos(angle))], -1)

    def backward(points: Points) -> Points:
        x, y = points[..., 0] - centre_x, up * (base - points[..., 1]) + radius
        reach = np.hypot(x, y)
        return np.stack([centre_x + radius * np.arctan2(x, y), base - up * (reach - radius)], -1)

    return _bent(lettering, forward, backward)


def _wave(rng: np.random.Generator, recipe: RenderRecipe, lettering: Lettering) -> Lettering:
    low, high = _extent(lettering.boxes)
    amplitude = float(rng.uniform(*recipe.wave_share) * (high[1] - low[1])) / 2
    length = max(float(high[0] - low[0]), float(high[1] - low[1])) * rng.uniform(0.6, 2.0)
    phase = rng.uniform(0, 2 * np.pi)

    def shift(points: Points, sign: float) -> Points:
        lift = amplitude * np.sin(2 * np.pi * points[..., 0] / length + phase)
        return np.stack([points[..., 0], points[..., 1] + sign * lift], -1)

    return _bent(lettering, lambda points: shift(points, 1.0), lambda points: shift(points, -1.0))


WARPS: dict[str, Warp] = {
    "none": _none, "rotation": _rotation, "shear": _shear, "perspective": _perspective, "arc": _arc, "wave": _wave,
}  # fmt: skip


def _extent(points: Points) -> tuple[Points, Points]:
    flat = points.reshape(-1, 2)
    return flat.min(0), flat.max(0)


def _window(points: Points, margin: float) -> tuple[Points, tuple[int, int]]:
    """Origin and (width, height) of the plane that holds the moved word and some margin."""
    low, high = _extent(points)
    width, height = np.ceil(high - low + 2 * margin)
    return np.floor(low - margin), (int(width), int(height))


def margin_of(boxes: Points) -> float:
    """Room kept around a word, px: a little more than the widest cut of the crop needs."""
    heights = boxes[..., 1].max(1) - boxes[..., 1].min(1)
    return float(0.6 * np.median(heights) + 8)


def _flat(lettering: Lettering, matrix: np.ndarray) -> Lettering:
    """Moved by a projective map."""
    boxes = cv2.perspectiveTransform(lettering.boxes.reshape(1, -1, 2), matrix).reshape(-1, 4, 2)
    origin, size = _window(boxes, margin_of(boxes))
    shifted = np.array([[1, 0, -origin[0]], [0, 1, -origin[1]], [0, 0, 1]]) @ matrix
    return _moved(lettering, lambda plane: cv2.warpPerspective(plane, shifted, size), boxes - origin)


def _bent(lettering: Lettering, forward: Callable, backward: Callable) -> Lettering:
    """Moved by any map that has an inverse."""
    steps = np.linspace(0, 1, EDGE_POINTS)[:, None]
    turned = np.roll(lettering.boxes, -1, axis=1)
    edges = lettering.boxes[:, :, None] * (1 - steps) + turned[:, :, None] * steps  # (n, 4, EDGE_POINTS, 2)
    origin, (width, height) = _window(forward(edges), margin_of(lettering.boxes))
    coarse = 4  # the inverse is smooth: computed at every fourth pixel
    x, y = np.meshgrid(np.arange(0, width + coarse, coarse), np.arange(0, height + coarse, coarse))
    source = backward(np.stack([x + origin[0], y + origin[1]], -1)).astype(np.float32)
    zoom = np.array([[coarse, 0, 0], [0, coarse, 0]], np.float64)
    full = cv2.warpAffine(source, zoom, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    boxes = forward(lettering.boxes) - origin

    def bend(plane: np.ndarray) -> np.ndarray:
        return cv2.remap(plane, full, None, cv2.INTER_LINEAR)  # type: ignore[call-overload]

    return _moved(lettering, bend, boxes)


def _moved(lettering: Lettering, move: Callable[[np.ndarray], np.ndarray], boxes: Points) -> Lettering:
    own = move(lettering.own)
    ink = own if lettering.ink is lettering.own else move(lettering.ink)
    return Lettering(ink, own, boxes.astype(np.float32))
