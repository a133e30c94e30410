"""Scores along a path of recipes: between two experts, or over the scale of a mix; coarse first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipelines.lab.judge import Judge
from pipelines.lab.sweep import order_of
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.sweeps import best_of_both, interpolation

POINTS = 11


@dataclass(frozen=True)
class Point:
    """One score: of `task`, at `position` of the path, by `recipe`."""

    position: float
    task: str
    score: float
    recipe: MergeRecipe


def path_between(first: str, second: str, count: int = POINTS) -> list[tuple[float, MergeRecipe]]:
    """(position, recipe) from one expert at 0 to the other at 1 (UnIVAL, arXiv:2307.16184)."""
    return [(position, interpolation(first, second, position)) for position in _positions(count)]


def path_over_scale(recipe: MergeRecipe, most: float = 1.0, count: int = POINTS) -> list[tuple[float, MergeRecipe]]:
    """(scale, recipe) from the base at 0 to `most`."""
    return [(round(most * position, 6), replace(recipe, scale=round(most * position, 6)))
            for position in _positions(count)]  # fmt: skip


def walk(path: Sequence[tuple[float, MergeRecipe]], judge: Judge, tasks: Sequence[str], split: str) -> Iterator[Point]:
    """Every task's score at every point: the ends first, then between."""
    order = order_of(len(path))
    for place in sorted(range(len(path)), key=lambda place: (order[place], place)):
        position, recipe = path[place]
        for task in tasks:
            yield Point(position, task, judge.score(recipe, task, split), recipe)


def best_mean(points: Sequence[Point], first: str, second: str) -> float | None:
    """Position whose harmonic mean of two tasks' scores is the highest; None before any has both."""
    by_task = {task: {one.position: one.score for one in points if one.task == task} for task in (first, second)}
    both = sorted(by_task[first].keys() & by_task[second].keys())
    if not both:
        return None
    return both[best_of_both([(by_task[first][one], by_task[second][one]) for one in both])]


def _positions(count: int) -> list[float]:
    return [round(k / (count - 1), 6) for k in range(count)]
