"""The figure panel of the fusion tab: what stands in it, the files, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from demos.exports import restore
from demos.figure_layout import Layout
from demos.figure_view import check_size
from pipelines.shared.errors import UserError


@pytest.fixture
def shown(built: Any, visitor: Callable[[str], Any]) -> dict[Any, Any]:
    """The page after a first run."""
    values = built.values()
    for step in built.tab.force(visitor("author"), values):
        values |= {one: step[one] for one in (built.tab.shown,) if one in step}
    return values


def test_sources_come_first_and_nothing_is_shown_twice(built: Any, shown: dict[Any, Any]) -> None:
    tab = built.tab
    job, result = shown[tab.shown], tab.bench.result(shown[tab.shown])[0]
    titles = [one.title for one in tab._panels(job, result, shown, ("sources", "beside", "result", "weights"))]
    assert titles == ["thermal", "visible", "fused", "weight of thermal", "weight of visible"]
    base = tab._panels(job, result, shown | {tab.left: "base"}, ("beside", "result"))
    assert [one.title for one in base] == ["Base network", "fused"]
    assert [one.title for one in tab._panels(job, result, shown, ())] == ["fused"]


def test_every_file_brings_the_settings_back(built: Any, shown: dict[Any, Any]) -> None:
    figure = built.tab.figure
    paths = figure.when_made(shown)[figure.files]["value"]
    assert [Path(path).suffix for path in paths] == [".png", ".svg", ".pdf"]
    assert {restore(Path(path)) for path in paths} == {built.tab.document_text(shown[built.tab.shown])}


def test_other_settings_have_files_of_their_own(built: Any, shown: dict[Any, Any]) -> None:
    figure = built.tab.figure
    first, other = (figure.when_made(shown | {figure.dpi: dpi, figure.kinds: ["png"]})[figure.files]["value"]
                    for dpi in (150, 300))  # fmt: skip
    assert first != other and Path(first[0]).stat().st_size < Path(other[0]).stat().st_size


def test_without_a_format_it_says_what_to_tick(built: Any, shown: dict[Any, Any]) -> None:
    with pytest.raises(UserError, match="Tick PNG"):
        built.tab.figure.when_made(shown | {built.tab.figure.kinds: []})


def test_the_preview_follows_only_while_the_panel_is_open(built: Any, shown: dict[Any, Any]) -> None:
    figure, job = built.tab.figure, shown[built.tab.shown]
    result = built.tab.bench.result(job)[0]
    assert figure.picture not in figure.pictured(job, result, shown)
    opened = figure.pictured(job, result, shown | {figure.is_open: True})
    assert opened[figure.picture].shape[1] == pytest.approx(178 / 25.4 * 110, abs=1)


def test_a_region_is_enlarged_where_zoom_points(built: Any, shown: dict[Any, Any]) -> None:
    figure, tab = built.tab.figure, built.tab
    result = tab.bench.result(shown[tab.shown])[0]
    _, layout = figure._composed(shown | {tab.zoom.point: (200, 100)}, shown[tab.shown], result)
    left, top, side = layout.region
    assert abs(left + side / 2 - 200) <= 1 and abs(top + side / 2 - 100) <= 1
    assert figure._composed(shown | {figure.zoom: False}, shown[tab.shown], result)[1].region is None


def test_a_figure_that_is_too_large_is_refused_with_its_size(built: Any, shown: dict[Any, Any]) -> None:
    tab = built.tab
    panels = tab._panels(shown[tab.shown], tab.bench.result(shown[tab.shown])[0], shown, ("sources", "result"))
    with pytest.raises(UserError, match="At 2400 dpi"):
        check_size(panels, Layout(), 2400)
