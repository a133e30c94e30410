"""Sweeps: a grid over two axes of the desk, coarse first; a stopped one keeps what it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.lab_bench import Subject
from demos.lab_charts import HeatChart, Number
from demos.lab_grid import score_grid
from demos.lab_menus import Menu
from demos.lab_work import Experiment, Plan
from demos.sight import Updates, Values, with_updates
from demos.tab import BESIDE_QUEUE, told
from demos.words import hint
from pipelines.lab.axes import axes_of, axis_named, parse_values, shown
from pipelines.lab.sweep import MOST_CELLS, Sweep, best_cell, run_sweep
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.lab.sweep import Cell

SYNTAX = "`0, .25, .5` · `0:1:5` five points · `0..1/.25` steps · `*` all"
NORMALISED = "mean, normalised"


@dataclass(frozen=True)
class Ask:
    """A sweep, and which number stands in its cells: NORMALISED or a task."""

    sweep: Sweep
    measure: str


class SweepExperiment(Experiment):
    """Two axes, their values, and the grid."""

    name = "sweep"
    about = (
        "Two controls of the desk take several values each, everything else stays as the Lab's recipe has it. Cells "
        "far apart come first. Stop keeps what is there; click a cell to take its recipe."
    )
    verb = "Sweep"
    needs = "scores"

    def build_settings(self) -> None:
        axes = [axis.name for axis in self._axes(*self.common.starts())]
        self.settings = {}
        with gr.Row():
            for side, axis, values in (("columns", "scale", "0:1:6"), ("rows", "method", "task_arithmetic, ties")):
                with gr.Column(min_width=240):
                    self.settings[side] = Menu(
                        axes, value=axis, label=f"Axis of the {side}", elem_id=f"lab-sweep-{side}"
                    )
                    self.settings[f"{side}_values"] = gr.Textbox(values, label=f"Values of the {side}", lines=1,
                                                                 elem_id=f"lab-sweep-{side}-values")  # fmt: skip
        self.settings["measure"] = Menu([NORMALISED], value=NORMALISED, label="Number in the cells",
                                               elem_id="lab-sweep-measure")  # fmt: skip
        gr.HTML(hint(SYNTAX))
        asked = {one: one.value for one in self.settings.values()}
        self.echo = gr.HTML(self.echoed(*self.common.starts(), asked), elem_id="lab-sweep-echo")

    def build_results(self) -> None:
        self.cells = self.grid("cells")
        self.heat = self.plot("heat", is_folded=True)

    def _axes(self, name: str, recipe: MergeRecipe) -> Any:
        return axes_of(self.common.bench.family(name), recipe)

    def wire(self, inputs: set[Any]) -> None:
        super().wire(inputs)
        texts = [self.settings[key] for key in ("columns", "columns_values", "rows", "rows_values")]
        # `change`, not `input`: text that is pasted fires no `input`.
        gr.on([one.change for one in texts], told(self.when_written), inputs, [self.echo], trigger_mode="always_last",
              **BESIDE_QUEUE)  # fmt: skip

    def when_written(self, values: Values) -> Updates:
        """What the axes amount to, or the piece of them that cannot be read."""
        return {self.echo: self.echoed(self.common.subject(values).name, self.common.recipe(values), values)}

    def echoed(self, name: str, recipe: MergeRecipe, values: Values) -> str:
        """The cells that these settings amount to, or why there are none."""
        try:
            sweep = self.plan(Subject(name, ()), recipe, values)[0].sweep
        except UserError as error:
            return f'<div role="alert">{hint(str(error), "reason")}</div>'
        rows, columns = (", ".join(map(shown, one)) for one in (sweep.row_values, sweep.column_values))
        return hint(f"{sweep.count} cells, at most {MOST_CELLS}. Rows: {rows}. Columns: {columns}.")

    def offered(self, name: str, recipe: MergeRecipe, values: Values) -> Updates:
        """The axes that a family and a recipe have; an axis that is gone gives way to the first."""
        axes = [axis.name for axis in self._axes(name, recipe)]
        updates: Updates = {}
        for side, first in (("columns", "scale"), ("rows", "method")):
            menu = self.settings[side]
            updates[menu] = gr.update(choices=axes, value=values[menu] if values[menu] in axes else first)
        tasks = self.common.bench.tasks(name)
        measure = self.settings["measure"]
        kept = values[measure] if values[measure] in tasks else NORMALISED
        updates[measure] = gr.update(choices=[NORMALISED, *tasks], value=kept)
        return updates | {self.echo: self.echoed(name, recipe, with_updates(values, updates))}

    def plan(self, subject: Subject, recipe: MergeRecipe, values: Values) -> tuple[Ask, int]:
        family = self.common.bench.family(subject.name)
        axes, asked = axes_of(family, recipe), {name: values[one] for name, one in self.settings.items()}
        columns, rows = (axis_named(axes, asked[side]) for side in ("columns", "rows"))
        sweep = Sweep(family, recipe, columns, parse_values(columns, asked["columns_values"] or ""), rows,
                      parse_values(rows, asked["rows_values"] or ""))  # fmt: skip
        return Ask(sweep, asked["measure"]), sweep.count

    def steps(self, plan: Plan) -> Iterator[Cell]:
        subject = plan.subject
        return run_sweep(plan.ask.sweep, self.common.bench.judge(subject.name), subject.tasks, subject.split)

    def said(self, plan: Plan, done: Sequence[Cell]) -> str:
        best, sweep = best_cell(done), plan.ask.sweep
        if best is None:
            return "no cell could be merged"
        where = f"{shown(sweep.row_values[best.row])}, {shown(sweep.column_values[best.column])}"
        return f"best so far {best.normalised:.3f} at {where}"

    def drawn(self, plan: Plan, done: Sequence[Cell], is_over: bool) -> Updates:
        sweep, measure = plan.ask.sweep, plan.ask.measure
        at = {(cell.row, cell.column): cell for cell in done}
        columns, rows = (tuple(map(shown, one)) for one in (sweep.column_values, sweep.row_values))

        def score(row: int, column: int) -> Number:
            cell = at.get((row, column))
            if cell is None or not cell.scores:
                return None
            return cell.scores.get(measure, cell.normalised)

        known = [value for place in at if (value := score(*place)) is not None]
        limits = (min(known), max(known)) if known else (0.0, 1.0)
        table = score_grid(columns, rows, score, lambda r, c: at[r, c].error if (r, c) in at else "",
                           f"{sweep.rows.name} \\ {sweep.columns.name}", limits)  # fmt: skip
        recipes = {place: cell.recipe for place, cell in at.items() if cell.scores}
        updates = self.cells.drawn(table, plan.subject.name, recipes)
        if not is_over:
            return updates
        values = tuple(tuple(score(r, c) for c in range(len(columns))) for r in range(len(rows)))
        chart = HeatChart(f"{plan.subject.name}: {measure}, {plan.subject.split} split", columns, rows, values,
                          sweep.columns.name, sweep.rows.name, digits=3, value_label="score")  # fmt: skip
        return updates | self.heat.drawn(chart, plan.text)
