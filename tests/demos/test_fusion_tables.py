"""Table curves bent by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from demos.fusion_tables import COLOUR_MAP, TRAINED, TableEdit, curves_of
from pipelines.fusion.meflut import with_points
from pipelines.fusion.options import TABLE_KNOTS, FusionOptions

COUNT = 2
OPTIONS = FusionOptions(task="mef", engine="lut")


@pytest.fixture
def view(built: Any) -> Any:
    return built.tab.tables


@pytest.fixture
def fused(built: Any, view: Any) -> dict[Any, Any]:
    """The page after a result of the table engine for two exposures."""
    return after(built, view, built.values({view.edit: TableEdit()}), view.trained(OPTIONS, COUNT))


def after(built: Any, view: Any, values: dict[Any, Any], tables: np.ndarray) -> dict[Any, Any]:
    result = SimpleNamespace(tables=tables, weights=np.zeros((COUNT, 1, 1)))
    updates = view.pictured(SimpleNamespace(options=OPTIONS), result, values)
    return values | {one: update.get("value", values[one]) if isinstance(update, dict) else update
                     for one, update in updates.items() if one in values}  # fmt: skip


def test_the_faders_start_on_the_table_and_bend_nothing(view: Any, fused: dict[Any, Any]) -> None:
    trained = view.trained(OPTIONS, COUNT)
    assert [fused[one] for one in view.faders] == pytest.approx(trained[0, list(TABLE_KNOTS)], abs=6e-4)
    assert view.points(fused, COUNT) == ()


def test_a_fader_bends_the_table_of_its_frame_only(view: Any, fused: dict[Any, Any]) -> None:
    first, second = view.points(fused | {view.faders[2]: 0.123}, COUNT)
    assert first[2] == 0.123 and len(first) == len(TABLE_KNOTS) and second == ()


def test_points_of_one_frame_stay_while_another_is_bent(built: Any, view: Any, fused: dict[Any, Any]) -> None:
    job = SimpleNamespace(options=OPTIONS)
    moved = fused | {view.faders[2]: 0.123, view.frame: 1, built.tab.shown: job}
    updates = view.when_frame_changes(moved)
    other = moved | {one: value["value"] if isinstance(value, dict) else value for one, value in updates.items()}
    assert view.points(other, COUNT)[0][2] == 0.123 and view.points(other, COUNT)[1] == ()
    assert view.points(other | {view.faders[0]: 0.9}, COUNT)[1][0] == 0.9


def test_a_result_of_bent_tables_leaves_the_faders_where_the_hand_put_them(
    built: Any, view: Any, fused: dict[Any, Any]
) -> None:
    moved = fused | {view.faders[2]: 0.123}
    bent = with_points(view.trained(OPTIONS, COUNT), view.points(moved, COUNT))
    assert view.points(after(built, view, moved, bent), COUNT) == view.points(moved, COUNT)


def test_points_for_other_frames_are_forgotten(view: Any, fused: dict[Any, Any]) -> None:
    assert view.points(fused | {view.faders[2]: 0.123}, 3) == ()


def test_reset_takes_every_point_away(built: Any, view: Any, fused: dict[Any, Any]) -> None:
    cleared = fused | {view.faders[2]: 0.123} | view.cleared()
    assert view.points(cleared, COUNT) == ()
    again = after(built, view, cleared, view.trained(OPTIONS, COUNT))
    assert again[view.faders[2]] != 0.123 and view.points(again, COUNT) == ()


def test_points_survive_a_recipe(built: Any, view: Any, fused: dict[Any, Any]) -> None:
    tab = built.tab
    bent = fused | {view.faders[2]: 0.123, tab.source.task: "mef", tab.settings.engine: "lut"}
    job = tab.job(bent)
    assert job.options.table_points[0][2] == 0.123
    restored = tab.when_yaml_used(bent | {tab.desk.yaml: tab.document_text(job)})
    assert restored[view.edit].rows == job.options.table_points
    assert restored[view.faders[2]]["value"] == 0.123


def test_the_trained_curves_are_drawn_only_where_tables_are_bent() -> None:
    trained = np.linspace(0, 1, 512, dtype=np.float32).reshape(2, 256)
    assert set(curves_of(trained, trained)["frame"]) == {"frame 1", "frame 2"}
    names = set(curves_of(trained * 0.5, trained)["frame"])
    assert f"frame 1{TRAINED}" in names and names <= set(COLOUR_MAP)


def test_without_tables_the_view_says_what_would_bring_them(built: Any, view: Any) -> None:
    result = SimpleNamespace(tables=None, weights=np.zeros((COUNT, 1, 1)))
    updates = view.pictured(SimpleNamespace(options=OPTIONS), result, built.values())
    assert "table engine" in updates[view.note] and updates[view.faders[0]]["interactive"] is False
