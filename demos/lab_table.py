"""Methods by tasks: every score of the table as it is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.lab_bench import Subject
from demos.lab_charts import HeatChart, Number
from demos.lab_grid import score_grid
from demos.lab_work import Experiment, Plan
from demos.sight import Updates, Values
from pipelines.lab.method_table import COMMON, fill, row_names, title_of
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.lab.method_table import Entry

FIXED, TUNED = "the methods' defaults", "chosen on the validation split"
TOTALS = ("mean", "normalised")


class TableExperiment(Experiment):
    """Rows are methods, columns tasks; then the mean, and the mean of score / expert's score."""

    name = "table"
    about = (
        "Every merge method on every task, score by score. Methods with a mask a task give each task its own network; "
        "the others one network for all. Click a score to take its recipe."
    )
    verb = "Fill the table"
    needs = "scores"

    def build_settings(self) -> None:
        choices = [(title_of(name), name) for name in row_names()]
        self.settings = {
            "methods": gr.CheckboxGroup(choices, value=list(COMMON), label="Rows", elem_id="lab-table-methods",
                                        show_select_all=True),
            "scales": gr.Radio([FIXED, TUNED], value=FIXED, label="Scales α and thresholds λ",
                               elem_id="lab-table-scales", info="the published grids: ten scales, five thresholds"),
        }  # fmt: skip

    def build_results(self) -> None:
        self.scores = self.grid("scores")
        self.figure = self.plot("figure", is_folded=True)

    def plan(self, subject: Subject, recipe: MergeRecipe, values: Values) -> tuple[Any, int]:
        names = [name for name in row_names() if name in (values[self.settings["methods"]] or ())]
        if not names:
            raise UserError("No row is ticked: choose at least one method.", "Nothing to do")
        self.common.bench.family(subject.name)
        return (names, values[self.settings["scales"]] == TUNED), len(names) * len(subject.tasks)

    def steps(self, plan: Plan) -> Iterator[Entry]:
        (names, is_tuned), subject = plan.ask, plan.subject
        judge = self.common.bench.judge(subject.name)
        return fill(judge, names, subject.tasks, subject.split, is_tuned)

    def said(self, plan: Plan, done: Sequence[Entry]) -> str:
        last = done[-1]
        return f"{title_of(last.method)}, {last.task}{f', {last.note}' if last.note else ''}"

    def counted(self, done: Sequence[Entry]) -> int:
        return sum(not one.note for one in done)

    def drawn(self, plan: Plan, done: Sequence[Entry], is_over: bool) -> Updates:
        (names, _), tasks = plan.ask, plan.subject.tasks
        at = {(names.index(one.method), tasks.index(one.task)): one for one in done if not one.note}
        totals = [totals_of(at, row, tasks, names) for row in range(len(names))]

        def score(row: int, column: int) -> Number:
            if column >= len(tasks):
                return totals[row][column - len(tasks)]
            return at[row, column].score if (row, column) in at else None

        heads = [title_of(name) for name in names]
        why = {place: one.error for place, one in at.items()}
        table = score_grid(tasks, heads, score, lambda r, c: why.get((r, c), ""), "method", totals=TOTALS)
        recipes = {place: one.recipe for place, one in at.items() if one.recipe is not None}
        updates = self.scores.drawn(table, plan.subject.name, recipes)
        if not is_over:
            return updates
        columns = range(len(tasks) + len(TOTALS))
        values = tuple(tuple(score(row, c) for c in columns) for row in range(len(names)))
        chart = HeatChart(f"{plan.subject.name}: scores, {plan.subject.split} split", (*tasks, *TOTALS), tuple(heads),
                          values, value_label="score")  # fmt: skip
        return updates | self.figure.drawn(chart, plan.text)


def totals_of(
    at: dict[tuple[int, int], Entry], row: int, tasks: Sequence[str], names: Sequence[str]
) -> tuple[Number, Number]:
    """Mean score of a full row, and the mean of its scores over the experts' where that row is there."""
    mine = [at[row, c].score for c in range(len(tasks)) if (row, c) in at]
    known = [value for value in mine if value is not None]
    if len(known) < len(tasks):
        return None, None
    if "experts" not in names:
        return fmean(known), None
    experts = [at[names.index("experts"), c].score for c in range(len(tasks)) if (names.index("experts"), c) in at]
    if len(experts) < len(tasks):
        return fmean(known), None
    return fmean(known), fmean(value / (own or 1.0) for value, own in zip(known, experts, strict=True))
