"""A visitor in the Lab, on the real families: a table cancelled, a sweep stopped, a cell sent to the desk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from demos.lab_table import TableExperiment

pytestmark = pytest.mark.browser
WAIT_MS = 120_000
ROWS = "task_arithmetic, ties, average, consensus, tall_masks, emr, dare, della"


@pytest.fixture(scope="module")
def page(stages: Callable[..., Any], browser: Any) -> Iterator[Any]:
    """The Lab and the fusion tab, whose desk its recipes go to; a script error fails the tests."""
    errors: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce", locale="en-US")
    opened = context.new_page()
    opened.set_default_timeout(WAIT_MS)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(stages("lab", "fusion").url, wait_until="domcontentloaded")
    opened.locator("#lab-table-run").wait_for()
    yield opened
    context.close()
    assert errors == []


def numbers(page: Any, grid: str) -> int:
    """Scores that can be clicked in a table."""
    return int(page.locator(f"#lab-{grid}-grid button[data-cell]").count())


def until_line(page: Any, name: str, word: str) -> str:
    """Wait until the line of an experiment says so; the line."""
    line = page.locator(f"#lab-{name}-progress [role=status]", has_text=word)
    line.wait_for()
    return str(line.inner_text())


def until_cells(page: Any, name: str, grid: str, count: int) -> None:
    page.wait_for_function(
        f"(count) => document.querySelectorAll('#lab-{grid}-grid button[data-cell]').length >= count", arg=count
    )


def choose_family(page: Any, name: str) -> None:
    page.locator("#lab-family input").click()
    page.locator("ul[role=listbox] li", has_text=name).first.click()
    page.locator("#lab-recipe-line", has_text=f"recipe, {name}:").wait_for()


def keep_experts(page: Any, *names: str) -> None:
    """Untick all others: the fewer tasks, the shorter the test."""
    for name in ("ivis", "mef", "mff", "med"):
        page.locator("#lab-tasks").get_by_label(name, exact=True).set_checked(name in names)


def test_every_tab_keeps_its_place_when_it_is_chosen(page: Any) -> None:
    for name in ("Fusion", "Lab"):
        page.get_by_role("tab", name=name, exact=True).click()
        page.locator("[role=tab][aria-selected=true]", has_text=name).wait_for()
        assert page.locator(".tab-container").first.locator("[role=tab]").all_inner_texts() == ["Lab", "Fusion"]
    page.locator("#lab-table-run").wait_for()


def test_a_table_is_cancelled_and_another_family_leaves_it_with_its_name(
    page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = TableExperiment.steps

    def unhurried(table: TableExperiment, plan: Any) -> Iterator[Any]:
        for step in whole(table, plan):  # all 64 take ten seconds, as long as a busy browser takes for a menu
            time.sleep(0.3)
            yield step

    monkeypatch.setattr(TableExperiment, "steps", unhurried)
    page.locator("#lab-table-run").click()
    until_cells(page, "table", "table-scores", 3)
    choose_family(page, "fusenet")
    assert page.locator(".toast-body.error").count() == 0
    line = until_line(page, "table", "Stopped")
    assert "shapes_vit" in line and 3 <= numbers(page, "table-scores") < 64
    assert "What stands below is of shapes_vit." in page.locator("#lab-table-reason").inner_text()
    page.locator("#lab-family input").click()
    assert page.locator("ul[role=listbox] li[aria-selected=true]").inner_text().strip().endswith("fusenet")
    page.keyboard.press("Escape")


def test_a_sweep_of_64_cells_stopped_at_about_cell_20_keeps_them_and_one_goes_to_the_desk(page: Any) -> None:
    keep_experts(page, "mef")
    page.get_by_role("tab", name="Sweep").click()
    page.get_by_label("Values of the columns").fill("0:1:8")  # as pasted: without keys
    page.get_by_label("Values of the rows").fill(ROWS)
    page.locator("#lab-sweep-echo", has_text="64 cells").wait_for()
    page.locator("#lab-sweep-run").click()
    until_cells(page, "sweep", "sweep-cells", 20)
    page.locator("#lab-sweep-stop").click()
    line = until_line(page, "sweep", "Stopped")
    kept = numbers(page, "sweep-cells")
    assert 20 <= kept < 50 and f"Stopped: {kept} of 64" in line
    page.locator("#lab-sweep-cells-grid button[aria-label^='task_arithmetic, 1:']").click()  # a corner: measured first
    page.locator("#lab-recipe-line", has_text="α 1.00").wait_for()
    page.locator("#lab-to-desk").click()
    scale = page.locator("#fusion-desk-scale input[type=number]")
    scale.wait_for()
    page.wait_for_function("(one) => one.value === '1'", arg=scale.element_handle())
