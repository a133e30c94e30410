"""One visit to the grounding tab with the shipped network: a scene, a phrase, a fader, the dial, files, a brush."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.grounding.pipeline import GroundingPipeline

pytestmark = pytest.mark.browser
TAB = "grounding"
WAIT_MS = 120_000


@pytest.fixture(scope="module")
def page(stages: Callable[[str], SimpleNamespace], painting_browser: Any) -> Iterator[Any]:
    """The page of the grounding tab after its first answer; a script error fails the tests."""
    errors: list[str] = []
    context = painting_browser.new_context(
        viewport={"width": 1280, "height": 900}, reduced_motion="reduce", locale="en-US"
    )
    opened = context.new_page()
    opened.set_default_timeout(WAIT_MS)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(f"{stages(TAB).url}?__theme=light", wait_until="domcontentloaded")
    settled(opened)
    yield opened
    context.close()
    assert errors == []


def settled(page: Any) -> None:
    """Wait for a full, current answer."""
    page.wait_for_function(
        f"() => {{ const l = document.querySelector('#{TAB}-version .version');"
        " return l?.querySelector('b') && !l.classList.contains('stale') && !l.innerText.startsWith('preview'); }",
        timeout=WAIT_MS,
    )


def picture(page: Any) -> str:
    return str(page.locator(f"#{TAB}-out img").get_attribute("src"))


def until_answered(page: Any, phrase: str) -> None:
    page.wait_for_function(
        f"(text) => document.querySelector('#{TAB}-phrases .phrase')?.innerText === text", arg=phrase, timeout=WAIT_MS
    )


def test_a_new_scene_comes_with_an_answer(page: Any) -> None:
    before = picture(page)
    page.locator(f"#{TAB}-kind input").click()
    page.get_by_role("option", name="Orders and counts").click()
    page.locator(f"#{TAB}-scene").click()
    page.wait_for_function(
        f"(src) => document.querySelector('#{TAB}-out img').src !== src"
        f" && document.querySelector('#{TAB}-phrases .badge')", arg=before, timeout=WAIT_MS,
    )  # fmt: skip
    settled(page)


def test_a_phrase_is_looked_at_when_its_typist_rests_and_the_last_text_wins(
    page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    raws = GroundingPipeline.raws

    def noted(self: Any, image: Any, phrases: Any, recipe: Any = None) -> Any:
        asked.extend(phrases)
        return raws(self, image, phrases, recipe)

    monkeypatch.setattr(GroundingPipeline, "raws", noted)
    box = page.locator(f"#{TAB}-phrase input, #{TAB}-phrase textarea").first
    box.fill("")
    typed = "the highest thing in the picture"
    box.press_sequentially(typed, delay=20)
    until_answered(page, typed)
    assert len(asked[0]) > 2 and len(asked) <= 4, asked  # thirty-two keys, and no look at each
    box.press("Enter")
    settled(page)


def test_a_fader_changes_the_picture(page: Any) -> None:
    before, label = picture(page), page.locator(f"#{TAB}-version").inner_text()
    page.locator(f"#{TAB}-layers label", has_text="Centre heat").click()
    page.wait_for_function(f"(src) => document.querySelector('#{TAB}-out img').src !== src", arg=before)
    before = picture(page)
    number = page.locator(f"#{TAB}-desk-w-2 input[type=number]")
    number.fill("-0.9")
    number.press("Tab")
    page.wait_for_function(
        f"([src, told]) => document.querySelector('#{TAB}-out img').src !== src"
        f" && document.querySelector('#{TAB}-version').innerText !== told", arg=[before, label], timeout=WAIT_MS,
    )  # fmt: skip
    settled(page)


def test_the_refuse_dial_is_turned(page: Any) -> None:
    page.locator(f"#{TAB}-dial-box button").first.click()
    page.locator(f"#{TAB}-dial").click()
    cells = page.locator(f"#{TAB}-dialled td.there, #{TAB}-dialled td.refused")
    cells.first.wait_for(timeout=WAIT_MS)
    values = [float(text) for text in cells.all_inner_texts()]
    assert len(values) == 5 and len(set(values)) > 1


def test_the_answer_leaves_as_json(page: Any) -> None:
    page.locator(f"#{TAB}-export-box button").first.click()
    page.locator(f"#{TAB}-export-extras label", has_text="triplets").click()
    page.locator(f"#{TAB}-export").click()
    link = page.locator(f"#{TAB}-exported a[href*='.json']").first
    link.wait_for(timeout=WAIT_MS)
    told = json.loads(page.request.get(link.get_attribute("href")).body())
    assert [one["phrase"] for one in told["triplets"]][:1] == ["the highest thing in the picture"]
    assert told["recipe"]["weights"]["ordinal"] == -0.9


def stroke(page: Any) -> None:
    """Paint on the editor with the mouse until it is ready and takes it: then there is something to undo."""
    editor = page.locator(f"#{TAB}-correct-editor")
    canvas = editor.locator("canvas").first
    canvas.scroll_into_view_if_needed()
    undo = editor.locator("button[aria-label=Undo]")
    for _ in range(60):
        box = canvas.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x + 40, y + 25, steps=6)
        page.mouse.up()
        if undo.is_enabled():
            return
        page.wait_for_timeout(500)
    pytest.fail("the editor takes no stroke")


def test_a_mask_is_painted_over_and_the_answer_says_so(page: Any) -> None:
    page.locator(f"#{TAB}-settings button").first.click()
    least = page.locator(f"#{TAB}-existence input[type=number]")
    least.fill("0")
    least.press("Tab")
    page.locator(f"#{TAB}-objects button.pick").first.wait_for()
    settled(page)
    before, cells = picture(page), page.locator(f"#{TAB}-objects tbody td")
    row = cells.all_inner_texts()
    page.locator(f"#{TAB}-correct-box button").first.click()
    page.locator(f"#{TAB}-correct-take").click()
    stroke(page)
    page.locator(f"#{TAB}-correct-use").click()
    page.locator(f"#{TAB}-objects td", has_text="corrected by hand").wait_for()
    page.wait_for_function(f"(src) => document.querySelector('#{TAB}-out img').src !== src", arg=before)
    settled(page)
    after = cells.all_inner_texts()
    assert "#1 corrected by hand" in page.locator(f"#{TAB}-version").inner_text()
    assert after[2] == row[2] and after[5] != row[5]  # the score stays, the area does not
    page.locator(f"#{TAB}-correct-back").click()
    page.wait_for_function(f"(src) => document.querySelector('#{TAB}-out img').src === src", arg=before)
    assert cells.all_inner_texts() == row
