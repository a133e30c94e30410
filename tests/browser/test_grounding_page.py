"""Journeys of a visitor through the grounding tab, on a tiny network of random weights and generated scenes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.browser
TAB = "grounding"
WAIT_MS = 120_000


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A page with the grounding tab alone."""
    import app
    from demos.grounding import GroundingTab
    from demos.page import build_page
    from demos.tab import Tab, Workshop
    from pipelines.shared.cache import ModelCache
    from tests.pipelines.grounding.tiny_family import make_family

    assets, family = tmp_path_factory.mktemp("assets"), make_family(tmp_path_factory.mktemp("plvl"))
    row = Tab(TAB, "Grounding", lambda workshop: GroundingTab(workshop, family), lambda workshop: None)
    blocks = build_page(Workshop(ModelCache(assets), assets), rows=(row,)).blocks
    options = app.launch_options(app.parse_flags([])) | {"server_port": None, "quiet": True}
    _, url, _ = blocks.launch(**options, prevent_thread_lock=True)
    yield url
    blocks.close()


@pytest.fixture(scope="module")
def page(address: str, browser: Any) -> Iterator[Any]:
    """The page on a phone with a scene on it and an answer; a script error fails the tests."""
    errors: list[str] = []
    context = browser.new_context(viewport={"width": 390, "height": 844}, reduced_motion="reduce", locale="en-US")
    opened = context.new_page()
    opened.set_default_timeout(WAIT_MS)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(f"{address}?__theme=dark", wait_until="domcontentloaded")
    opened.locator(f"#{TAB}-scene").click()
    opened.locator(f"#{TAB}-expressions button").first.wait_for(timeout=WAIT_MS)
    settled(opened)
    yield opened
    context.close()
    assert errors == []


def settled(page: Any) -> None:
    """Wait for a full, current answer."""
    page.locator(f"#{TAB}-version .version:not(.stale) b").wait_for(timeout=WAIT_MS)


def source_of(page: Any) -> str:
    return str(page.locator(f"#{TAB}-out img").get_attribute("src"))


def until_another(page: Any, before: str) -> None:
    page.wait_for_function(
        f"(src) => {{ const one = document.querySelector('#{TAB}-out img'); return one && one.src !== src; }}",
        arg=before, timeout=WAIT_MS,
    )  # fmt: skip


def phrase_of(page: Any) -> Any:
    return page.locator(f"#{TAB}-phrase input, #{TAB}-phrase textarea").first


def test_a_click_on_an_expression_asks_it_and_says_hit_or_miss(page: Any) -> None:
    button = page.locator(f"#{TAB}-expressions button").nth(1)
    asked = button.get_attribute("data-text")
    button.click()
    page.wait_for_function(
        f"(text) => document.querySelector('#{TAB}-phrases .phrase')?.innerText === text.replace(/\\s+/g, ' ').trim()",
        arg=asked, timeout=WAIT_MS,
    )  # fmt: skip
    page.locator(f"#{TAB}-phrases .badge").wait_for(timeout=WAIT_MS)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_threshold_turns_an_answer_into_nothing_and_says_why(page: Any) -> None:
    page.locator(f"#{TAB}-settings button").first.click()
    number = page.locator(f"#{TAB}-existence input[type=number]")
    number.fill("0")
    number.press("Tab")
    page.locator(f"#{TAB}-objects button.pick").first.wait_for(timeout=WAIT_MS)
    number.fill("1")
    number.press("Tab")
    panel = page.locator(f"#{TAB}-absent .absent")
    panel.wait_for(timeout=WAIT_MS)
    assert "Nothing in the picture matches" in panel.inner_text()
    number.fill("0")
    number.press("Tab")
    page.locator(f"#{TAB}-objects button.pick").first.wait_for(timeout=WAIT_MS)
    panel.wait_for(state="detached", timeout=WAIT_MS)  # it goes last: nothing of this run is still to come


def test_an_object_is_shown_alone_and_a_layer_changes_the_picture(page: Any) -> None:
    page.locator(f"#{TAB}-objects button.pick").first.click()
    page.locator(f"#{TAB}-objects button.pick[aria-pressed=true]").wait_for(timeout=WAIT_MS)
    before = source_of(page)
    page.locator(f"#{TAB}-layers label", has_text="Centre heat").click()
    until_another(page, before)


def test_a_click_on_the_picture_names_what_stands_there(page: Any) -> None:
    picture = page.locator(f"#{TAB}-out img")
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    line = page.locator(f"#{TAB}-pointed")
    for share in (0.3, 0.5, 0.7):
        picture.click(position={"x": box["width"] * share, "y": box["height"] * share})
        page.wait_for_function(
            f"() => !document.querySelector('#{TAB}-pointed').innerText.startsWith('Click')", timeout=WAIT_MS
        )
    assert "ground" in line.inner_text() or line.locator("button").count() == 1


def test_markup_in_a_phrase_is_text(page: Any) -> None:
    box = phrase_of(page)
    box.fill("<b onclick=alert(1)>red</b> zebra")
    box.press("Enter")
    page.locator(f"#{TAB}-phrases mark.strange", has_text="zebra").wait_for(timeout=WAIT_MS)
    assert page.locator(f"#{TAB}-phrases .phrase b").count() == 0
