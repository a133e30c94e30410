"""Charts drawn by matplotlib: on the page as SVG that follows the page's colours, in files for a paper.

matplotlib is imported when the first chart is drawn. The same chart and recipe give the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

from demos.lab_charts import BarChart, Chart, HeatChart, LineChart, number_text, range_of
from demos.paper import FORMATS, INK, MM, PAPER, save
from demos.theme import EXPERT_COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

NEUTRAL = "#6b6b6b"
MARKERS = "osD^vPX*"  # beside colour, so that a grey print still tells curves apart
HATCHES = ("", "//", "..", "xx", "\\\\", "++", "oo", "--")
NARROW_MM = 120.0  # below it a legend stands under the chart
LETTER_MM, TITLE_LETTER_MM = 1.35, 1.8  # of a label, at 7 pt; of a title, at 9 pt
LEAST_PT = 4.5  # smaller numbers are left out of a matrix; the table below it has them
FIXED_MM = 30.0  # beside a matrix: colour bar, its numbers and label

STYLE: dict[RcKeyType, Any] = {
    "font.size": 8, "axes.titlesize": 9, "axes.labelsize": 8, "legend.fontsize": 7, "xtick.labelsize": 7,
    "ytick.labelsize": 7, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6,
    "xtick.major.width": 0.6, "ytick.major.width": 0.6, "grid.linewidth": 0.4, "grid.alpha": 0.25,
    "lines.linewidth": 1.3, "lines.markersize": 3.5, "legend.frameon": False, "hatch.linewidth": 0.4,
    "axes.titlelocation": "left", "text.parse_math": False,
}  # fmt: skip


def page_svg(chart: Chart, name: str) -> str:
    """The chart as one SVG element: ink is the page's text colour, the ground is clear.

    Args:
        name: of the plot on the page; begins the ids inside, because ids that two drawings share mean the first of
            them, and a pattern of a drawing that is hidden paints nothing.
    """
    drawn = io.StringIO()
    save(partial(draw, chart, 178.0), drawn, "svg", title=chart.title, is_clear=True, style=STYLE)
    text = drawn.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", text)
    return text.replace("<svg ", f'<svg role="img" aria-label="{_escaped(chart.title)}" class="lab-figure" ', 1)


def write_figure(chart: Chart, recipe_text: str | None, start: Path, width_mm: float = 178.0) -> list[str]:
    """Write PNG (300 dpi), SVG and PDF beside each other; their paths. Each carries the recipe; None leaves it out."""
    paths = [start.with_suffix(f".{kind}") for kind in FORMATS]
    for path, kind in zip(paths, FORMATS, strict=True):
        save(partial(draw, chart, width_mm), path, kind, recipe_text, chart.title, style=STYLE)
    return [str(path) for path in paths]


def draw(chart: Chart, width_mm: float) -> Figure:
    """The chart on a figure of that width; its height follows from what is drawn."""
    from matplotlib.figure import Figure

    title = fill(chart.title, max(int((width_mm - _left_mm(chart)) / TITLE_LETTER_MM), 12))
    height_mm = _height_mm(chart, width_mm) + 4 * title.count("\n")
    figure = Figure(figsize=(width_mm * MM, height_mm * MM), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title)
    if isinstance(chart, LineChart):
        _draw_lines(axes, chart)
        _legend(figure, axes, [line.label for line in chart.lines], width_mm)
    elif isinstance(chart, BarChart):
        _draw_bars(axes, chart, width_mm)
        _legend(figure, axes, [label for label, _, _ in chart.bars], width_mm)
    else:
        _draw_heat(figure, axes, chart, width_mm)
    return figure


def _height_mm(chart: Chart, width_mm: float) -> float:
    if isinstance(chart, HeatChart):
        tall = _is_crowded(chart.columns, _pitch_mm(chart, width_mm))
        return 24 + 6.2 * len(chart.rows) + (1.1 * max(map(len, chart.columns), default=0) if tall else 0)
    return max(62.0, 0.42 * width_mm)


def _pitch_mm(chart: HeatChart, width_mm: float) -> float:
    """Width of a column of a matrix."""
    return max(width_mm - FIXED_MM - _left_mm(chart), 10) / max(len(chart.columns), 1)


def _left_mm(chart: Chart) -> float:
    """What stands left of the axes, where a title begins."""
    if not isinstance(chart, HeatChart):
        return 14.0
    return LETTER_MM * max(map(len, chart.rows), default=0) + (5 if chart.y_label else 0)


def _is_crowded(names: Sequence[str], pitch_mm: float) -> bool:
    """Whether neighbours in a row of labels would touch."""
    return any(LETTER_MM * (len(one) + len(other)) / 2 + 1 > pitch_mm for one, other in pairwise(names))


def _label_columns(axes: Axes, names: Sequence[str], pitch_mm: float) -> None:
    is_crowded = _is_crowded(names, pitch_mm)
    axes.set_xticks(range(len(names)), names, rotation=40 if is_crowded else 0, rotation_mode="anchor",
                    ha="right" if is_crowded else "center", va="center" if is_crowded else "top")  # fmt: skip


def colour_of(place: int | None) -> str:
    """The colour of an expert, wherever it appears."""
    return NEUTRAL if place is None else EXPERT_COLOURS[place % len(EXPERT_COLOURS)]


def _draw_lines(axes: Axes, chart: LineChart) -> None:
    for number, line in enumerate(chart.lines):
        axes.plot(line.xs, line.ys, label=line.label, color=colour_of(line.colour),
                  linestyle="--" if line.is_dashed else "-",
                  marker=MARKERS[number % len(MARKERS)] if len(line.xs) <= 30 else "")  # fmt: skip
    for x, text in chart.marks:
        axes.axvline(x, color=INK, linewidth=0.6, linestyle=":")
        axes.annotate(text, (x, 1), xycoords=("data", "axes fraction"), xytext=(3, -8), textcoords="offset points",
                      fontsize=7)  # fmt: skip
    axes.set(xlabel=chart.x_label, ylabel=chart.y_label)
    axes.grid(visible=True)


def _draw_bars(axes: Axes, chart: BarChart, width_mm: float) -> None:
    count = len(chart.bars)
    width = 0.8 if chart.is_stacked else 0.8 / max(count, 1)
    floor = [0.0] * len(chart.groups)
    for number, (label, values, colour) in enumerate(chart.bars):
        shift = 0.0 if chart.is_stacked else (number - (count - 1) / 2) * width
        places = [place + shift for place in range(len(values))]
        axes.bar(places, values, width, bottom=floor, label=label, linewidth=0.3, color=colour_of(colour),
                 edgecolor=PAPER, hatch=HATCHES[number % len(HATCHES)])  # fmt: skip
        if chart.is_stacked:
            floor = [below + value for below, value in zip(floor, values, strict=True)]
    beside = 15 if width_mm < NARROW_MM else 20 + LETTER_MM * max((len(one[0]) for one in chart.bars), default=0)
    _label_columns(axes, chart.groups, (width_mm - beside) / max(len(chart.groups), 1))
    axes.set(xlabel=chart.x_label, ylabel=chart.y_label)
    axes.grid(visible=True, axis="y")
    axes.set_axisbelow(True)


def _draw_heat(figure: Figure, axes: Axes, chart: HeatChart, width_mm: float) -> None:
    low, high = range_of(chart)
    blank = float("nan")
    values = [[blank if value is None else value for value in row] for row in chart.values]
    image = axes.imshow(values, cmap="PuOr" if chart.is_diverging else "cividis", vmin=low,
                        vmax=high if high > low else low + 1e-9, aspect="auto")  # fmt: skip
    pitch_mm = _pitch_mm(chart, width_mm)
    _label_columns(axes, chart.columns, pitch_mm)
    axes.set_yticks(range(len(chart.rows)), chart.rows)
    axes.set(xlabel=chart.x_label, ylabel=chart.y_label)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    letters = max(
        (len(number_text(one, chart.digits)) for row in chart.values for one in row if one is not None), default=1
    )
    size = min(7.0, 7.0 * (pitch_mm - 0.8) / (letters * LETTER_MM))
    if size >= LEAST_PT:
        _numbers(axes, chart, (low, high), size)
    bar = figure.colorbar(image, ax=axes, shrink=0.9, pad=0.01, label=chart.value_label)
    bar.outline.set_visible(False)


def _numbers(axes: Axes, chart: HeatChart, limits: tuple[float, float], size: float) -> None:
    low, high = limits
    for r, row in enumerate(chart.values):
        for c, value in enumerate(row):
            if value is not None:
                share = (value - low) / (high - low) if high > low else 0.0
                axes.text(c, r, number_text(value, chart.digits), ha="center", va="center", fontsize=size,
                          color=ink_on(share, chart.is_diverging))  # fmt: skip


def ink_on(share: float, is_diverging: bool) -> str:
    """Black or white, whichever has the higher contrast with the colour at 0 to 1 of the scale (PuOr, or cividis)."""
    is_dark = not 0.11 <= share <= 0.81 if is_diverging else share < 0.47
    return "#ffffff" if is_dark else "#000000"


def _legend(figure: Figure, axes: Axes, labels: Sequence[str], width_mm: float) -> None:
    if len(labels) > 1 and width_mm < NARROW_MM:
        fit = int(width_mm / (LETTER_MM * max(map(len, labels)) + 9))
        figure.legend(loc="outside lower center", ncols=max(1, min(len(labels), fit)), columnspacing=1.0,
                      handlelength=1.6)  # fmt: skip
    elif len(labels) > 1:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def _escaped(text: str) -> str:
    return re.sub(r'[&<>"]', " ", text)
