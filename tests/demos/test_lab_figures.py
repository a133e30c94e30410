"""Charts of the Lab: on the page, and as files that carry their recipe."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from demos.exports import restore
from demos.lab_charts import BarChart, Chart, HeatChart, Line, LineChart, chart_table, number_text, range_of
from demos.lab_figures import STYLE, draw, ink_on, page_svg, write_figure
from demos.lab_work import remaining

LINES = LineChart("Curves & more", "x", "score", (Line("a", (0.0, 1.0), (0.25, 0.5), 0), Line("b", (0.0,), (1.0,), 1)),
                  marks=((0.5, "best"),))  # fmt: skip
BARS = BarChart("Bars", "share", ("one", "two"), (("a", (0.5, 0.25), 0), ("b", (0.125, 1.0), None)))
HEAT = HeatChart("Heat", ("0", "1"), ("$x_1$", "two"), ((0.125, None), (0.5, 0.75)), "scale", "weight", digits=3)
CHARTS: tuple[Chart, ...] = (LINES, BARS, HEAT)
RECIPE = "mixdeck_recipe: 1\npipeline: lab\nfamily: toy\n"


@pytest.mark.parametrize("chart", CHARTS)
def test_ids_of_two_drawings_on_a_page_never_meet(chart: Chart) -> None:
    one, other = (page_svg(chart, name) for name in ("lab-one", "lab-two"))
    ids = [set(re.findall(r'\bid="([^"]+)"', text)) for text in (one, other)]
    assert ids[0] and not ids[0] & ids[1]
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', one))
    assert used <= ids[0]


def test_a_drawing_on_the_page_follows_its_colours_and_says_its_title() -> None:
    text = page_svg(LINES, "p")
    assert 'aria-label="Curves   more"' in text and "currentColor" in text and "<metadata" not in text


def test_names_with_signs_of_formulas_are_drawn_as_they_are() -> None:
    assert "$x_1$" in page_svg(HEAT, "p")


@pytest.mark.parametrize("width_mm", [85.0, 178.0])
def test_titles_legends_and_labels_stay_inside_the_figure(width_mm: float) -> None:
    long = "Weights by the number of tasks that use them, and a family of a long name"
    names = ("shapes", "digits", "textures", "0, catastrophic", "letters", "counts", "orientation", "words")
    row = tuple(k / 8 for k in range(8))
    bars = tuple((f"masks over the {kind} of the vectors", row, k) for k, kind in enumerate(("sum", "elected sum")))
    charts = (BarChart(long, "share", names, bars), HeatChart(long, names, names, (row,) * 8, value_label="share"),
              LineChart(long, "x", "y", tuple(Line(name, row, row, k) for k, name in enumerate(names))))  # fmt: skip
    for chart in charts:
        with matplotlib.rc_context(STYLE):
            figure = draw(chart, width_mm)
            FigureCanvasAgg(figure).draw()
        for words in (*figure.legends, *(one for axes in figure.axes for one in words_of(axes))):
            seen = words.get_window_extent(figure.canvas.get_renderer())
            assert seen.x0 >= 0 and seen.x1 <= figure.bbox.x1, words
            assert seen.y0 >= 0 and seen.y1 <= figure.bbox.y1, words


def words_of(axes: Axes) -> list[Any]:
    """Title, legend, and labels of the axes and of their ticks."""
    legend = [axes.get_legend()] if axes.get_legend() else []
    labels = [axes.xaxis.label, axes.yaxis.label]
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        labels += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [axes._left_title, *legend, *(one for one in labels if one.get_visible() and one.get_text())]


def test_a_number_that_rounds_to_nothing_has_no_sign() -> None:
    assert (number_text(-0.004, 2), number_text(-0.006, 2), number_text(1.0, 3)) == ("0.00", "-0.01", "1.000")


@pytest.mark.parametrize("chart", CHARTS)
def test_every_file_gives_its_recipe_back(chart: Chart, tmp_path: Path) -> None:
    paths = [Path(one) for one in write_figure(chart, RECIPE, tmp_path / "figure", 85.0)]
    assert [path.suffix for path in paths] == [".png", ".svg", ".pdf"]
    assert [restore(path).strip() for path in paths] == [RECIPE.strip()] * 3
    width = Image.open(paths[0]).size[0]
    assert width == pytest.approx(85 / 25.4 * 300, abs=2)


def test_the_same_chart_gives_the_same_bytes_and_blind_files_tell_nothing(tmp_path: Path) -> None:
    first, second = (write_figure(HEAT, RECIPE, tmp_path / name) for name in ("a", "b"))
    assert [Path(one).read_bytes() for one in first] == [Path(one).read_bytes() for one in second]
    assert all(b"mixdeck_recipe" not in Path(one).read_bytes() for one in write_figure(HEAT, None, tmp_path / "c"))


def test_numbers_stand_beside_the_picture() -> None:
    assert chart_table(HEAT).count("<td>") == 3 and "0.125" in chart_table(HEAT) and "·" in chart_table(HEAT)
    assert chart_table(LINES).count("<td>") == 3 and chart_table(BARS).count("<td>") == 4


def test_colours_run_over_the_values_and_zero_is_neutral_where_signs_matter() -> None:
    assert range_of(HEAT) == (0.125, 0.75)
    signed = HeatChart("", ("a",), ("b", "c"), ((-0.5,), (0.25,)), is_diverging=True)
    assert range_of(signed) == (-0.5, 0.5) and ink_on(0.5, True) == "#000000" and ink_on(0.0, False) == "#ffffff"


def test_the_time_left_is_told_at_the_pace_so_far() -> None:
    assert remaining(10, 40, 20.0) == "about 60 s left" and remaining(10, 400, 20.0) == "about 13 min left"
    assert remaining(1, 40, 20.0) == "" == remaining(10, 40, 0.5)
