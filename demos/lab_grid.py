"""A table of the Lab whose cells are recipes: a click makes one the Lab's, from where it goes to the desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from demos.drawing import heat_map
from demos.lab_charts import Number, button_cell, empty_cell, grid_html
from demos.lab_figures import ink_on
from demos.sight import Updates, Values
from demos.tab import TELLING, told
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from demos.lab_work import Common

CHOSEN = (
    "element.addEventListener('click', (event) => { const cell = event.target.closest('[data-cell]'); "
    "if (cell) trigger('select', {cell: cell.dataset.cell}); });"
)


class Grid:
    """The table, and which recipe each cell has."""

    def __init__(self, name: str) -> None:
        self.table = gr.HTML("", js_on_load=CHOSEN, elem_id=f"lab-{name}-grid")
        self.cells = gr.State({})  # "row,column" -> (family, recipe)
        self.controls, self.outputs = [self.cells], [self.table, self.cells]

    def drawn(self, table: str, name: str, recipes: Mapping[tuple[int, int], MergeRecipe]) -> Updates:
        """A table, and the recipe of the cells that can be chosen."""
        return {self.table: table, self.cells: {f"{r},{c}": (name, recipe) for (r, c), recipe in recipes.items()}}

    def wire(self, inputs: set[Any], common: Common) -> None:
        """A click on a cell."""

        def chosen(event: gr.EventData, values: Values) -> Updates:
            name, recipe = self.recipe_at(values, str(event.cell))
            return common.put(name, recipe, values)

        self.chosen = self.table.select(told(chosen), inputs, common.picked, trigger_mode="once", **TELLING)

    def recipe_at(self, values: Values, place: str) -> tuple[str, MergeRecipe]:
        """Family and recipe of a cell. Raises UserError: none is there."""
        found = (values[self.cells] or {}).get(place)
        if found is None:
            raise UserError("This cell has no recipe yet.", "Nothing to take")
        name, recipe = found
        return name, recipe


def score_grid(
    columns: Sequence[str],
    rows: Sequence[str],
    score: Callable[[int, int], Number],
    why: Callable[[int, int], str],
    corner: str,
    limits: tuple[float, float] | None = None,
    totals: Sequence[str] = (),
) -> str:
    """Scores as cells that can be chosen.

    Args:
        score: number at (row, column); the columns of `totals` follow those of `columns` and cannot be chosen.
        why: what stands where there is no score.
        limits: colours the cells between these numbers.
    """

    def cell(row: int, column: int) -> str:
        value = score(row, column)
        if column >= len(columns):
            return empty_cell("·") if value is None else f"<td>{value:.3f}</td>"
        if value is None:
            reason = why(row, column)
            return empty_cell("n/a" if reason else "·", reason)
        label = f"{rows[row]}, {columns[column]}: {value:.3f}; use this recipe"
        return button_cell(row, column, f"{value:.3f}", label, tint(value, limits) if limits else "")

    return grid_html((*columns, *totals), rows, cell, corner)


def score_table(columns: Sequence[str], rows: Sequence[str], values: Sequence[Sequence[Number]], corner: str) -> str:
    """Scores that are no recipes: cells that cannot be chosen."""

    def cell(row: int, column: int) -> str:
        value = values[row][column]
        return empty_cell("·") if value is None else f"<td>{value:.3f}</td>"

    return grid_html(columns, rows, cell, corner)


def tint(value: float, limits: tuple[float, float]) -> str:
    """Ground and ink of a number between two limits."""
    low, high = limits
    share = (value - low) / (high - low) if high > low else 0.5
    red, green, blue = (int(part) for part in heat_map(np.array([[share]], np.float32))[0, 0])
    return f"background:rgb({red},{green},{blue});color:{ink_on(share, False)}"
