"""TASKS: the eight classification tasks of the lab, in the order of the desk, and seeded batches of them.

Each task is drawn in two looks: "plain" (studio: full contrast, upright, bare grounds), which the base learns from,
and "wild" (clutter, other fonts and fills, faint inks, turns), which the experts learn and all scores are taken in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipelines.lab.synthetic import objects, surfaces, writing
from pipelines.lab.synthetic.canvas import Picture, camera

Draw = Callable[[np.random.Generator, int, bool], Picture]


@dataclass(frozen=True)
class Task:
    """One task: `draw(rng, class number, is_wild)` gives a picture, (H, W, 3) float32, 0 to 1.

    `first` is where the task's classes start among those of all tasks.
    """

    name: str
    classes: tuple[str, ...]
    draw: Draw
    first: int

    @property
    def span(self) -> slice:
        """The task's classes among those of all tasks."""
        return slice(self.first, self.first + len(self.classes))


def _numbered(*rows: tuple[str, tuple[str, ...], Draw]) -> dict[str, Task]:
    tasks, first = {}, 0
    for name, classes, draw in rows:
        tasks[name] = Task(name, classes, draw, first)
        first += len(classes)
    return tasks


TASKS = _numbered(
    ("shapes", objects.SHAPES, objects.shape),
    ("digits", writing.DIGITS, writing.digit),
    ("textures", surfaces.TEXTURES, surfaces.texture),
    ("colours", objects.HUES, objects.colour),
    ("letters", writing.LETTERS, writing.letter),
    ("counts", objects.COUNTS, objects.count),
    ("orientation", objects.ANGLES, objects.orientation),
    ("words", writing.WORDS, writing.word),
)
CLASS_COUNT = sum(len(task.classes) for task in TASKS.values())


def samples(rng: np.random.Generator, task: Task, count: int, wild_share: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Pictures of one task and their classes.

    Args:
        wild_share: how many of them have the wild look, 0 to 1.

    Returns:
        pixels (count, 3, H, W) float32, 0 to 1, and labels (count,) int64, counted from 0 within the task.
    """
    labels = rng.integers(0, len(task.classes), count)
    looks = rng.random(count) < wild_share
    pictures = [
        camera(rng, task.draw(rng, int(label), bool(is_wild)), bool(is_wild))
        for label, is_wild in zip(labels, looks, strict=True)
    ]
    return np.ascontiguousarray(np.stack(pictures).transpose(0, 3, 1, 2)), labels
