"""Scores beside the faders."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from demos.scores import matrix_table, score_rows
from pipelines.registry import family

MATRIX = {"mef": {"mef": 0.9, "ivis": 0.1, "extra": 0.3}, "base": {"mef": 0.5, "ivis": 0.4}, "stranger": {"mef": 1.0}}


def test_base_and_every_expert_are_read_from_the_manifest_in_the_order_of_the_faders(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "manifest.json").write_text(json.dumps({"fusenet": {"matrix": MATRIX}}))
    rows = score_rows(tmp_path, family("fusenet"))
    assert rows == {"base": MATRIX["base"], "mef": MATRIX["mef"]} and list(rows) == ["base", "mef"]


def test_rows_are_of_the_samples_that_a_mix_is_scored_on(tmp_path: Path) -> None:
    """The larger set of the README's table is another yardstick."""
    (tmp_path / "weights").mkdir()
    probe = {"base": {"ivis": 0.25}, "ivis": {"ivis": 0.5}}
    entry = {"matrix": MATRIX, "probe": probe}
    (tmp_path / "weights" / "manifest.json").write_text(json.dumps({"fusenet": entry}))
    assert score_rows(tmp_path, family("fusenet")) == probe
    whole = {"base": MATRIX["base"], "mef": MATRIX["mef"]}
    assert score_rows(tmp_path, family("fusenet"), is_whole=True) == whole


def test_the_shipped_matrix_has_every_expert_on_every_task(root: Path) -> None:
    tasks = family("fusenet").tasks
    rows = score_rows(root / "assets", family("fusenet"))
    assert list(rows) == ["base", *tasks] and all(set(tasks) <= set(scores) for scores in rows.values())


def test_the_table_has_networks_as_rows_tasks_first_and_marks_the_best_and_the_own() -> None:
    rows = {"base": MATRIX["base"], "mef": MATRIX["mef"], "this mix": {"mef": 0.8, "ivis": 0.4}}
    table = matrix_table(rows, ("ivis", "mef"))
    assert re.findall(r"<th>(.*?)</th>", table) == ["network", "ivis", "mef", "extra", "base", "mef", "this mix"]
    assert re.findall(r'<td class="(.*?)">|<td>(–)', table) == [
        *(("best", ""), ("", ""), ("", "–")),
        *(("", ""), ("best own", ""), ("best", "")),
        *(("best", ""), ("", ""), ("", "–")),
    ]


def test_no_manifest_means_no_scores(tmp_path: Path) -> None:
    assert score_rows(tmp_path, family("fusenet")) == {}


def test_scores_of_another_mix_than_the_committed_one_say_so(built: Any, visitor: Callable[[str], Any]) -> None:
    desk, recipe = built.tab.desk, built.tab.family.default
    desk_scores, desk._scores = desk._scores, lambda mix: iter([{"mef": 0.8125}])
    try:
        *_, last = desk.when_scored(visitor("anna"), built.values())
    finally:
        desk._scores = desk_scores
    assert "0.812" in last[desk.scores] and "this mix" in last[desk.scores]
    (other,) = desk.marked(last[desk.scored], replace(recipe, scale=0.5)).values()
    assert "0.812" in other and "earlier mix" in other and "this mix" not in other
    (back,) = desk.marked(last[desk.scored], recipe).values()
    assert "this mix" in back and "earlier mix" not in back


def test_a_commit_marks_the_scores(built: Any) -> None:
    tab = built.tab
    job = tab.job(built.values())
    scored = (replace(job.recipe, scale=0.5), {"mef": 0.8125}, False)
    updates = tab.when_shown(built.values({tab.shown: job, tab.desk.scored: scored}))
    assert "earlier mix" in updates[tab.desk.scores]
    assert tab.desk.scores not in tab.when_shown(built.values({tab.shown: job, tab.desk.scored: None}))


@pytest.mark.parametrize("name", ["text_page", "grounding_page"])
def test_a_mix_is_scored_on_whole_sets_where_the_tab_has_them(
    name: str, request: pytest.FixtureRequest, visitor: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = request.getfixturevalue(name)
    desk = page.tab.desk
    monkeypatch.setattr(desk, "_whole", lambda mix: iter([{"base": 0.25}, {"base": 0.25, "clean": 0.625}]))
    steps = list(desk.when_scored_whole(visitor("anna"), page.values()))
    assert ["0.625" in step[desk.scores] for step in steps] == [False, False, True]
    assert desk.score_whole.visible and all("the whole sets" in step[desk.scores] for step in steps)
    (later,) = desk.marked(steps[-1][desk.scored], replace(page.tab.family.default, scale=0.123)).values()
    assert "earlier mix" in later and "the whole sets" in later


def test_no_second_button_where_a_tab_has_one_kind_of_set(built: Any) -> None:
    assert not built.tab.desk.score_whole.visible
