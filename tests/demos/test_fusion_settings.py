"""Settings of the fusion tab: widgets to options and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipelines.fusion.options import PALETTE_CHOICES, TASKS, FusionOptions
from pipelines.fusion.sizes import fitting
from pipelines.shared.errors import UserError
from pipelines.shared.images import OpenedImage

CHOSEN = FusionOptions(task="ivis", polarity="auto", palette="iron", frame_size="visible", fit="register",
                       window=(2.0, 98.0), detail=1.5, residual=0.5, saturation=0.7, gains=(0.5, 0.0))  # fmt: skip


@pytest.fixture
def settings(built: Any) -> Any:
    return built.tab.settings


def put(built: Any, updates: dict[Any, Any]) -> dict[Any, Any]:
    """The page after updates."""
    given = {one: update.get("value", None) if isinstance(update, dict) else update for one, update in updates.items()}
    has_value = {one for one, update in updates.items() if not isinstance(update, dict) or "value" in update}
    return built.values({one: value for one, value in given.items() if one in has_value})


def test_options_that_are_shown_are_read_again(built: Any, settings: Any) -> None:
    assert settings.options(put(built, settings.shown(CHOSEN)), "ivis", 2) == CHOSEN


def test_what_a_thermal_frame_has_means_nothing_to_other_tasks(built: Any, settings: Any) -> None:
    values = put(built, settings.shown(CHOSEN))
    assert settings.options(values, "med", 2) == replace(
        CHOSEN, task="med", polarity="white", palette="auto", frame_size="smallest"
    )
    assert settings.options(values, "mff", 2).window == FusionOptions().window


@pytest.mark.parametrize("task", TASKS)
def test_widgets_without_a_meaning_are_disabled(settings: Any, task: str) -> None:
    updates = settings.with_task(task)
    assert updates[settings.palette]["interactive"] == (task == "ivis")
    assert updates[settings.window[0]]["interactive"] == (task in ("ivis", "med"))
    assert updates[settings.deghost]["interactive"] == (task == "mef")


def test_every_palette_can_be_chosen(settings: Any) -> None:
    assert [name for _, name in settings.palette.choices] == list(PALETTE_CHOICES)


def test_the_window_can_never_close(settings: Any) -> None:
    low, high = settings.window
    assert low.maximum < high.minimum


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("engine", ["net", "lut", "average"])
def test_what_an_engine_or_a_task_cannot_use_is_disabled_and_says_why(built: Any, engine: str, task: str) -> None:
    settings = built.tab.settings
    updates = {**settings.with_task(task), **settings.fitted(engine, task), **settings.for_frames(2, engine)}
    able = {one: update["interactive"] for one, update in updates.items() if "interactive" in update}
    assert all(updates[one]["info"] for one in able)
    assert able[settings.residual] is (engine == "net" and task != "mff") and able[settings.operator] is (
        engine == "lut"
    )
    assert [able[one] for one in settings.gains[:2]] == [engine != "average"] * 2 and not able[settings.gains[2]]
    assert able[settings.polarity] is (task == "ivis")
    assert able[settings.deghost] is (task == "mef" and engine != "average")


def test_a_refusal_of_unlike_shapes_names_the_way_out_by_the_words_of_the_page(settings: Any) -> None:
    wide, high = (OpenedImage(np.zeros((*size, 3), np.float32), "a", "", True) for size in ((40, 80), (80, 40)))
    with pytest.raises(UserError) as refused:
        fitting([wide, high], FusionOptions())
    titles = [title for title, value in settings.fit.choices if value != "ask"]
    assert len(titles) == 2 and all(f"“{word}”" in str(refused.value) for word in (*titles, settings.fit.label))
    assert "in the Settings" in str(refused.value)


@pytest.mark.parametrize("engine", ["net", "lut"])
def test_moving_things_are_rejected_by_every_engine_that_weighs_exposures(built: Any, engine: str) -> None:
    values = built.values({built.tab.settings.deghost: True, built.tab.settings.engine: engine})
    assert built.tab.settings.options(values, "mef", 2).deghost is True
