"""What the page remembers: presets across a reload, runs in the history, bars of the equaliser; in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser
BAR = "#fusion-desk-layers [role=slider]"


def opened(page: Any, name: str) -> None:
    """Open a closed panel."""
    page.locator(f"#{name} button").first.click()


def chosen(page: Any, name: str, text: str) -> None:
    """Pick an entry of a menu."""
    page.locator(f"#{name} input").click()
    page.get_by_role("option", name=text, exact=True).click()


def test_a_saved_preset_survives_a_reload_and_a_deleted_one_does_not(visit: Callable[..., Any]) -> None:
    view = visit()
    view.settled()
    page = view.page
    view.drag("fusion-desk-w-1", 0.8, 0.3)
    view.until_undo(1)
    kept = view.fader("fusion-desk-w-1").input_value()
    opened(page, "fusion-desk-presets-box")
    name = page.locator("#fusion-desk-preset input")
    name.fill("evening")
    name.press("Enter")
    page.locator("#fusion-desk-save").click()
    page.wait_for_function("() => localStorage.getItem('mixdeck.presets.fusion.v1')")
    page.reload()
    view.settled()
    assert view.fader("fusion-desk-w-1").input_value() != kept
    opened(page, "fusion-desk-presets-box")
    chosen(page, "fusion-desk-preset", "evening")
    view.until_undo(1)
    assert view.fader("fusion-desk-w-1").input_value() == kept
    page.locator("#fusion-desk-delete").click()
    page.wait_for_function("() => document.querySelector('#fusion-desk-preset input').value === 'house mix'")
    page.reload()
    view.settled()
    opened(page, "fusion-desk-presets-box")
    page.locator("#fusion-desk-preset input").click()
    page.get_by_role("option", name="house mix", exact=True).wait_for()
    assert page.get_by_role("option", name="evening", exact=True).count() == 0


def test_a_run_in_the_history_brings_its_frames_and_mix_back(visit: Callable[..., Any]) -> None:
    view = visit()
    view.settled()
    page = view.page
    pixels = view.fused()
    opened(page, "fusion-history-box")
    page.locator("#fusion-history button").nth(0).wait_for()
    page.locator("#fusion-examples button").nth(3).click()
    page.locator("#fusion-caption", has_text="at scale 1").wait_for()
    view.settled()
    page.locator("#fusion-history button").nth(1).wait_for()
    page.locator("#fusion-history button").nth(1).click()
    page.locator("#fusion-task input[value=ivis]:checked").wait_for()
    view.until_fused(pixels)
    assert "cached" in view.settled()
    assert view.fader("fusion-desk-w-3").input_value() == "1"
    assert page.locator("#fusion-history button").count() == 2


def test_bars_are_painted_across_moved_by_keys_and_put_back(visit: Callable[..., Any]) -> None:
    view = visit()
    view.settled()
    page = view.page
    before = view.fused()
    opened(page, "fusion-desk-stages")
    bars = page.locator("#fusion-desk-layers .bars")
    bars.scroll_into_view_if_needed()
    box = bars.bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 3, steps=6)
    page.mouse.up()
    view.until_undo(1)
    view.settled()
    heights = [float(one) for one in page.locator(BAR).evaluate_all("all => all.map((e) => e.ariaValueNow)")]
    assert heights[0] > 1.8 and heights[:10] == sorted(heights[:10], reverse=True) and heights[-1] == 1
    assert (view.fused() != before).any()
    page.locator(BAR).last.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    view.until_undo(2)
    assert page.locator(BAR).last.get_attribute("aria-valuenow") == "0.98"
    page.locator("#fusion-desk-reset").click()
    view.until_undo(3)
    view.until_fused(before)
    assert set(page.locator(BAR).evaluate_all("all => all.map((e) => e.ariaValueNow)")) == {"1"}
