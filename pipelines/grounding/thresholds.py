"""What counts as found. Numbers alone, so that the page knows them before any network is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pipelines.shared.errors import UserError

MOST_OBJECTS = 12


@dataclass(frozen=True)
class Thresholds:
    """What counts as found.

    Attributes:
        existence: least probability of there being a referent.
        centre: least probability of a peak beside the highest one.
        mask: least probability of a pixel.
        most: objects at most; a phrase that means more ("both mugs", "the keys") is taken at its word.
        overlap: of two boxes that overlap more, the lesser goes.
        least_area: smaller boxes go, share of the picture.
    """

    existence: float = 0.5
    centre: float = 0.4
    mask: float = 0.5
    most: int = 1
    overlap: float = 0.6
    least_area: float = 0.0

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Thresholds:
        """By name, as a recipe or a client has them. Raises UserError: an unknown name, or a value out of range."""
        known = {one.name for one in fields(Thresholds)}
        if unknown := sorted(set(values) - known):
            raise UserError(f"No threshold {unknown[0]!r}; known are {', '.join(sorted(known))}.", "Unknown threshold")
        return Thresholds(**{name: _checked(name, value) for name, value in values.items()})


def _checked(name: str, value: Any) -> Any:
    low, high = (1, MOST_OBJECTS) if name == "most" else (0, 1)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not low <= value <= high or (name == "most" and value != int(value)):
        raise UserError(f"Threshold {name} is {value!r}; it is a number from {low} to {high}.", "Out of range")
    return int(value) if name == "most" else float(value)
