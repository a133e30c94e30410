"""Parallel reading: nothing is known, every position is asked at once (IGTR, arXiv:2401.17851, "PR")."""

from __future__ import annotations

from pipelines.text_recognition.procedures.reading import Reading
from pipelines.text_recognition.reader import Reader


def read_parallel(reader: Reader) -> Reading:
    """One pass of the decoder."""
    return Reading.best(reader.characters(reader.all_positions()))
