"""Values from a file or a request, made sure of. `name` is the entry that a refusal (MergeError) speaks of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.merging.errors import MergeError


def check_known(kind: str, name: str, known: Sequence[str]) -> None:
    """Refuse a name that is not known."""
    if name not in known:
        raise MergeError(f'unknown {kind} "{name}"; known are {", ".join(known) or "none"}')


def check_number(name: str, value: float, limits: tuple[float, float]) -> None:
    """Refuse a number outside of its limits, and nan."""
    low, high = limits
    if not low <= value <= high:
        raise MergeError(f"{name} is {value}, it must lie between {low:g} and {high:g}")


def mapping(name: str, value: Any, known: Sequence[str] | None = None) -> Mapping[str, Any]:
    """A mapping; with `known`, of these keys alone."""
    if not isinstance(value, Mapping):
        raise MergeError(f"{name} must be a mapping of names to values, got {type(value).__name__}")
    for key in value if known is not None else ():
        check_known(f"entry of {name}", str(key), known or ())
    return value


def entries(name: str, value: Any) -> Sequence[Any]:
    """A list."""
    if not isinstance(value, list | tuple):
        raise MergeError(f"{name} must be a list, got {type(value).__name__}")
    return value


def text(name: str, value: Any) -> str:
    """A text."""
    if not isinstance(value, str):
        raise MergeError(f"{name} must be a text, got {value!r}")
    return value


def texts(name: str, value: Any) -> tuple[str, ...]:
    """A list of texts."""
    return tuple(text(name, entry) for entry in entries(name, value))


def number(name: str, value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise MergeError(f"{name} must be a finite number, got {value!r}")
    return float(value)


def numbers(name: str, value: Any) -> tuple[tuple[str, float], ...]:
    """A mapping of texts to finite numbers, as pairs."""
    return tuple((text(name, key), number(f"{name}.{key}", one)) for key, one in mapping(name, value).items())
