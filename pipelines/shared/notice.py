"""What a person is told about their input and the result."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Notice:
    """One line for the person; level "info" or "warning"."""

    level: str
    text: str


def info(text: str) -> Notice:
    """Something that was done as it should be."""
    return Notice("info", text)


def warning(text: str) -> Notice:
    """Something that may not be as the person thinks."""
    return Notice("warning", text)
