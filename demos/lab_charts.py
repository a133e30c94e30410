"""Charts of the Lab as plain values: what is plotted, without how. Drawn by `lab_figures`, told as tables here."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Number = float | None  # None: not there yet


@dataclass(frozen=True)
class Line:
    """A curve: `colour` is the place of an expert, None is neutral."""

    label: str
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    colour: int | None = None
    is_dashed: bool = False


@dataclass(frozen=True)
class LineChart:
    """Curves over one axis; `marks` are (x, text) lines across."""

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    marks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class BarChart:
    """Bars in groups, or stacked: a row of `bars` is (label, a value for each group, colour)."""

    title: str
    y_label: str
    groups: tuple[str, ...]
    bars: tuple[tuple[str, tuple[float, ...], int | None], ...]
    x_label: str = ""
    is_stacked: bool = False


@dataclass(frozen=True)
class HeatChart:
    """A matrix in colours with its numbers; `limits` of the colours, None takes those of the values."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    values: tuple[tuple[Number, ...], ...]
    x_label: str = ""
    y_label: str = ""
    limits: tuple[float, float] | None = None
    digits: int = 2
    is_diverging: bool = False  # colours are neutral at 0
    value_label: str = ""  # what the numbers are, beside the colour bar


Chart = LineChart | BarChart | HeatChart


def range_of(chart: HeatChart) -> tuple[float, float]:
    """Numbers at the ends of the colours."""
    known = [value for row in chart.values for value in row if value is not None]
    if chart.limits is not None or not known:
        return chart.limits or (0.0, 1.0)
    if chart.is_diverging:
        most = max(map(abs, known)) or 1.0
        return -most, most
    return min(known), max(known)


def number_text(value: float, digits: int) -> str:
    """A number with so many decimals; one that rounds to nothing has no sign."""
    return f"{round(value, digits) + 0.0:.{digits}f}"


def grid_html(
    columns: Sequence[str],
    rows: Sequence[str],
    cell: Callable[[int, int], str],
    corner: str = "",
) -> str:
    """A table with `cell(row, column)` as HTML inside; heads are escaped here."""
    head = "".join(f"<th scope=col>{html.escape(name)}</th>" for name in columns)
    body = "".join(
        f"<tr><th scope=row>{html.escape(name)}</th>{''.join(cell(r, c) for c in range(len(columns)))}</tr>"
        for r, name in enumerate(rows)
    )
    table = f"<thead><tr><th scope=col>{html.escape(corner)}</th>{head}</tr></thead><tbody>{body}</tbody>"
    return f'<div class="scroll-x"><table class="mdk-table lab-grid">{table}</table></div>'


def button_cell(row: int, column: int, text: str, label: str, style: str = "", mark: str = "") -> str:
    """A cell that can be chosen: a click tells its place to the page."""
    told = html.escape(label, quote=True)
    return (
        f'<td class="{mark}" style="{style}"><button type="button" data-cell="{row},{column}" aria-label="{told}" '
        f'title="{told}">{html.escape(text)}</button></td>'
    )


def empty_cell(text: str = "", title: str = "") -> str:
    """A cell without a number: not there yet, or why not."""
    return f'<td class="void" title="{html.escape(title, quote=True)}">{html.escape(text)}</td>'


def chart_table(chart: Chart) -> str:
    """The numbers of a chart as text, for readers who do not see it."""
    if isinstance(chart, HeatChart):
        return grid_html(chart.columns, chart.rows,
                         lambda r, c: _number_cell(chart.values[r][c], chart.digits), chart.y_label)  # fmt: skip
    if isinstance(chart, BarChart):
        names = [label for label, _, _ in chart.bars]
        return grid_html(names, chart.groups, lambda r, c: _number_cell(chart.bars[c][1][r], 3), chart.x_label)
    xs = sorted({x for line in chart.lines for x in line.xs})
    found = [dict(zip(line.xs, line.ys, strict=True)) for line in chart.lines]
    return grid_html([line.label for line in chart.lines], [f"{x:g}" for x in xs],
                     lambda r, c: _number_cell(found[c].get(xs[r]), 3), chart.x_label)  # fmt: skip


def _number_cell(value: Number, digits: int) -> str:
    return empty_cell("·") if value is None else f"<td>{number_text(value, digits)}</td>"
