"""Journeys of a visitor through the fusion tab, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser
W0, W1 = "fusion-desk-w-0", "fusion-desk-w-1"


def weight_in_recipe(visit: Any, task: str) -> float:
    """The expert's weight in the recipe of the picture that is shown."""
    if not visit.page.locator("#fusion-desk-recipe .cm-content").count():
        visit.page.locator("#fusion-desk-recipe-box button").first.click()
    visit.page.locator("#fusion-desk-recipe .cm-content").wait_for()
    lines = visit.page.locator("#fusion-desk-recipe .cm-content").inner_text().splitlines()
    return float(next(line for line in lines if line.strip().startswith(f"{task}:")).split(":")[1])


def test_the_first_example_is_fused_at_once_and_nothing_leaves_the_machine(visit: Callable[..., Any]) -> None:
    addresses: list[str] = []
    page = visit(on_request=lambda request: addresses.append(request.url))
    assert "4 of 4 experts" in page.settled()
    assert page.page.locator("#fusion-out img").count() == 2
    inside = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")
    assert [one for one in addresses if not one.startswith(inside)] == []


def test_a_fast_drag_ends_on_the_last_value(visit: Callable[..., Any]) -> None:
    page = visit()
    page.settled()
    page.drag(W0, 0.8, 0.25)
    page.until_undo(1)
    page.settled()
    assert weight_in_recipe(page, "ivis") == pytest.approx(float(page.fader(W0).input_value()), abs=1e-6)


def test_arrow_keys_commit_once_and_undo_and_redo_follow(visit: Callable[..., Any]) -> None:
    page = visit()
    page.settled()
    page.fader(W0).focus()
    for _ in range(5):  # a key that is held repeats
        page.page.keyboard.down("ArrowLeft")
    page.page.keyboard.up("ArrowLeft")
    page.until_undo(1)
    assert float(page.fader(W0).input_value()) == pytest.approx(0.95)
    page.page.locator("#fusion-desk-undo").click()
    page.page.locator("#fusion-desk-redo:not([disabled])").wait_for()
    assert float(page.fader(W0).input_value()) == 1.0
    page.page.locator("#fusion-desk-redo").click()
    page.until_undo(1)
    assert float(page.fader(W0).input_value()) == pytest.approx(0.95)


def test_a_typed_number_is_clamped_and_an_empty_box_is_no_error(visit: Callable[..., Any]) -> None:
    page = visit()
    page.settled()
    box = page.page.locator(f"#{W1} input[type=number]")
    box.fill("9")
    box.press("Tab")
    page.until_undo(1)
    assert float(box.input_value()) == 1.5
    box.fill("")
    box.press("Tab")
    page.until_undo(2)
    page.settled()
    assert page.page.locator("[data-testid=toast-body]").count() == 0


def test_mute_keeps_the_value_and_takes_the_expert_out(visit: Callable[..., Any]) -> None:
    page = visit()
    page.settled()
    page.page.locator("#fusion-desk-flags-1").get_by_label("Mute").check()
    page.until_label("3 of 4 experts")
    assert float(page.fader(W1).input_value()) == 1.0


def test_a_method_without_masks_says_which_ones_have_them(visit: Callable[..., Any]) -> None:
    page = visit()
    page.settled()
    page.page.locator("#fusion-desk-masks button").first.click()
    mode = page.page.locator("#fusion-desk-mask-mode")
    mode.wait_for()
    assert "choose" in mode.inner_text() and "TALL" in mode.inner_text()


def test_an_exported_picture_dropped_back_restores_the_desk(visit: Callable[..., Any], tmp_path: Path) -> None:
    page = visit()
    page.settled()
    page.drag(W1, 0.8, 0.4)
    page.until_undo(1)
    wanted = page.fader(W1).input_value()
    page.page.locator("#fusion-export-box button").first.click()
    page.page.locator("#fusion-export").click()
    with page.page.expect_download() as download:
        page.page.locator("#fusion-exported a").first.click()
    file = tmp_path / "mix.png"
    download.value.save_as(file)
    page.page.locator("#fusion-desk-reset").click()
    page.until_undo(2)
    page.page.locator("#fusion-drop input[type=file]").set_input_files(str(file))
    page.until_undo(3)
    assert page.fader(W1).input_value() == wanted
    assert "Restored" in page.page.locator("#fusion-restored").inner_text()


def test_two_pages_never_mix(visit: Callable[..., Any]) -> None:
    anna, ben = visit(), visit()
    anna.settled(), ben.settled()
    anna.page.locator("#fusion-desk-flags-0").get_by_label("Mute").check()
    for index in (1, 2):
        ben.page.locator(f"#fusion-desk-flags-{index}").get_by_label("Mute").check()
    anna.until_label("3 of 4 experts")
    ben.until_label("2 of 4 experts")
    assert "3 of 4" in anna.settled()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_phone_never_scrolls_sideways(visit: Callable[..., Any], theme: str) -> None:
    page = visit(width=390, height=844, theme=theme)
    page.settled()
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.page.evaluate("document.body.classList.contains('dark')") is (theme == "dark")
