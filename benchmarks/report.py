"""What the benchmarks share: a Markdown table, and a report stored as JSON with its tables beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> str:
    """A table; all columns but the first `words` are numbers."""
    lines = [head, ["---"] * words + ["---:"] * (len(head) - words), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def matrix_table(matrix: Mapping[str, Mapping[str, float]]) -> str:
    """Networks down, sets across."""
    sets = list(next(iter(matrix.values())))
    return markdown(["network", *sets], [[name, *(f"{row[one]:.3f}" for one in sets)] for name, row in matrix.items()])


def store(path: Path | None, report: Mapping[str, Any] | Sequence[Any], tables: str | None = None) -> None:
    """Write a report where a path is given, and its tables beside it as Markdown."""
    if path is None:
        return
    Path(path).write_text(json.dumps(report, indent=1) + "\n")
    if tables is not None:
        Path(path).with_suffix(".md").write_text(tables + "\n")
