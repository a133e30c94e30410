"""Scores that come with the weights, of base and experts on every task, and the table with a mix under them."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from demos.words import hint
from pipelines.shared.family import ModelFamily

Rows = Mapping[str, Mapping[str, float]]

LEGEND = (
    "Each task by its own measure, 0 to 1, higher is better, on {samples}. Bold: best of a task. Shaded: the task's "
    "own expert."
)
FEW, MANY = "a few fixed samples: small differences say little", "the whole sets that came with the weights' scores"


def score_rows(assets: Path, family: ModelFamily, is_whole: bool = False) -> dict[str, Mapping[str, float]]:
    """{"base": {set: score}, task: {set: score} of its expert}, 0 to 1, in fader order. A set is a task, or another
    that was measured. Of the few samples that a mix is quickly scored on, where the manifest has those and `is_whole`
    does not ask for the others; empty where it has none.
    """
    matrix = _matrix(assets / "weights" / "manifest.json", family.name, is_whole)
    return {row: matrix[row] for row in ("base", *family.tasks) if row in matrix}


def matrix_table(rows: Rows, tasks: Sequence[str], is_whole: bool = False) -> str:
    """Networks as rows, tasks as columns, further sets after them. Wide tables scroll beside their first column."""
    sets = {name for scores in rows.values() for name in scores}
    columns = [task for task in tasks if task in sets] + sorted(sets - set(tasks))
    best = {name: max(scores[name] for scores in rows.values() if name in scores) for name in columns}
    head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
    body = "".join(
        f"<tr><th>{html.escape(row)}</th>{''.join(_cell(row, name, scores.get(name), best) for name in columns)}</tr>"
        for row, scores in rows.items()
    )
    legend = LEGEND.format(samples=MANY if is_whole else FEW)
    table = f"<thead><tr><th>network</th>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="scroll-x"><table class="mdk-table matrix">{table}</table></div>{hint(legend)}'


def _cell(row: str, name: str, score: float | None, best: Mapping[str, float]) -> str:
    if score is None:
        return "<td>–</td>"
    marks = [mark for mark, is_so in (("best", score == best[name]), ("own", row == name)) if is_so]
    return f'<td class="{" ".join(marks)}">{score:.3f}</td>'


def _matrix(manifest: Path, name: str, is_whole: bool) -> Rows:
    if not manifest.is_file():
        return {}
    entry = json.loads(manifest.read_text(encoding="utf-8")).get(name, {})
    matrix: Rows = (None if is_whole else entry.get("probe")) or entry.get("matrix", {})
    return matrix
