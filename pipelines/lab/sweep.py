"""A grid over two axes of the desk: coarse first, a score at a time, kept as far as it came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.lab.axes import Axis, Value, with_value
from pipelines.lab.judge import Judge
from pipelines.merging.errors import MergeError
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily

MOST_CELLS = 64
WIDE = ("method", "lambda")  # axes that set what another axis then changes in part


@dataclass(frozen=True)
class Sweep:
    """What is swept: a recipe, and the values that two of its controls take.

    Raises:
        UserError: the same axis twice, or too many cells; says which axis to shorten.
    """

    family: ModelFamily
    recipe: MergeRecipe
    columns: Axis
    column_values: tuple[Value, ...]
    rows: Axis
    row_values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if self.columns.name == self.rows.name:
            raise UserError(f"Both axes are {self.rows.name!r}: choose two different ones.", "One axis twice")
        if self.count > MOST_CELLS:
            longer = max(
                (self.columns, self.column_values), (self.rows, self.row_values), key=lambda pair: len(pair[1])
            )
            raise UserError(
                f"{len(self.row_values)} x {len(self.column_values)} are {self.count} cells, at most {MOST_CELLS} are "
                f"swept: give {longer[0].name!r} fewer values.", "Too many cells",
            )  # fmt: skip

    @property
    def count(self) -> int:
        """Cells of the grid."""
        return len(self.column_values) * len(self.row_values)

    def recipe_at(self, row: int, column: int) -> MergeRecipe:
        """The recipe of a cell: WIDE axes first, so that a method is there before its settings, then rows."""
        pairs = [(self.rows, self.row_values[row]), (self.columns, self.column_values[column])]
        recipe = self.recipe
        for axis, value in sorted(pairs, key=lambda pair: pair[0].name not in WIDE):
            recipe = with_value(recipe, self.family, axis, value)
        return recipe


@dataclass(frozen=True)
class Cell:
    """One cell: its place, its recipe, and a score for each task, or why there are none."""

    row: int
    column: int
    recipe: MergeRecipe
    scores: Mapping[str, float] = field(default_factory=dict)
    normalised: float = 0.0
    error: str = ""


def run_sweep(sweep: Sweep, judge: Judge, tasks: Sequence[str], split: str) -> Iterator[Cell]:
    """Every cell once, coarse first. A cell that cannot be merged says why and ends nothing."""
    for row, column in coarse_first(len(sweep.row_values), len(sweep.column_values)):
        recipe = sweep.recipe_at(row, column)
        try:
            scores = judge.scores(recipe, tasks, split)
            yield Cell(row, column, recipe, scores, judge.normalised(scores, split))
        except MergeError as error:
            yield Cell(row, column, recipe, error=str(error))


def coarse_first(rows: int, columns: int) -> list[tuple[int, int]]:
    """Places of a grid: first far apart, then between, so that a stopped sweep has seen all of it."""
    row_order, column_order = (order_of(length) for length in (rows, columns))
    places = [(row, column) for row in range(rows) for column in range(columns)]
    return sorted(places, key=lambda place: (max(row_order[place[0]], column_order[place[1]]), place))


def order_of(length: int) -> list[int]:
    """When each of `length` places in a line is visited: the ends in round 0, then halves, quarters, and so on."""
    rounds = [-1] * length
    step: float = max(length - 1, 1)
    number = 0
    while -1 in rounds:
        for place in {round(k * step) for k in range(int((length - 1) / step) + 1)} | {length - 1}:
            if rounds[place] < 0:
                rounds[place] = number
        step, number = max(step / 2, 1), number + 1
    return rounds


def best_cell(cells: Sequence[Cell]) -> Cell | None:
    """The cell of highest normalised score, the first of equals."""
    scored = [cell for cell in cells if cell.scores]
    return max(scored, key=lambda cell: cell.normalised) if scored else None
