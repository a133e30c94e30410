"""The desk's methods and curves, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.browser


def chosen(page: Any, name: str, text: str) -> None:
    """Pick an entry of a menu."""
    page.locator(f"#{name} input").click()
    page.get_by_role("option", name=text, exact=True).click()


def test_a_method_of_every_group_runs_and_says_what_it_costs(visit: Callable[..., Any]) -> None:
    view = visit()
    view.settled()
    for title in ("Karcher mean (averages)", "DELLA (elect)", "TSV-M (spectra)"):
        chosen(view.page, "fusion-desk-method", title)
        view.until_label(title.split(" (")[0])
        assert "pass" in view.page.locator("#fusion-desk-formula").inner_text()


def test_lambda_has_a_log_scale_and_takes_what_is_typed(visit: Callable[..., Any]) -> None:
    view = visit()
    view.settled()
    page = view.page
    page.locator("#fusion-desk-masks button").first.click()
    knob, number = view.fader("fusion-desk-lambda-0"), page.locator("#fusion-desk-lambda-0 input[type=number]")
    assert knob.is_disabled() and number.is_disabled()
    chosen(page, "fusion-desk-method", "TALL-masks (masks)")
    view.until_label("TALL-masks")
    assert knob.is_enabled() and number.input_value() == "0.4"
    view.drag("fusion-desk-lambda-0", 0.45, 0.645)  # caught by the mark at 1
    view.until_undo(2)
    assert number.input_value() == "1"
    number.fill("0.1234")
    number.press("Tab")
    view.until_undo(3)
    assert float(knob.input_value()) == -0.91
    number.fill("70")
    number.press("Tab")
    view.until_undo(4)
    assert number.input_value() == "5" and knob.input_value() == "0.7"
    page.locator("#fusion-desk-undo").click()
    view.until_undo(3)
    assert number.input_value() == "0.1234"


def test_a_curve_moves_the_stages_and_the_picture(visit: Callable[..., Any]) -> None:
    view = visit()
    view.settled()
    before = view.fused()
    view.page.locator("#fusion-desk-stages button").first.click()
    chosen(view.page, "fusion-desk-curve", "COSINE")
    view.page.locator("#fusion-desk-stages", has_text="Stages (curved)").wait_for()
    view.settled()
    assert (view.fused() != before).any()
    assert view.page.locator("#fusion-desk-stage-0 input[type=number]").input_value() == "1"


def test_what_needs_data_is_named_with_what_it_lacks(visit: Callable[..., Any]) -> None:
    view = visit()
    view.settled()
    view.page.locator("#fusion-desk-settings button").first.click()
    view.page.locator("#fusion-desk-offline summary").click()
    assert "AdaMerging needs unlabelled samples" in view.page.locator("#fusion-desk-offline").inner_text()
