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


@pytest.mark.parametrize("title", ["Karcher mean (averages)", "DELLA (elect)", "TSV-M (spectra)"])
def test_a_method_of_every_group_runs_and_says_what_it_costs(visit: Callable[..., Any], title: str) -> None:
    view = visit()
    view.settled()
    chosen(view.page, "fusion-desk-method", title)
    view.until_label(title.split(" (")[0])
    assert "pass" in view.page.locator("#fusion-desk-formula").inner_text()


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
