"""The folder batch of the page."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demos.fusion_batch import match_lines
from demos.limits import TimeIsUp
from pipelines.fusion.batch import match_pairs
from pipelines.shared.archives import gathered
from pipelines.shared.errors import UserError


@pytest.fixture
def dropped(tmp_path: Path) -> list[str]:
    """Two scenes and a picture that belongs to none."""
    rng = np.random.default_rng(0)
    names = ("street_ir.png", "street_vis.png", "yard_ir.png", "yard_vis.png", "alone.png")
    for name in names:
        Image.fromarray(rng.integers(0, 255, (48, 48), dtype=np.uint8)).save(tmp_path / name)
    return [str(tmp_path / name) for name in names]


@pytest.fixture
def batch(built: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "served"))
    return built.tab.batch


def test_scenes_and_left_out_names_are_listed_before_anything_runs(built: Any, batch: Any, dropped: list[str]) -> None:
    text = batch.when_dropped(built.values({batch.files: dropped}))[batch.matched]
    assert "2 scenes" in text and "street_ir.png + street_vis.png" in text and "left out" in text
    assert text.index("left out") < text.index("alone.png")


def test_a_batch_gives_pictures_and_a_table(
    built: Any, batch: Any, dropped: list[str], visitor: Callable[[str], Any], pressed: Any
) -> None:
    steps = list(pressed(batch, visitor("anna"), built.values({batch.files: dropped})))
    assert "1 of 2" in steps[1][batch.progress] and "Done: 2 of 2" in steps[-1][batch.progress]
    with zipfile.ZipFile(steps[-1][batch.out]) as archive:
        assert archive.namelist() == ["street_fused.png", "yard_fused.png", "metrics.csv", "unmatched.txt"]


def test_a_stopped_batch_gives_what_it_has(
    built: Any, batch: Any, dropped: list[str], visitor: Callable[[str], Any], pressed: Any
) -> None:
    steps = pressed(batch, visitor("anna"), built.values({batch.files: dropped}))
    next(steps)
    batch.when_stopped(visitor("anna"))
    last = list(steps)[-1]
    assert "Stopped: 1 of 2" in last[batch.progress]
    with zipfile.ZipFile(last[batch.out]) as archive:
        assert "street_fused.png" in archive.namelist() and "yard_fused.png" not in archive.namelist()


def test_a_batch_whose_time_is_up_gives_what_it_has(
    built: Any, batch: Any, dropped: list[str], visitor: Callable[[str], Any], pressed: Any
) -> None:
    steps = pressed(batch, visitor("anna"), built.values({batch.files: dropped}))
    next(steps), next(steps)
    last = steps.throw(TimeIsUp(600))
    assert "Stopped: 1 of 2" in last[batch.progress]
    with zipfile.ZipFile(last[batch.out]) as archive:
        assert "street_fused.png" in archive.namelist() and "yard_fused.png" not in archive.namelist()
    with pytest.raises(TimeIsUp):
        next(steps)


def test_a_batch_that_is_stopped_while_it_waits_does_not_begin(
    built: Any, batch: Any, dropped: list[str], visitor: Callable[[str], Any], pressed: Any
) -> None:
    steps = pressed(batch, visitor("anna"), built.values({batch.files: dropped}))
    batch.when_stopped(visitor("anna"))
    (only,) = steps
    assert "before it began" in only[batch.progress] and batch.out not in only


def test_another_visitor_stops_only_their_own_batch(
    built: Any, batch: Any, dropped: list[str], visitor: Callable[[str], Any], pressed: Any
) -> None:
    steps = pressed(batch, visitor("anna"), built.values({batch.files: dropped}))
    next(steps)
    batch.when_stopped(visitor("ben"))
    assert "Done" in list(steps)[-1][batch.progress]


def test_the_settings_and_the_mix_of_the_page_are_used(
    built: Any, batch: Any, dropped: list[str], visitor: Callable[[str], Any], pressed: Any
) -> None:
    changes = {batch.files: dropped, built.tab.settings.detail: 1.5, built.tab.panel.scale: 0.9}
    list(pressed(batch, visitor("anna"), built.values(changes)))
    options, recipe = built.pipeline.calls[-1]
    assert options.detail == 1.5 and recipe.scale == 0.9


def test_nothing_dropped_is_said(built: Any, batch: Any, visitor: Callable[[str], Any], pressed: Any) -> None:
    with pytest.raises(UserError, match="drop a zip"):
        list(pressed(batch, visitor("anna"), built.values()))


def test_archives_and_single_files_are_put_together(dropped: list[str], tmp_path: Path) -> None:
    path = tmp_path / "more.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(dropped[0], "ir/hall.png")
        archive.write(dropped[1], "vis/hall.png")
    files = gathered([*dropped, str(path)])
    assert set(files) == {Path(one).name for one in dropped} | {"ir/hall.png", "vis/hall.png"}


def test_a_name_that_comes_twice_is_refused(dropped: list[str]) -> None:
    with pytest.raises(UserError, match=r"street_ir\.png came twice"):
        gathered([dropped[0], dropped[0]])


def test_names_of_others_are_shown_not_rendered() -> None:
    assert "<b>bold" not in match_lines(match_pairs(("<b>bold.png",)))
