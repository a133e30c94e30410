"""What commands write down: JSON that names the mix and its cost, tables for people."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import recipe_hash, recipe_to_dict
from pipelines.shared.family import ModelFamily


def about_mix(family: ModelFamily, recipe: MergeRecipe, device: str, seconds: float) -> dict[str, Any]:
    """The head of every report: which mix, where it ran, and how long the whole took."""
    return {
        "family": family.name,
        "tier": family.tier,
        "recipe": recipe_to_dict(recipe),
        "recipe_hash": recipe_hash(recipe),
        "device": device,
        "seconds": round(seconds, 3),
    }


def write_json(report: Mapping[str, Any], path: Path) -> None:
    """Write a report; numbers that are not finite become null. Missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_finite(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text, the first the head, as columns of equal width; numbers go to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(_line(row, widths) for row in rows)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (
        cell.rjust(width) if cell[:1].isdigit() or cell[:1] == "-" else cell.ljust(width)
        for cell, width in zip(row, widths, strict=True)
    )
    return "  ".join(cells).rstrip()


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
