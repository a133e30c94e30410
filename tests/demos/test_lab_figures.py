"""Charts of the Lab: on the page, and as files that carry their recipe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from demos.exports import restore
from demos.lab_charts import BarChart, Chart, HeatChart, Line, LineChart, chart_table, range_of
from demos.lab_figures import ink_on, page_svg, write_figure
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
