"""A paper figure from the button in the head of the page to its restored settings, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser


def test_a_figure_is_made_and_brings_its_settings_back(visit: Callable[..., Any], tmp_path: Path) -> None:
    view = visit()
    view.settled()
    page = view.page
    page.locator("#fusion-desk-flags-2").get_by_label("Mute").check()
    view.until_undo(1)
    view.settled()
    page.locator("#figure-open").click()
    page.locator("#fusion-figure-preview img").wait_for()
    first = page.locator("#fusion-figure-preview img").get_attribute("src")
    page.locator("#fusion-figure-width").get_by_label("single").check()
    page.wait_for_function("(old) => document.querySelector('#fusion-figure-preview img').src !== old", arg=first)
    page.locator("#fusion-figure-make").click()
    files = page.locator("#fusion-figure-files a")
    files.nth(2).wait_for()
    names = []
    for place in range(3):
        with page.expect_download() as download:
            files.nth(place).click()
        names.append(download.value.suggested_filename)
        download.value.save_as(tmp_path / names[-1])
    assert [Path(name).suffix for name in names] == [".png", ".svg", ".pdf"]
    page.locator("#fusion-desk-reset").click()
    view.until_undo(2)
    assert not page.locator("#fusion-desk-flags-2").get_by_label("Mute").is_checked()
    page.locator("#header input[type=file]").set_input_files(tmp_path / names[2])
    page.locator("[data-testid=toast-body]", has_text="Settings restored").wait_for()
    view.until_undo(3)
    assert page.locator("#fusion-desk-flags-2").get_by_label("Mute").is_checked()
