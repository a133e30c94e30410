"""A world of six shapes and six colours that draws in a millisecond: the call of the generated world, for tests."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np

from pipelines.grounding.synthetic.things import Look, Thing

COLOURS = {
    "red": (210, 40, 40), "green": (40, 160, 60), "blue": (40, 70, 210), "yellow": (235, 210, 40),
    "purple": (130, 50, 160), "white": (240, 240, 240),
}  # fmt: skip
CORNERS = {"triangle": 3, "square": 4, "hexagon": 6, "circle": 40}
SHAPES = (*CORNERS, "star", "cross")
SIDE, DOT = 224, 16


def sample(seed: tuple[int, ...], recipe: str, count: int) -> SimpleNamespace:
    """A scene of 3 to 6 objects of different looks, and `count` expressions: one in eight is about nothing there."""
    rng = np.random.default_rng([*seed, *recipe.encode()])
    pixels = np.full((SIDE, SIDE, 3), rng.integers(60, 130), np.uint8)
    ids, looks = np.zeros((SIDE, SIDE), np.uint8), []
    every = [(colour, shape) for colour in COLOURS for shape in SHAPES]
    spots = rng.permutation(9)[: rng.integers(3, 7)]
    for number, spot in enumerate(spots):
        look = every[rng.integers(len(every))]
        if look in looks:
            look = next(other for other in every if other not in looks)
        centre = (np.array([spot % 3, spot // 3]) + 0.5) * SIDE / 3 + rng.uniform(-12, 12, 2)
        outline = _outline(look[1], centre, rng.uniform(16, 30))
        cv2.fillPoly(pixels, [outline], COLOURS[look[0]])
        cv2.fillPoly(ids, [outline], number + 1)
        looks.append(look)
    boxes = np.array([_box(ids == number + 1) for number in range(len(looks))], np.float32)
    phrases = tuple(_phrase(rng, looks, every) for _ in range(count))
    things = tuple(Thing(Look(shape, colour), 0.5, 0.5, 0.2) for colour, shape in looks)
    return SimpleNamespace(pixels=pixels, ids=ids, boxes_xyxy=boxes, phrases=phrases, things=things)


def twin_scenes(seed: tuple[int, ...], recipe: str, count: int) -> tuple[SimpleNamespace, SimpleNamespace]:
    """A scene, and the same with a black dot in the upper left corner as one thing more."""
    scene = sample(seed, recipe, count)
    pixels, ids = scene.pixels.copy(), scene.ids.copy()
    pixels[:DOT, :DOT], ids[:DOT, :DOT] = 0, len(scene.things) + 1
    boxes = np.concatenate([scene.boxes_xyxy, [[0, 0, DOT, DOT]]]).astype(np.float32)
    things = (*scene.things, Thing(Look("circle", "black"), 0.05, 0.05, 0.1))
    return scene, SimpleNamespace(pixels=pixels, ids=ids, boxes_xyxy=boxes, phrases=scene.phrases, things=things)


def _outline(shape: str, centre: np.ndarray, radius: float) -> np.ndarray:
    if shape == "cross":
        a = radius / 3
        steps = [(-a, -3 * a), (a, -3 * a), (a, -a), (3 * a, -a), (3 * a, a), (a, a)]
        points = np.array(steps + [(-x, -y) for x, y in steps])
    else:
        count = CORNERS.get(shape, 10)
        angles = np.arange(count) * 2 * np.pi / count - np.pi / 2 + (np.pi / 4 if shape == "square" else 0)
        reach = np.where((np.arange(count) % 2 == 1) & (shape == "star"), 0.45, 1.0) * radius
        points = np.stack([np.cos(angles), np.sin(angles)], 1) * reach[:, None]
    return np.round(points + centre).astype(np.int32)


def _box(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def _phrase(rng: np.random.Generator, looks: list, every: list) -> SimpleNamespace:
    if rng.random() < 1 / 8:
        missing = [look for look in every if look not in looks]
        colour, shape = missing[rng.integers(len(missing))]
        return SimpleNamespace(text=f"the {colour} {shape}", kind="notarget", targets=(), anchors=())
    number = int(rng.integers(len(looks)))
    colour, shape = looks[number]
    return SimpleNamespace(text=f"the {colour} {shape}", kind="attribute", targets=(number,), anchors=())
