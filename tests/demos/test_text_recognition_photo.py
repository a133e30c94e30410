"""Whole photographs on the text tab: found once, read by every mix, told in reading order."""

from __future__ import annotations

import csv
import html
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from demos.shelf import Shelf
from demos.text_recognition_bench import MOST_SHEETS, READING_BYTES
from demos.text_recognition_endpoints import asked_job, detect_text_endpoint
from pipelines.shared import images
from pipelines.shared.images import open_image
from pipelines.text_recognition import detection, proposals
from pipelines.text_recognition.options import PHOTO
from pipelines.text_recognition.photograph import read_photograph
from pipelines.text_recognition.questions import Question


@pytest.fixture
def photo(text_page: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A picture of two words; no detector is installed."""
    monkeypatch.setattr(text_page.tab.bench, "_detector", None)
    monkeypatch.setattr(detection, "find_spec", lambda module: None)
    monkeypatch.setattr(detection, "cached_folder", lambda repository: None)
    picture = Image.new("RGB", (320, 200), "white")
    for text, place in (("HOTEL", (40, 30)), ("market", (120, 120))):
        ImageDraw.Draw(picture).text(place, text, fill="black", font_size=40)
    picture.save(tmp_path / "street.png")
    return tmp_path / "street.png"


@pytest.fixture
def ran(text_page: Any, visitor: Callable[[str], Any], photo: Path) -> Callable[..., dict[Any, Any]]:
    """Updates of one full run on the photograph, or on another picture."""

    def run(changes: dict[Any, Any] | None = None, path: Path = photo) -> dict[Any, Any]:
        source, updates = text_page.tab.source, {}
        sent = text_page.values({source.image: str(path), source.mode: PHOTO, **(changes or {})})
        for step in text_page.tab.force(visitor("anna"), sent):
            updates |= step
        return updates

    return run


def test_words_are_numbered_in_reading_order_and_the_stand_in_is_told(text_page: Any, ran: Any) -> None:
    tab, updates = text_page.tab, ran()
    words = tab.bench.result(updates[tab.shown])[0].words
    assert [float(word.corners[0, 1]) < 90 for word in words] == [True, False]
    assert updates[tab.reading.photo]["visible"] and updates[tab.reading.photo]["value"].dtype == np.uint8
    assert "pip install rapidocr" in updates[tab.reading.notices]


def test_another_mix_reads_the_words_that_were_found(text_page: Any, ran: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tab, looks, propose = text_page.tab, [], proposals.propose_words

    def counted(pixels: np.ndarray) -> list[detection.TextRegion]:
        looks.append(pixels.shape)
        return propose(pixels)

    monkeypatch.setattr(proposals, "propose_words", counted)
    weight = tab.panel.strips[0].weight
    weak, strong = (tab.bench.result(ran({weight: value})[tab.shown])[0] for value in (0.0, 1.0))
    assert len(looks) == 1 and weak.words[0].reading.confidence != strong.words[0].reading.confidence


def test_a_photograph_without_text_says_so(text_page: Any, ran: Any, tmp_path: Path) -> None:
    Image.new("RGB", (60, 40), "grey").save(tmp_path / "empty.png")
    updates = ran(path=tmp_path / "empty.png")
    assert "No text was found in empty.png" in updates[text_page.tab.reading.notices]
    assert "cut out one word" in updates[text_page.tab.reading.line]
    assert "threshold" not in updates[text_page.tab.reading.line]  # the page has no control for it


def test_the_number_of_a_word_looks_at_it_with_all_that_is_known_of_it(text_page: Any, ran: Any, photo: Path) -> None:
    tab, updates = text_page.tab, ran()
    reading, second = tab.reading, tab.bench.result(updates[tab.shown])[0].words[1].reading
    sent = text_page.values({tab.shown: updates[tab.shown]})
    for index, is_second in ((1, True), (99, True), (-7, False)):
        event: Any = SimpleNamespace(index=index)
        looked = reading.when_word_picked(event, sent)
        assert (f"Read: {html.escape(second.text)}," in looked[reading.line]) == is_second
        assert looked[reading.table].count("<tr>") == len(looked[reading.line].split('class="char')), index
    pressed = looked[reading.words]["value"]
    assert pressed.count('aria-pressed="true"') == 1 and 'data-index="0" aria-pressed="true"' in pressed


def test_another_picture_starts_at_its_first_word_without_a_chosen_character(
    text_page: Any, ran: Any, crop_file: Path
) -> None:
    tab, updates = text_page.tab, ran()
    looked_at = {tab.shown: updates[tab.shown], tab.reading.place: 1, tab.reading.chosen: 0}
    same, other = ran(looked_at), ran({**looked_at, tab.source.mode: "crop"}, path=crop_file)
    assert (same[tab.reading.place], same[tab.reading.chosen]) == (1, 0)
    assert (other[tab.reading.place], other[tab.reading.chosen]) == (0, None)


def test_a_photograph_is_exported_with_its_words_and_their_corners(
    text_page: Any, ran: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tab, updates = text_page.tab, ran()
    monkeypatch.setattr(tab.export.exported, "GRADIO_CACHE", str(tmp_path))
    sent = text_page.values({tab.shown: updates[tab.shown], tab.export.extras: ["csv", "json"]})
    picture, _, table, of_words, words = map(Path, tab.export.when_exported(sent)[tab.export.exported])
    found = json.loads(words.read_text())
    assert [len(word["corners"]) for word in found["words"]] == [4, 4] and found["text"].count("\n") == 1
    assert [(word["line"], word["turned"]) for word in found["words"]] == [(1, 0), (2, 0)]
    assert all(0 < word["score"] <= 1 for word in found["words"]) and "rapidocr" in found["notices"][0]["text"]
    rows = list(csv.DictReader(of_words.open()))
    assert [(row["line"], row["text"]) for row in rows] == [(str(one["line"]), one["text"]) for one in found["words"]]
    assert len(table.read_text().splitlines()) == 1 + sum(len(word["text"]) for word in found["words"])
    assert Image.open(picture).size == (320, 200)


def test_the_endpoint_tells_of_each_word_what_the_command_line_does_and_who_found_them(
    text_page: Any, photo: Path
) -> None:
    told = detect_text_endpoint(text_page.tab.bench)(str(photo))
    assert told["detector"] == "classical proposals" and "No text detector is installed" in told["notices"][0]["text"]
    assert told["text"] == "\n".join(word["text"] for word in told["words"])
    assert {"number", "line", "text", "confidence", "score", "turned", "corners"} <= told["words"][0].keys()
    assert any("doubtful" in notice["text"] for word in told["words"] for notice in word["notices"])


def test_the_words_are_those_of_the_command_line(text_page: Any, photo: Path) -> None:
    bench = text_page.tab.bench
    job = asked_job(bench, str(photo), PHOTO, None, None)
    read = partial(bench.pipeline.batch, recipe=job.recipe)
    told = read_photograph(bench.image(job), detection.open_detector(), read)
    assert bench.result(job)[0].photograph.rows() == told.rows()


def test_a_word_of_a_photograph_is_asked_as_it_was_read(text_page: Any, photo: Path) -> None:
    bench = text_page.tab.bench
    job = asked_job(bench, str(photo), PHOTO, None, None)
    word = bench.result(job)[0].words[1]
    assert bench.ask(job, word, Question("length")).reading == word.reading.text


def test_a_photograph_is_opened_once_for_all_its_runs_and_its_pixels_are_shared(
    text_page: Any, ran: Any, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab, opened = text_page.tab, []
    monkeypatch.setattr(images, "open_image", lambda path: opened.append(path) or open_image(path))
    monkeypatch.setattr(tab.bench, "_shelf", Shelf(tab.bench.most_bytes))
    weight = tab.panel.strips[0].weight
    sheets = [tab.bench.result(ran({weight: value})[tab.shown])[0] for value in (0.0, 0.5, 1.0)]
    assert opened == [str(photo)] and tab.bench._shelf.get(repr(("image", str(photo)))) is None  # no floats are kept
    kept = tab.bench.photo(asked_job(tab.bench, str(photo), PHOTO, None, None))
    assert all(sheet.photo is kept.pixels for sheet in sheets) and kept.pixels.dtype == np.uint8
    assert sheets[0].words[0].pixels is sheets[2].words[0].pixels is kept.found.words[0].pixels


def test_a_photograph_larger_than_the_shelf_is_still_looked_through_once(
    text_page: Any, ran: Any, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab, looks, propose = text_page.tab, [], proposals.propose_words
    monkeypatch.setattr(proposals, "propose_words", lambda pixels: looks.append(pixels.shape) or propose(pixels))
    monkeypatch.setattr(tab.bench, "_shelf", Shelf(1_000))
    weight = tab.panel.strips[0].weight
    shown = [ran({weight: value})[tab.shown] for value in (0.0, 1.0)]
    assert len(looks) == 1 and all(tab.bench.result(job)[1] for job in shown)


def test_what_is_kept_of_a_photograph_is_counted_once(text_page: Any, photo: Path) -> None:
    bench = text_page.tab.bench
    job = asked_job(bench, str(photo), PHOTO, None, None)
    sheet, kept = bench.result(job)[0], bench.photo(job)
    crops = sum(word.pixels.nbytes for word in sheet.words)
    assert kept.size_bytes == 200 * 320 * 3 + crops + MOST_SHEETS * bench.size_of(sheet)
    assert bench.size_of(sheet) == 2 * READING_BYTES


def test_the_time_of_a_photograph_includes_finding_its_words(text_page: Any, photo: Path) -> None:
    bench = text_page.tab.bench
    job = asked_job(bench, str(photo), PHOTO, None, None)
    seconds = bench.result(job)[0].seconds
    assert seconds["find"] == bench.photo(job).found.seconds > 0
    assert seconds["total"] == pytest.approx(seconds["find"] + seconds["read"]) and "infer" in seconds
