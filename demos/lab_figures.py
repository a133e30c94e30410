"""Charts drawn by matplotlib: on the page as SVG that follows the page's colours, in files for a paper.

matplotlib is imported when the first chart is drawn. The same chart and recipe give the same bytes.
"""

from __future__ import annotations

import io
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demos.lab_charts import BarChart, Chart, HeatChart, LineChart, range_of
from demos.paper import FORMATS, INK, MM, PAPER, save
from demos.theme import EXPERT_COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEUTRAL = "#6b6b6b"
MARKERS = "osD^vPX*"  # beside colour, so that a grey print still tells curves apart
HATCHES = ("", "//", "..", "xx", "\\\\", "++", "oo", "--")

STYLE: dict[str, Any] = {
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

    figure = Figure(figsize=(width_mm * MM, _height_mm(chart, width_mm) * MM), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(chart.title)
    if isinstance(chart, LineChart):
        _draw_lines(axes, chart)
    elif isinstance(chart, BarChart):
        _draw_bars(axes, chart)
    else:
        _draw_heat(figure, axes, chart)
    return figure


def _height_mm(chart: Chart, width_mm: float) -> float:
    if isinstance(chart, HeatChart):
        return 22 + 6.2 * len(chart.rows) + 1.6 * max((len(name) for name in chart.columns), default=0)
    return max(62.0, 0.42 * width_mm)


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
    _legend(axes, len(chart.lines))


def _draw_bars(axes: Axes, chart: BarChart) -> None:
    count = len(chart.bars)
    width = 0.8 if chart.is_stacked else 0.8 / max(count, 1)
    floor = [0.0] * len(chart.groups)
    for number, (label, values, colour) in enumerate(chart.bars):
        shift = 0.0 if chart.is_stacked else (number - (count - 1) / 2) * width
        look = {"color": colour_of(colour), "edgecolor": PAPER, "hatch": HATCHES[number % len(HATCHES)]}
        places = [place + shift for place in range(len(values))]
        axes.bar(places, values, width, bottom=floor, label=label, linewidth=0.3, **look)
        if chart.is_stacked:
            floor = [below + value for below, value in zip(floor, values, strict=True)]
    is_long = max((len(name) for name in chart.groups), default=0) * len(chart.groups) > 90
    axes.set_xticks(range(len(chart.groups)), chart.groups, rotation=40 if is_long else 0,
                    ha="right" if is_long else "center")  # fmt: skip
    axes.set(xlabel=chart.x_label, ylabel=chart.y_label)
    axes.grid(visible=True, axis="y")
    axes.set_axisbelow(True)
    _legend(axes, count)


def _draw_heat(figure: Figure, axes: Axes, chart: HeatChart) -> None:
    low, high = range_of(chart)
    blank = float("nan")
    values = [[blank if value is None else value for value in row] for row in chart.values]
    image = axes.imshow(values, cmap="PuOr" if chart.is_diverging else "cividis", vmin=low,
                        vmax=high if high > low else low + 1e-9, aspect="auto")  # fmt: skip
    columns = len(chart.columns)
    is_long = max((len(name) for name in chart.columns), default=0) * columns > 80
    axes.set_xticks(range(columns), chart.columns, rotation=40 if is_long else 0, ha="right" if is_long else "center")
    axes.set_yticks(range(len(chart.rows)), chart.rows)
    axes.set(xlabel=chart.x_label, ylabel=chart.y_label)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if columns <= 24:
        _numbers(axes, chart, low, high)
    figure.colorbar(image, ax=axes, shrink=0.9, pad=0.01).outline.set_visible(False)


def _numbers(axes: Axes, chart: HeatChart, low: float, high: float) -> None:
    size = 7 if len(chart.columns) <= 12 else 5.5
    for r, row in enumerate(chart.values):
        for c, value in enumerate(row):
            if value is not None:
                share = (value - low) / (high - low) if high > low else 0.0
                axes.text(c, r, f"{value:.{chart.digits}f}", ha="center", va="center", fontsize=size,
                          color=ink_on(share, chart.is_diverging))  # fmt: skip


def ink_on(share: float, is_diverging: bool) -> str:
    """Black or white, whichever is read better on a colour at 0 to 1 of the scale."""
    is_dark = abs(share - 0.5) > 0.33 if is_diverging else share < 0.55
    return "#ffffff" if is_dark else "#000000"


def _legend(axes: Axes, count: int) -> None:
    if count > 1:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def _escaped(text: str) -> str:
    return re.sub(r'[&<>"]', " ", text)
