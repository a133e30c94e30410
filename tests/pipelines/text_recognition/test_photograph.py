from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pipelines.shared.images import OpenedImage
from pipelines.shared.notice import warning
from pipelines.shared.run_info import RunInfo
from pipelines.text_recognition import photograph
from pipelines.text_recognition.detection import OpenedDetector, TextRegion
from pipelines.text_recognition.photograph import find_words, in_lines, read_photograph
from pipelines.text_recognition.results import CharacterReading, RecognitionResult

RUN = RunInfo("igtr", "embedded", {}, "", 0, "cpu")
FLAT = np.ones((1, 1), np.float32)


def region(left: float, top: float, width: float = 40, height: float = 20, score: float = 0.8) -> TextRegion:
    corners = [(left, top), (left + width, top), (left + width, top + height), (left, top + height)]
    return TextRegion(np.float32(corners), score)


def detector(*regions: TextRegion) -> OpenedDetector:
    return OpenedDetector("fake", lambda pixels: list(regions), (warning("told"),))


def photo(size_hw: tuple[int, int] = (200, 256)) -> OpenedImage:
    """Its tone rises with every column, so that a reader can tell where a crop was taken."""
    tones = np.linspace(0, 1, size_hw[1], dtype=np.float32)
    return OpenedImage(np.broadcast_to(tones[None, :, None], (*size_hw, 3)).copy(), "photo.png", "", is_grey=True)


def word(text: str) -> RecognitionResult:
    characters = tuple(CharacterReading(one, 0.9, (), 0.9, (0, 0, 1, 1), FLAT) for one in text)
    return RecognitionResult(text, 0.9, characters, RUN)


class Reader:
    """Reads the tone at the left edge of each crop, and remembers the batches it was given."""

    def __init__(self) -> None:
        self.batches: list[Sequence[OpenedImage]] = []

    def __call__(self, images: Sequence[OpenedImage]) -> list[RecognitionResult]:
        self.batches.append(images)
        return [word(str(round(float(image.pixels[0, 0, 0]) * 255))) for image in images]


def test_words_are_read_in_one_batch_and_told_in_reading_order() -> None:
    reader = Reader()
    lower, right, left = region(20, 100), region(200, 34, height=24), region(30, 30)
    reading = read_photograph(photo(), detector(lower, right, left), reader)
    assert len(reader.batches) == 1 and [image.pixels.shape for image in reader.batches[0]] == [
        (20, 40, 3), (24, 40, 3), (20, 40, 3)
    ]  # fmt: skip
    assert reading.text == "30 200\n20"
    assert [one.found.line for one in reading.words] == [1, 1, 2]
    assert reading.detector == "fake" and reading.notices == (warning("told"),)
    assert reading.seconds["total"] == pytest.approx(reading.seconds["find"] + reading.seconds["read"])


def test_a_line_is_what_is_level_by_half_a_height() -> None:
    assert len(in_lines([region(0, 0), region(60, 9)])) == 1
    assert len(in_lines([region(0, 0), region(60, 12)])) == 2
    slope = [region(60 * step, 8 * step) for step in range(5)]  # a line that falls is followed from word to word
    assert len(in_lines(slope)) == 1


def test_two_columns_are_not_read_as_one_line() -> None:
    """Prices half a line lower than the dishes beside them: none stands over another in one line."""
    left, right = [region(0, top) for top in (0, 20, 40)], [region(100, top) for top in (10, 30)]
    lines = in_lines([*left, *right])
    places = [[(float(one.corners[0, 0]), float(one.corners[0, 1])) for one in line] for line in lines]
    assert places == [[(0, 0), (100, 10)], [(0, 20), (100, 30)], [(0, 40)]]


def test_words_beside_each_other_in_a_region_are_read_apart() -> None:
    pixels = np.ones((60, 200, 3), np.float32)
    pixels[20:40, 20:80:8] = pixels[20:40, 120:180:8] = 0  # two groups of upright strokes
    image = OpenedImage(pixels, "two.png", "", is_grey=True)
    words, _ = find_words(image, detector(region(10, 15, 180, 30)))
    assert [one.line for one in words] == [1, 1]
    assert words[0].corners[1, 0] < 100 < words[1].corners[0, 0]


def test_a_reader_of_lines_is_given_whole_regions() -> None:
    pixels = np.ones((60, 200, 3), np.float32)
    pixels[20:40, 20:80:8] = pixels[20:40, 120:180:8] = 0
    image, reader = OpenedImage(pixels, "two.png", "", is_grey=True), Reader()
    read_photograph(image, detector(region(10, 15, 180, 30)), reader, reads_lines=True)
    assert [one.pixels.shape for one in reader.batches[0]] == [(30, 180, 3)]


def test_upright_text_stays_whole_and_tall() -> None:
    (found,), _ = find_words(photo(), detector(region(50, 20, 20, 120)))
    assert found.pixels.shape == (120, 20, 3)


def test_nothing_found_is_told_and_nothing_is_read() -> None:
    reader = Reader()
    reading = read_photograph(photo(), detector(), reader)
    assert reading.words == () and reading.text == "" and reader.batches == []
    assert "No text was found in photo.png" in reading.notices[-1].text


def test_specks_are_no_words() -> None:
    words, _ = find_words(photo(), detector(region(20, 20, 40, 2)))
    assert words == ()


def test_more_words_than_are_read_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photograph, "MOST_WORDS", 2)
    words, notices = find_words(photo(), detector(*(region(20, 30 * row) for row in range(4))))
    assert len(words) == 2 and notices[-1].text.startswith("4 words were found; the first 2")


def test_the_record_has_a_row_per_word_in_json_and_csv() -> None:
    reading = read_photograph(photo(), detector(region(20, 100), region(30, 30)), Reader())
    told = json.loads(json.dumps(reading.to_dict()))
    assert [row["text"] for row in told["words"]] == ["30", "20"] and told["detector"] == "fake"
    assert told["words"][0]["corners"][0] == [30.0, 30.0]
    rows = list(csv.DictReader(io.StringIO(reading.to_csv())))
    assert [row["text"] for row in rows] == ["30", "20"]
    assert (rows[1]["x1"], rows[1]["y3"], rows[1]["line"]) == ("20.0", "120.0", "2")


def test_the_record_says_which_words_are_doubtful() -> None:
    def read(images: Sequence[OpenedImage]) -> list[RecognitionResult]:
        return [replace(word("x"), is_doubtful=number == 0) for number, _ in enumerate(images)]

    reading = read_photograph(photo(), detector(region(20, 100), region(30, 30)), read)
    assert [row["is_doubtful"] for row in json.loads(json.dumps(reading.to_dict()))["words"]] == [True, False]
    assert [row["is_doubtful"] for row in csv.DictReader(io.StringIO(reading.to_csv()))] == ["yes", "no"]
