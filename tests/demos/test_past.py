"""The history: runs as pictures, newest first, and the page as it was for one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from demos.past import MOST_RUNS, SIDE_PX, PastRun
from pipelines.shared.errors import UserError


@pytest.fixture
def ran(built: Any, visitor: Callable[[str], Any]) -> Callable[[dict[Any, Any]], dict[Any, Any]]:
    """Run the page as these values have it; the values after it."""

    def run(values: dict[Any, Any]) -> dict[Any, Any]:
        for step in built.tab.force(visitor("historian"), values):
            values = values | {one: step[one] for one in (built.tab.shown, built.tab.past.runs) if one in step}
        return values

    return run


def test_runs_stand_newest_first_with_their_picture(built: Any, ran: Any) -> None:
    past, panel = built.tab.past, built.tab.panel
    values = ran(built.values())
    values = ran(values | {panel.strips[0].weight: 0.4})
    newest, oldest = values[past.runs]
    assert newest.job == values[built.tab.shown] and newest.job != oldest.job
    assert newest.picture != oldest.picture and Image.open(newest.picture).height == SIDE_PX
    assert newest.caption.startswith("v") and newest.example == built.tab.source.examples[0].slug


def test_the_same_run_is_listed_once(built: Any, ran: Any) -> None:
    values = ran(ran(built.values()))
    assert len(values[built.tab.past.runs]) == 1


def test_a_click_brings_frames_settings_and_mix_back(built: Any, ran: Any) -> None:
    tab = built.tab
    first = built.values({tab.panel.strips[1].weight: 0.7, tab.settings.detail: 1.5})
    values = ran(first)
    values = ran(values | {tab.panel.strips[1].weight: 0.1, tab.settings.detail: 1.0, tab.source.swap: True})
    updates = tab.when_past_chosen(SimpleNamespace(index=1), values)
    assert updates[tab.panel.strips[1].weight] == 0.7 and updates[tab.settings.detail] == 1.5
    assert tuple(updates[tab.source.files]["value"]) == tab.source.paths(first)
    assert updates[tab.source.swap]["value"] is False
    assert updates[tab.source.example] == tab.source.examples[0].slug


def test_a_run_whose_frames_are_gone_says_so(built: Any, ran: Any) -> None:
    tab = built.tab
    values = ran(built.values())
    run: PastRun = values[tab.past.runs][0]
    gone = replace(run, job=replace(run.job, paths=("/nowhere/street.png",)))
    with pytest.raises(UserError, match=r"street\.png of this run is no longer"):
        tab.when_past_chosen(SimpleNamespace(index=0), values | {tab.past.runs: (gone,)})


def test_the_oldest_runs_are_forgotten(built: Any, ran: Any) -> None:
    tab = built.tab
    values = ran(built.values())
    run: PastRun = values[tab.past.runs][0]
    many = tuple(replace(run, job=replace(run.job, paths=(str(k),))) for k in range(MOST_RUNS))
    result = tab.bench.result(run.job)[0]
    runs = tab.past.pictured(run.job, result, values | {tab.past.runs: many})[tab.past.runs]
    assert len(runs) == MOST_RUNS and runs[0].job == run.job and Path(runs[0].picture).is_file()
