"""What every cell of the grid shows: the look of the thing there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pipelines.grounding.synthetic.things import VALUES

if TYPE_CHECKING:
    from pipelines.grounding.synthetic.things import Thing

FIELDS = ("category", "colour", "pattern", "finish", "tilt")
COUNTS = tuple(len(VALUES[field]) for field in FIELDS)
NO_VALUE = -1
LEAST_SHARE = 0.15  # of a cell that a thing covers to be what it shows


def looks_of(things: Sequence[Thing]) -> np.ndarray:
    """Number of each thing's value in each field, int64 (n, fields); `NO_VALUE` where it has none."""
    return np.array([[_number(field, thing.value(field)) for field in FIELDS] for thing in things], np.int64)


def _number(field: str, value: str | None) -> int:
    return NO_VALUE if value is None else VALUES[field].index(value)


def cell_looks(ids: np.ndarray, looks: np.ndarray, grid: int) -> np.ndarray:
    """Looks at every cell, int64 (grid * grid, fields), of the thing that covers most of it.

    Args:
        ids: instance map, 0 or the number of a thing plus 1, (S, S); S is a multiple of `grid`.
        looks: of the things, (n, fields).
    """
    pixels = ids.shape[0] // grid
    cells = ids.reshape(grid, pixels, grid, pixels).swapaxes(1, 2).reshape(grid * grid, -1)
    covered = (cells[:, :, None] == np.arange(1, len(looks) + 1)).mean(1)  # (cells, things)
    found = looks[covered.argmax(1)].copy()
    found[covered.max(1) < LEAST_SHARE] = NO_VALUE
    return found
