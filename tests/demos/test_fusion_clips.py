"""Clips on the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demos.limits import TimeIsUp
from pipelines.shared.clips import clip_writer, inspect_clip
from pipelines.shared.errors import UserError

FRAMES = 4


@pytest.fixture
def clips(tmp_path: Path) -> list[str]:
    """A thermal and a visible clip of four frames."""
    paths = [tmp_path / "ir.mp4", tmp_path / "vis.mp4"]
    for turn, path in enumerate(paths):
        with clip_writer(path, (64, 48), 10) as writer:
            for k in range(FRAMES):
                ramp = np.linspace(20 * k, 200, 64 if turn else 48, dtype=np.uint8)
                plane = np.tile(ramp, (48, 1)) if turn else np.tile(ramp[:, None], (1, 64))
                writer.write(np.repeat(plane[..., None], 3, -1))
    return [str(path) for path in paths]


@pytest.fixture
def view(built: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    return built.tab.clips


def test_two_clips_become_one_with_progress(
    built: Any, view: Any, clips: list[str], visitor: Callable[[str], Any], pressed: Any
) -> None:
    values = built.values({view.first: clips[0], view.second: clips[1], built.tab.settings.detail: 1.5})
    steps = list(pressed(view, visitor("anna"), values))
    assert f"frame 1 of {FRAMES}" in steps[1][view.progress] and "Done" in steps[-1][view.progress]
    assert inspect_clip(Path(steps[-1][view.clip])).frame_count == FRAMES
    assert built.pipeline.calls[-1][0].detail == 1.5


def test_a_stopped_clip_leaves_no_file(
    built: Any, view: Any, clips: list[str], visitor: Callable[[str], Any], pressed: Any, tmp_path: Path
) -> None:
    steps = pressed(view, visitor("anna"), built.values({view.first: clips[0], view.second: clips[1]}))
    next(steps)
    view.when_stopped(visitor("anna"))
    rest = list(steps)
    assert len(rest) == 1 and "Stopped" in rest[0][view.progress] and view.clip not in rest[0]
    assert not list((tmp_path / "served").rglob("*.mp4"))


def test_a_clip_whose_time_is_up_leaves_no_file(
    built: Any, view: Any, clips: list[str], visitor: Callable[[str], Any], pressed: Any, tmp_path: Path
) -> None:
    steps = pressed(view, visitor("anna"), built.values({view.first: clips[0], view.second: clips[1]}))
    next(steps), next(steps)
    assert "nothing is kept" in steps.throw(TimeIsUp(600))[view.progress]
    with pytest.raises(TimeIsUp):
        next(steps)
    del steps
    assert not list((tmp_path / "served").rglob("*.mp4"))


def test_a_clip_that_is_stopped_while_it_waits_does_not_begin(
    built: Any, view: Any, clips: list[str], visitor: Callable[[str], Any], pressed: Any
) -> None:
    steps = pressed(view, visitor("anna"), built.values({view.first: clips[0], view.second: clips[1]}))
    view.when_stopped(visitor("anna"))
    (only,) = steps
    assert "before it began" in only[view.progress] and view.clip not in only


def test_one_clip_for_two_cameras_is_refused(
    built: Any, view: Any, clips: list[str], visitor: Callable[[str], Any], pressed: Any
) -> None:
    with pytest.raises(UserError, match="a thermal and a visible clip"):
        list(pressed(view, visitor("anna"), built.values({view.first: clips[0]})))


def test_no_clip_is_said(built: Any, view: Any, visitor: Callable[[str], Any], pressed: Any) -> None:
    with pytest.raises(UserError, match="no clip yet"):
        list(pressed(view, visitor("anna"), built.values()))
