"""Scores that come with the weights: each task's own measure of the base and of its expert."""

from __future__ import annotations

import json
from pathlib import Path

from pipelines.shared.family import ModelFamily

Columns = dict[str, dict[str, float]]


def score_columns(assets: Path, family: ModelFamily) -> Columns:
    """{"base": {task: score}, "expert": {task: score of its own expert}}, 0 to 1; empty where the manifest has none."""
    matrix = _matrix(assets / "weights" / "manifest.json", family.name)
    base = matrix.get("base", {})
    own = {task: matrix[task][task] for task in family.tasks if task in matrix.get(task, {})}
    return {title: scores for title, scores in (("base", base), ("expert", own)) if scores}


def _matrix(manifest: Path, name: str) -> Columns:
    if not manifest.is_file():
        return {}
    entry = json.loads(manifest.read_text(encoding="utf-8")).get(name, {})
    matrix: Columns = entry.get("matrix", {})
    return matrix
