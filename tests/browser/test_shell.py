"""The frame of the page in a real browser: links, restore, help, the lock, the folded desk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.browser
FADERS = [f"fusion-desk-w-{index}" for index in range(4)]


def weights(page: Any) -> list[float]:
    """Where the experts' faders stand."""
    return [float(page.fader(name).input_value()) for name in FADERS]


def test_a_copied_link_shows_the_same_picture_elsewhere(visit: Callable[..., Any]) -> None:
    anna = visit()
    anna.settled()
    anna.drag(FADERS[1], 0.8, 0.3)
    anna.until_undo(1)
    anna.settled()
    anna.page.locator("#copy-link").click()
    box = anna.page.locator("#link-text textarea, #link-text input")
    box.wait_for()
    anna.page.wait_for_function(
        "() => document.querySelector('#link-text textarea, #link-text input').value.startsWith('http')"
    )
    ben = visit(query="&" + box.input_value().split("?", 1)[1])
    ben.until_fused(anna.fused())
    assert weights(ben) == weights(anna) and weights(ben)[1] != 1.0


def test_a_link_names_an_example_and_a_damaged_one_says_so(visit: Callable[..., Any]) -> None:
    page = visit(query="&example=4&recipe=damaged")
    page.page.locator("[data-testid=toast-body]", has_text="damaged").wait_for()
    page.settled()
    page = visit(query="&example=4")
    page.settled()
    assert page.page.locator("#fusion-task input:checked").input_value() == "mef"


def test_the_chip_says_the_mix_and_opens_its_recipe(visit: Callable[..., Any]) -> None:
    page = visit()
    page.settled()
    page.page.locator("#fusion-desk-flags-1").get_by_label("Mute").check()
    chip = page.page.locator("#mix-chip button", has_text="3 of 4 experts")
    chip.wait_for()
    chip.click()
    page.page.locator("#fusion-desk-recipe .cm-content").wait_for()


def test_help_opens_by_key_and_escape_closes_it(visit: Callable[..., Any]) -> None:
    page = visit()
    page.settled()
    page.page.keyboard.press("?")
    dialog = page.page.locator("#help dialog")
    dialog.wait_for()
    assert "Task arithmetic" in dialog.inner_text()
    page.page.keyboard.press("Escape")
    dialog.wait_for(state="hidden")


def test_keep_sum_1_makes_the_others_give_way(visit: Callable[..., Any]) -> None:
    page = visit()
    page.settled()
    page.page.locator("#fusion-desk-lock").get_by_label("Keep sum 1").check()
    page.until_undo(1)
    assert weights(page) == [0.25, 0.25, 0.25, 0.25]
    page.page.locator("#fusion-desk-flags-3").get_by_label("Mute").check()
    page.until_undo(2)
    page.drag(FADERS[0], 0.5, 0.64)
    page.until_undo(3)
    moved = weights(page)
    assert moved[0] > 0.5 and moved[3] == 0.25 and moved[1] == pytest.approx(moved[2], abs=0.011)
    assert sum(moved[:3]) == pytest.approx(1.0)
    number = page.page.locator(f"#{FADERS[0]} input[type=number]")
    number.fill("0.333")
    number.press("Tab")
    page.until_undo(4)
    assert weights(page)[0] == 0.33 and sum(weights(page)[:3]) == pytest.approx(1.0)
    page.page.locator("#fusion-desk-flags-2").get_by_label("Mute").check()
    page.until_undo(5)
    number.fill("-1")
    number.press("Tab")
    page.page.locator(".sum-note", has_text="The sum is 0.50").wait_for()
    assert weights(page)[:2] == [-1.0, 1.5]


def test_on_a_narrow_screen_the_desk_is_folded_and_says_its_mix(visit: Callable[..., Any]) -> None:
    page = visit(width=390, height=844)
    page.settled()
    bar = page.page.locator(".desk-switch")
    page.page.locator(".desk-mix", has_text="4 of 4 experts").wait_for()
    assert not page.fader(FADERS[0]).is_visible()
    bar.click()
    page.fader(FADERS[0]).wait_for()
    assert bar.get_attribute("aria-expanded") == "true"
    assert np.isclose(page.page.evaluate("document.documentElement.scrollWidth"), 390)


def test_the_pictures_are_seen_side_by_side_and_as_a_difference(visit: Callable[..., Any]) -> None:
    page = visit()
    page.settled()
    width = page.fused().shape[1]
    page.page.locator("#fusion-view").get_by_label("Side by side").check()
    flat = page.page.locator("#fusion-flat img")
    flat.wait_for()
    page.page.wait_for_function("() => document.querySelector('#fusion-flat img')?.naturalWidth > 0")
    assert flat.evaluate("(image) => image.naturalWidth") > 2 * width
    before = flat.get_attribute("src")
    page.page.locator("#fusion-desk-flags-0").get_by_label("Mute").check()
    page.until_label("3 of 4 experts")
    page.page.wait_for_function("(old) => document.querySelector('#fusion-flat img').src !== old", arg=before)
    page.page.locator("#fusion-view").get_by_label("Wipe").check()
    page.page.locator("#fusion-out img").last.wait_for()
