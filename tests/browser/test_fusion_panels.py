"""Journeys through the panels of the fusion tab, in a real browser."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from demos.examples import read_examples

pytestmark = pytest.mark.browser


def opened(page: Any, name: str) -> None:
    """Open a closed panel."""
    page.locator(f"#{name} button").first.click()


def typed(page: Any, name: str, value: str) -> None:
    """Type into the number box of a fader and leave it."""
    box = page.locator(f"#{name} input[type=number]")
    box.fill(value)
    box.press("Tab")


def test_a_move_by_hand_cuts_the_result_and_its_transform_can_be_kept(
    visit: Callable[..., Any], tmp_path: Path
) -> None:
    view = visit()
    view.settled()
    page = view.page
    opened(page, "fusion-align-box")
    page.locator("#fusion-align-found", has_text="Nothing is moved").wait_for()
    typed(page, "fusion-move-dx", "12")
    page.locator("#fusion-align-found", has_text="moved by +12.0").wait_for()
    with page.expect_download() as download:
        page.locator("#fusion-transform a[download], #fusion-transform button[title=Download]").first.click()
    download.value.save_as(tmp_path / "moves.json")
    told = json.loads((tmp_path / "moves.json").read_text())
    assert told["origin"] == {"x": 12, "y": 0} and told["transforms"][0]["frame"] == 2
    page.locator("#fusion-align-undo").click()
    page.locator("#fusion-align-found", has_text="Nothing is moved").wait_for()
    assert page.locator("#fusion-move-dx input[type=number]").input_value() == "0"


def test_blinking_stands_still_under_reduced_motion(visit: Callable[..., Any]) -> None:
    view = visit()  # opened with reduced motion
    view.settled()
    opened(view.page, "fusion-align-box")
    view.page.locator("#fusion-align-view").get_by_label("Blink").check()
    image = view.page.locator("#fusion-align-picture img")
    image.wait_for()
    still = view.page.locator("#fusion-align-picture source").get_attribute("srcset")
    assert image.evaluate("image => image.currentSrc") == still


def test_a_click_on_a_weight_map_tells_the_arithmetic(visit: Callable[..., Any]) -> None:
    view = visit()
    view.settled()
    opened(view.page, "fusion-weights-box")
    view.page.locator("#fusion-weights img").click(position={"x": 60, "y": 60})
    view.page.locator("#fusion-pixel", has_text=" × ").wait_for()
    assert "result" in view.page.locator("#fusion-pixel").inner_text()


def test_a_bent_table_fuses_anew_and_reset_brings_the_trained_one_back(visit: Callable[..., Any]) -> None:
    view = visit()
    view.settled()
    page = view.page
    page.locator("#fusion-examples button").nth(3).click()
    page.locator("#fusion-caption", has_text="at scale 1").wait_for()
    view.settled()
    opened(page, "fusion-settings")
    page.locator("#fusion-engine input").click()
    page.get_by_role("option", name="Tables").click()
    page.locator("#fusion-version", has_text="Tables").wait_for()
    opened(page, "fusion-curves-box")
    point = page.locator("#fusion-point-128 input[type=number]:not([disabled])")
    point.wait_for()
    trained = point.input_value()
    typed(page, "fusion-point-128", "0.015")
    page.locator("#fusion-curves-reset:not([disabled])").wait_for()
    assert point.input_value() == "0.015"
    page.locator("#fusion-curves-reset").click()
    page.locator("#fusion-curves-reset[disabled]").wait_for()
    assert point.input_value() == trained


def test_a_batch_is_matched_by_name_and_comes_back_as_a_zip(
    visit: Callable[..., Any], small_assets: Path, tmp_path: Path
) -> None:
    example = read_examples(small_assets / "examples" / "fusion")[0]
    names = ("street_ir.png", "street_vis.png", "alone.png")
    for name, path in zip(names, (*example.frames, example.frames[0]), strict=True):
        (tmp_path / name).write_bytes(path.read_bytes())
    view = visit()
    view.settled()
    page = view.page
    opened(page, "fusion-batch-box")
    page.locator("#fusion-batch-files input[type=file]").set_input_files([str(tmp_path / name) for name in names])
    page.locator("#fusion-batch-matched", has_text="1 scene").wait_for()
    assert "alone.png" in page.locator("#fusion-batch-matched").inner_text()
    page.locator("#fusion-batch-go").click()
    page.locator("#fusion-batch-progress", has_text="Done: 1 of 1").wait_for(timeout=60_000)
    with page.expect_download() as download:
        page.locator("#fusion-batch-out a").first.click()
    download.value.save_as(tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.namelist() == ["street_fused.png", "metrics.csv", "unmatched.txt"]


def test_open_panels_never_scroll_a_phone_sideways(visit: Callable[..., Any]) -> None:
    view = visit(width=390, height=844)
    view.settled()
    view.page.locator(".desk-switch").click()
    view.page.locator("#fusion-desk-recipe-box").wait_for()
    for panel in view.page.locator("[id^=fusion-][id$=-box], #fusion-settings, #fusion-desk-stages").all():
        panel.locator("button").first.click()
    for code in ("#fusion-transform", "#fusion-desk-recipe"):
        view.page.locator(f"{code} .cm-content").wait_for()
    view.page.locator("#fusion-measure").click()
    view.page.locator("#fusion-metrics td").first.wait_for()
    assert view.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_frame_that_is_taken_away_is_missed_by_name(visit: Callable[..., Any]) -> None:
    view = visit()
    view.settled()
    view.page.locator("#fusion-files button[aria-label*=emove]").first.click()
    view.page.locator("[data-testid=toast-body]", has_text="the visible is missing").wait_for()
    assert "pending" in view.label.inner_text()
