"""A journey of a visitor through the text tab; what is read is compared with what the engine reads, whatever it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from demos.examples import read_examples
from pipelines.merging.recipe import MergeRecipe
from pipelines.registry import family
from pipelines.shared.figures import read_embedded
from pipelines.shared.images import open_image
from pipelines.shared.recipe_file import parse_document

pytestmark = pytest.mark.browser
TAB = "text_recognition"
WAIT_MS = 120_000
MIX = family("igtr").default


@dataclass
class Journey:
    """The page, which every test leaves with a current reading of the first example; `read` asks the engine."""

    page: Any
    read: Callable[[MergeRecipe], str]

    def part(self, name: str, inside: str = "") -> Any:
        return self.page.locator(f"#{TAB}-{name} {inside}".strip())

    def open(self, name: str) -> None:
        self.part(name, "button").first.click()

    def settled(self, label: str = "") -> None:
        self.part("version", ".version:not(.stale)").filter(has_text=label).locator("b").wait_for()

    @property
    def word(self) -> str:
        return "".join(self.part("reading", "button.char span").all_inner_texts())

    def until_read(self, text: str) -> None:
        self.page.wait_for_function(
            f"(text) => [...document.querySelectorAll('#{TAB}-reading button.char span')]"
            ".map((one) => one.innerText).join('') === text",
            arg=text,
        )

    def source(self) -> str:
        return str(self.part("out", "img").get_attribute("src"))

    def until_picture_is_not(self, source: str) -> None:
        self.page.wait_for_function(f"(src) => document.querySelector('#{TAB}-out img').src !== src", arg=source)


@pytest.fixture(scope="module")
def journey(stages: Callable[[str], SimpleNamespace], browser: Any, root: Path) -> Iterator[Journey]:
    """One page for all; a script error on it fails the last test."""
    from pipelines.text_recognition.options import ReadingOptions
    from pipelines.text_recognition.pipeline import TextRecognitionPipeline

    stage, errors = stages(TAB), []
    image = open_image(read_examples(root / "assets" / "examples" / TAB)[0].frames[0])
    pipeline = TextRecognitionPipeline(stage.workshop.cache, family("igtr"))
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce", locale="en-US")
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{stage.url}?__theme=dark", wait_until="domcontentloaded")
    yield Journey(page, lambda recipe: pipeline(image, ReadingOptions(), recipe).text)
    context.close()
    assert errors == []


def test_the_first_example_is_read_as_the_page_opens_and_no_empty_box_waits_for_it(journey: Journey) -> None:
    journey.part("run").wait_for()
    if not journey.part("out", "img").count():
        assert not journey.part("out").is_visible()
    journey.settled()
    assert journey.word == journey.read(MIX) and journey.part("out", "img").is_visible()
    assert not journey.part("ranking").is_visible() and not journey.part("corrections").is_visible()


def test_a_click_on_a_character_shows_where_the_network_looked_and_a_second_one_hides_it(journey: Journey) -> None:
    plain, first = journey.source(), journey.part("reading", "button.char").first
    first.click()
    journey.part("reading", "button.char[aria-pressed=true]").wait_for()
    journey.until_picture_is_not(plain)
    seen = journey.source()
    first.click()
    journey.until_picture_is_not(seen)
    assert journey.source() == plain


def test_a_question_is_answered_with_a_picture(journey: Journey) -> None:
    journey.open("ask-box")
    line = journey.part("ask-free", "input, textarea").first
    line.press_sequentially("How many characters?")
    line.press("Enter")
    journey.part("answer", ".answer b").wait_for()
    assert journey.part("answer", ".answer b").inner_text().isdigit()
    journey.part("answer-picture", "img").wait_for()
    journey.open("ask-box")


def test_the_reading_follows_a_fader_and_undo_brings_it_back(journey: Journey) -> None:
    before = replace(MIX, scale=0.0)
    number = journey.part("desk-scale", "input[type=number]")
    number.fill("0")
    number.press("Tab")
    journey.settled("α 0.00")
    journey.until_read(journey.read(before))
    journey.part("answer", ".answer").wait_for(state="detached")  # it was about another mix
    journey.part("desk-undo").click()
    journey.settled(f"α {MIX.scale:.2f}")
    journey.until_read(journey.read(MIX))


def test_procedures_stand_side_by_side(journey: Journey) -> None:
    journey.open("compare-box")
    journey.part("compare-procedures").click()
    journey.part("by-procedure", "tbody tr").nth(4).wait_for()
    rows = journey.part("by-procedure", "tbody tr").all_inner_texts()
    assert rows[0].split("\t")[:2] == ["Parallel", journey.word]
    journey.open("compare-box")


def test_a_published_network_brings_its_own_faders_and_says_what_is_missing(journey: Journey) -> None:
    def choose(title: str) -> None:
        journey.part("network", "input").click()
        journey.page.get_by_role("option", name=title).click()

    before = journey.word
    choose("trocr-small, full tier")
    assert journey.part("desk-trocr-small-w-1", "input[type=number]").input_value() == "1"
    assert not journey.part("desk-w-0").count() and journey.part("procedure", "input").is_disabled()
    journey.part("alert").filter(has_text="hf download microsoft/trocr-small-stage1").wait_for()
    journey.page.get_by_test_id("toast-close").first.click()  # the next test's message would be counted under it
    assert "about 0.7 GB" in journey.part("tier").inner_text()
    assert journey.part("version", ".version.stale").count() == 1, "the reading is of another network"
    choose("IGTR-E, embedded")
    journey.settled(f"α {MIX.scale:.2f}")
    assert journey.word == before and journey.part("desk-w-0", "input[type=number]").input_value() == "1"
    assert not journey.part("desk-trocr-small-w-1").count() and not journey.part("alert").inner_text().strip()


def test_what_cannot_be_is_told_and_the_reading_is_marked(journey: Journey) -> None:
    journey.open("settings")
    pattern = journey.part("pattern", "input, textarea").first
    pattern.press_sequentially("A*B")
    journey.part("version", ".version.stale").wait_for()  # the page has heard it
    pattern.press("Enter")
    journey.page.locator("[data-testid=toast-body]").filter(has_text="end only").wait_for()
    journey.part("version", ".version.stale").wait_for()
    pattern.fill("")
    pattern.press("Enter")
    journey.settled()
    journey.open("settings")


def test_an_exported_picture_carries_the_recipe_of_the_page(journey: Journey, tmp_path: Path) -> None:
    journey.open("export-box")
    journey.part("export").click()
    with journey.page.expect_download() as download:
        journey.part("exported", "a").first.click()
    download.value.save_as(tmp_path / "word.png")
    document, _ = parse_document(read_embedded(tmp_path / "word.png") or "", [family("igtr")])
    assert document.recipe == MIX and document.pipeline == TAB
    journey.open("export-box")


def test_a_word_of_a_photograph_is_looked_at_by_its_number_on_a_phone(journey: Journey) -> None:
    journey.page.set_viewport_size({"width": 390, "height": 844})
    journey.part("examples", "button").last.click()
    journey.part("words", "tbody tr").nth(1).wait_for()
    journey.settled("words")
    before = journey.source()
    journey.part("words", "tbody button").nth(1).click()
    journey.part("words", "tbody tr:nth-child(2) button[aria-pressed=true]").wait_for()
    journey.until_picture_is_not(before)
    assert journey.part("notices").is_visible() or journey.part("notices", "p").count() == 0
    assert journey.page.evaluate("document.documentElement.scrollWidth") <= 390
