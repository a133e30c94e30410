"""The alignment panel: moves by hand, and views to check them by eye."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demos.fusion_align import MoveEdit, view_of
from demos.fusion_tables import TableEdit
from demos.sight import with_updates
from pipelines.fusion.inputs import FrameSet
from pipelines.fusion.registration import UNMOVED, Move, Placement


@pytest.fixture
def panel(built: Any) -> Any:
    return built.tab.alignment


def frames() -> FrameSet:
    images = np.stack([np.full((64, 80, 3), value, np.float32) for value in (0.0, 1.0)])
    return FrameSet(images, ("dark.png", "light.png"), ("", ""), (True, True), (0, 1))


def pictures(text: str) -> list[Image.Image]:
    """The pictures inside an element."""
    found = re.findall(r"base64,([A-Za-z0-9+/=]+)", text)
    return [Image.open(io.BytesIO(base64.b64decode(one))) for one in found]


def test_untouched_faders_move_nothing(built: Any) -> None:
    assert built.tab.job(built.values()).placement == UNMOVED


def test_a_fader_moves_its_frame_and_the_result_is_cut(built: Any, panel: Any, visitor: Callable[[str], Any]) -> None:
    plain, moved = built.values(), built.values({panel.dx: 20.0})
    assert built.tab.job(moved).placement.moves == (Move(1, dx_px=20.0),)
    sizes = [next(built.tab.force(visitor("anna"), one))[built.tab.out][1].shape[1] for one in (plain, moved)]
    assert sizes[0] - sizes[1] == 20


def test_the_transform_is_told_as_json_and_in_words(built: Any, panel: Any) -> None:
    job = built.tab.job(built.values({panel.dx: 20.0}))
    updates = panel.pictured(job, built.tab.bench.result(job)[0], built.values())
    assert '"origin": {"x": 20, "y": 0}' in updates[panel.transform]
    assert "moved by +20.0" in updates[panel.found]


def test_another_frame_brings_its_own_move_and_the_first_is_kept(built: Any, panel: Any) -> None:
    values = built.values({panel.dx: 7.0, panel.frame: 2})
    updates = panel.when_frame_changes(values)
    assert updates[panel.dx] == 0 and updates[panel.edit] == MoveEdit(2, (Move(1, dx_px=7.0),))
    both = built.values({panel.edit: updates[panel.edit], panel.dy: 3.0, panel.frame: 1})
    assert panel.moves(both) == (Move(1, dx_px=7.0), Move(2, dy_px=3.0))
    assert panel.when_frame_changes(both)[panel.dx] == 7.0


def test_new_frames_come_unmoved(built: Any, panel: Any) -> None:
    updates = built.tab.when_uploaded(built.values({panel.dx: 7.0, built.tab.source.align: True}))
    assert updates[panel.dx] == 0 and updates[panel.edit] == MoveEdit() and updates[built.tab.source.align] is False


def test_moves_survive_a_recipe(built: Any, panel: Any) -> None:
    changes = {panel.dx: 7.0, panel.scale: 1.05, built.tab.source.align: True}
    text = built.tab.document_text(built.tab.job(built.values(changes)))
    restored = built.tab.when_yaml_used(built.values({built.tab.desk.yaml: text}))
    assert (restored[panel.dx], restored[panel.scale], restored[built.tab.source.align]) == (7.0, 1.05, True)


@pytest.fixture
def bent(built: Any) -> Any:
    """A page of three exposures with all that is set per frame, and the text of its recipe."""
    tab = built.tab
    example = next(one for one in tab.source.examples if one.slug == "evening-bracket")
    files = [str(path) for path in example.frames[:3]]
    rows = ((), (0.1, 0.2, 0.3, 0.4, 0.5), ())
    values = built.values({
        tab.source.files: files, tab.source.task: "mef", tab.settings.engine: "lut", tab.settings.gains[2]: 1.5,
        tab.tables.edit: TableEdit(rows=rows, start=rows[1], index=1), tab.source.align: True,
        tab.alignment.edit: MoveEdit(2), tab.alignment.dx: 9.0, **dict(zip(tab.tables.faders, rows[1], strict=True)),
    })  # fmt: skip
    job = tab.job(values)
    assert job.placement == Placement(True, (Move(2, dx_px=9.0),)) and job.options.table_points == rows
    return SimpleNamespace(files=files, job=job, text=tab.document_text(job))


def test_frames_of_a_restored_recipe_go_where_it_puts_them(
    built: Any, panel: Any, bent: Any, visitor: Callable[[str], Any]
) -> None:
    tab = built.tab
    page = with_updates(built.values(), tab.restored(bent.text))
    for step in tab.force(visitor("anna"), page):  # on the page's own two frames: there is no third one yet
        page |= {one: value for one, value in with_updates(page, step).items() if one in page}
    assert page[panel.edit].frame == 1 and page[panel.dx] == 0
    for count in (1, 3):  # they need not come all at once
        page |= {tab.source.files: bent.files[:count]}
        page = with_updates(page, tab.when_uploaded(page))
    assert tab.job(page) == bent.job
    assert tab.job(with_updates(page, tab.when_uploaded(page))).placement == UNMOVED, "it was awaited once"


def test_other_frames_than_those_of_a_restored_recipe_come_unmoved(built: Any, bent: Any) -> None:
    tab = built.tab
    page = with_updates(built.values(), tab.restored(bent.text))
    other = [str(path) for path in tab.source.examples[0].frames]
    page |= {tab.source.files: [bent.files[0], *other]}
    page = with_updates(page, tab.when_uploaded(page))
    job = tab.job(page)
    assert job.placement == UNMOVED and job.options.gains == () and job.options.table_points == ()


def test_the_checkerboard_shows_both_frames() -> None:
    (board,) = pictures(view_of("checkerboard", frames(), 1))
    assert set(np.unique(np.asarray(board))) == {0, 255}


def test_blinking_stands_still_where_less_motion_is_asked_for() -> None:
    text = view_of("blink", frames(), 1)
    still, moving = pictures(text)
    assert moving.n_frames == 2 and getattr(still, "n_frames", 1) == 1
    assert re.search(r'<source media="\(prefers-reduced-motion: reduce\)"', text)


def test_no_view_is_no_picture() -> None:
    assert view_of("off", frames(), 1) == "" and view_of("edges", frames(), 2) == ""
    assert "dark.png and light.png" in view_of("edges", frames(), 1)


def test_a_single_exposure_has_nothing_to_be_moved_onto(built: Any, visitor: Callable[[str], Any]) -> None:
    tab = built.tab
    single = built.values({tab.source.task: "mef", tab.source.files: [str(tab.source.examples[0].frames[1])]})
    updates: dict[Any, Any] = {}
    for step in tab.force(visitor("anna"), single):
        updates |= step
    assert updates[tab.alignment.frame]["interactive"] is False and updates[tab.alignment.frame]["value"] == 1
    assert updates[tab.out][1].dtype == np.uint8
