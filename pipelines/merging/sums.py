"""Sums over whole vectors that do not depend on tile size or thread count."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

CHUNK = 32_768  # elements: at most what torch adds up on one thread, so the order of addition is fixed


def chunks(*vectors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Equal stretches of flat vectors."""
    for start in range(0, vectors[0].numel(), CHUNK):
        yield tuple(vector[start : start + CHUNK] for vector in vectors)


def dot(first: Tensor, second: Tensor) -> float:
    """Inner product of two flat vectors in float64."""
    return sum(float((a.double() * b.double()).sum()) for a, b in chunks(first, second))


def absolute_sum(vector: Tensor) -> float:
    """Sum of absolute values of a flat vector in float64."""
    return sum(float(a.double().abs().sum()) for (a,) in chunks(vector))
