"""Task vectors in 16 bits: half the memory of float32, and a merge that reads half as much.

float16 times a power of two, chosen so that the largest entry of a vector is just below 2^15. Entries down to 2^-29 of
the largest are rounded to 11 bits (relative error 5e-4 at most, 2e-4 of a vector's norm); smaller ones lose more and
move a weight by nothing that its own rounding would not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

LARGEST_EXPONENT = 15  # of float16
MOST_SHIFT = 100  # so that powers of two stay normal numbers of float32


@dataclass(frozen=True)
class Halves:
    """values * 2^-shift is the vector; values (n,) float16."""

    values: Tensor
    shift: int

    @classmethod
    def of(cls, vector: Tensor, out: Tensor) -> Halves:
        """Rounded into `out`, (n,) float16. `vector` (n,) float32 as `fits` wants it; it is scaled in place."""
        shift = min(LARGEST_EXPONENT - math.frexp(_largest(vector))[1], MOST_SHIFT)
        return cls(out.copy_(vector.mul_(2.0**shift)), shift)

    @property
    def nbytes(self) -> int:
        """Memory."""
        return self.values.nbytes

    def __getitem__(self, where: slice) -> Halves:
        return Halves(self.values[where], self.shift)

    def decoded(self) -> Tensor:
        """(n,) float32, a new tensor."""
        return self.values.float().mul_(2.0**-self.shift)


Stored = Tensor | Halves  # a task vector or a stretch of one


def fits(vector: Tensor) -> bool:
    """Whether 16 bits can hold it: differences of trained weights do, numbers from 2^15 on stay as they are."""
    return _largest(vector) < 2.0**LARGEST_EXPONENT


def decoded(stored: Stored) -> Tensor:
    """(n,) float32: itself, or a new tensor."""
    return stored.decoded() if isinstance(stored, Halves) else stored


class Decoded(Mapping[str, Tensor]):
    """Task -> whole vector, (n,) float32, decoded when it is asked for."""

    def __init__(self, stored: Mapping[str, Stored]) -> None:
        self._stored = stored

    def __getitem__(self, task: str) -> Tensor:
        return decoded(self._stored[task])

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)


def _largest(vector: Tensor) -> float:
    if not vector.numel():
        return 0.0
    low, high = torch.aminmax(vector)
    return max(-float(low), float(high))
