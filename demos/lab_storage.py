"""What a family weighs on disk, in each form, as real files beside the formula."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.lab_bench import Subject
from demos.lab_charts import BarChart, grid_html
from demos.lab_work import Experiment, Plan
from demos.sight import Updates, Values
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.lab.storage import StorageRow

COUNTS = (2, 4, 8, 14, 20)
FORMS = ("base and experts", "base and differences", "vector and masks", "masks coded", "formula")
HEADS = (*FORMS, "off the formula", "bits a mask", "header", "smallest")


class StorageExperiment(Experiment):
    """Files are written, weighed and removed."""

    name = "storage"
    about = (
        "Files in 16 bits, written and weighed: base and experts; base and lossless differences; base, one vector and "
        "a mask a task (TALL-masks), masks as bits or coded together. Formula: (2 · 16 + T) P bits, and 16 for each "
        "weight that nobody moved. `python -m pipelines pack` writes them."
    )
    verb = "Weigh the files"

    def build_results(self) -> None:
        self.table = gr.HTML("", elem_id="lab-storage-table")
        self.outputs.append(self.table)
        self.chart = self.plot("bytes")

    def plan(self, subject: Subject, recipe: MergeRecipe, values: Values) -> tuple[Any, int]:
        from pipelines.lab.storage import step_count

        have = len(subject.tasks)
        counts = tuple(sorted({count for count in COUNTS if count <= have} | {have}))
        if have < 2:
            raise UserError("One expert needs no masks: tick two or more.", "Nothing to compare")
        return counts, sum(map(step_count, counts))

    def steps(self, plan: Plan) -> Iterator[str | StorageRow]:
        from pipelines.lab.storage import storage_steps

        return storage_steps(self.common.bench.arena(plan.subject.name), plan.subject.tasks, plan.ask)

    def said(self, plan: Plan, done: Sequence[str | StorageRow]) -> str:
        last = done[-1]
        return last if isinstance(last, str) else f"{last.tasks} tasks"

    def drawn(self, plan: Plan, done: Sequence[str | StorageRow], is_over: bool) -> Updates:
        rows = [step for step in done if not isinstance(step, str)]
        if not rows:
            return {self.table: ""}
        cells = [cells_of(row) for row in rows]
        heads = [f"{row.tasks} tasks" for row in rows]
        bars = tuple((form, tuple(_megabytes(row)[place] for row in rows), place if place < 4 else None)
                     for place, form in enumerate(FORMS))  # fmt: skip
        chart = BarChart(f"Bytes on disk: {plan.subject.name}", "MB", tuple(heads), bars)
        table = grid_html(HEADS, heads, lambda r, c: f"<td>{cells[r][c]}</td>")
        return {self.table: table} | self.chart.drawn(chart, plan.text)


def cells_of(row: StorageRow) -> tuple[str, ...]:
    """A row of the table, in the order of HEADS."""
    weights = row.planes.vector // 2
    bits = 8 * row.coded.masks / max(weights * row.tasks, 1)
    sizes = [f"{size:,.0f} B" for size in _bytes(row)]
    header = f"{row.planes.header:,} B"
    return (*sizes, f"{row.off_formula:+.2%}", f"{bits:.2f}", header, row.smallest)


def _bytes(row: StorageRow) -> tuple[float, ...]:
    return row.experts, row.deltas, row.planes.total, row.coded.total, row.formula


def _megabytes(row: StorageRow) -> tuple[float, ...]:
    return tuple(size / 1e6 for size in _bytes(row))
