"""Recipes along a path: from one expert to another, over the scale, sums and differences of three, soups.

All are task arithmetic, so that each is one pass, and a held fader moves along the path.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pipelines.merging.recipe import MergeRecipe

POSITIONS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def interpolation(first: str | None, second: str | None, position: float) -> MergeRecipe:
    """(1 - position) * first + position * second; None is the base."""
    return weighted((first, 1.0 - position), (second, position))


def interpolations(
    first: str | None, second: str | None, positions: Iterable[float] = POSITIONS
) -> tuple[MergeRecipe, ...]:
    """The path between two experts (UnIVAL, arXiv:2307.16184)."""
    return tuple(interpolation(first, second, position) for position in positions)


def soup(tasks: Sequence[str]) -> MergeRecipe:
    """The uniform mean of experts (arXiv:2203.05482)."""
    return MergeRecipe("average", tuple((task, 1.0) for task in tasks))


def add_difference(first: str | None, second: str | None, third: str | None, weight: float) -> MergeRecipe:
    """first + weight * (second - third): what second has over third, given to first (analogies too)."""
    return weighted((first, 1.0), (second, weight), (third, -weight))


def triple_sum(first: str | None, second: str | None, third: str | None, one: float, other: float) -> MergeRecipe:
    """(1 - one - other) * first + one * second + other * third."""
    return weighted((first, 1.0 - one - other), (second, one), (third, other))


def sum_twice(first: str | None, second: str | None, third: str | None, one: float, other: float) -> MergeRecipe:
    """A path from the point `one` between first and second to third, at `other`."""
    rest = 1.0 - other
    return weighted((first, rest * (1.0 - one)), (second, rest * one), (third, other))


def scales(recipe: MergeRecipe, values: Iterable[float]) -> tuple[MergeRecipe, ...]:
    """The recipe at each scale."""
    return tuple(replace(recipe, scale=value) for value in values)


def weighted(*members: tuple[str | None, float]) -> MergeRecipe:
    """base + sum of weight * task vector; the base, None, has none. An expert named twice has both weights."""
    coefficients: dict[str, float] = {}
    for task, weight in members:
        if task is not None:
            coefficients[task] = coefficients.get(task, 0.0) + weight
    return MergeRecipe("task_arithmetic", tuple(coefficients.items()))


def best_of_both(points: Sequence[tuple[float, float]]) -> int:
    """Place of the point whose harmonic mean of two scores, 0 and up, is the highest; the first of equals."""
    means = [2 * a * b / (a + b) if a + b > 0 else 0.0 for a, b in points]
    return max(range(len(means)), key=means.__getitem__)
