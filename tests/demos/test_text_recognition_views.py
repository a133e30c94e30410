"""Questions, comparisons and words of the text tab, on a tiny reader of random weights."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from demos.figure_layout import Panel
from demos.text_recognition_ask import sentence
from demos.text_recognition_drawing import (
    STEPS,
    character_at,
    enlarged,
    evidence_over,
    photo_picture,
    reading_picture,
    step_of,
    word_at,
)
from demos.text_recognition_export import character_rows, figure_caption, panels
from demos.text_recognition_words import (
    NOTHING,
    agreement_table,
    answer_line,
    character_table,
    correction_lines,
    reading_line,
    table,
)
from pipelines.shared.errors import UserError
from pipelines.text_recognition.options import PHOTO, PROCEDURES
from pipelines.text_recognition.questions import Question


@pytest.fixture
def shown(text_page: Any, crop_file: Path, visitor: Any) -> dict[Any, Any]:
    """The page after a first run."""
    values = text_page.values({text_page.tab.source.image: str(crop_file)})
    for step in text_page.tab.force(visitor("carl"), values):
        values |= {one: step[one] for one in (text_page.tab.shown,) if one in step}
    return values


def character(symbol: str, probability: float, left: float = 0.0, **more: Any) -> Any:
    told = {"alternatives": (), "verified": 0.9, "lookalikes": (), "is_given": False} | more
    return SimpleNamespace(symbol=symbol, probability=probability, box_xyxy=(left, 2.0, left + 10, 18.0),
                           evidence=np.eye(2, 8, dtype=np.float32), **told)  # fmt: skip


def reading(text: str, **more: Any) -> Any:
    characters = tuple(character(symbol, 0.95, 12.0 * place) for place, symbol in enumerate(text))
    told = {"characters": characters, "confidence": 0.8, "trace": (), "ranking": (), "is_doubtful": False} | more
    return SimpleNamespace(text=text, run=SimpleNamespace(seconds={"infer": 0.012}), **told)  # fmt: skip


def test_a_template_and_a_line_of_english_ask_the_same(text_page: Any, shown: dict[Any, Any]) -> None:
    ask = text_page.tab.ask
    by_template = ask.when_asked({**shown, ask.kind: "count", ask.text: "e"})
    in_words = ask.when_asked_freely({**shown, ask.free: "how many e?"})
    assert by_template[ask.answer] == in_words[ask.answer] and "How many e?" in in_words[ask.answer]
    assert in_words[ask.picture]["visible"] and in_words[ask.picture]["value"].shape[2] == 3


def test_only_the_fields_a_question_has_can_be_filled(text_page: Any, shown: dict[Any, Any]) -> None:
    ask = text_page.tab.ask

    def able(kind: str) -> tuple[bool, bool]:
        updates = ask.when_kind_changes({**shown, ask.kind: kind})
        return updates[ask.number]["interactive"], updates[ask.text]["interactive"]

    fields = {kind: able(kind) for kind in ("length", "char_at", "count", "is_char_at")}
    assert fields == {"length": (False, False), "char_at": (True, False), "count": (False, True),
                      "is_char_at": (True, True)}  # fmt: skip


def test_a_question_that_is_none_lists_those_that_are(text_page: Any, shown: dict[Any, Any]) -> None:
    with pytest.raises(UserError, match="How many e"):
        text_page.tab.ask.when_asked_freely({**shown, text_page.tab.ask.free: "What colour is the sky?"})


def test_procedures_stand_side_by_side(text_page: Any, shown: dict[Any, Any]) -> None:
    compare = text_page.tab.compare
    found = compare.when_procedures(shown)[compare.by_procedure]
    assert all(title in found for title in PROCEDURES.values()) and found.count("<tr>") == len(PROCEDURES) + 1


def test_base_experts_and_mix_stand_side_by_side(text_page: Any, shown: dict[Any, Any]) -> None:
    compare = text_page.tab.compare
    found = compare.when_mixes(shown)[compare.by_mix]
    assert all(f"<td>{name}</td>" in found for name in ("base", "curved", "this mix"))


def test_a_photograph_is_not_compared_word_by_word(text_page: Any, shown: dict[Any, Any]) -> None:
    from dataclasses import replace

    tab = text_page.tab
    photo = {**shown, tab.shown: replace(shown[tab.shown], mode=PHOTO)}
    with pytest.raises(UserError, match="Word crop"):
        tab.compare.when_procedures(photo)


def test_nothing_read_says_so_and_what_to_do() -> None:
    assert "no text detected" in reading_line(reading(""), None) and "hint pattern" in NOTHING


def test_text_of_a_picture_is_shown_not_rendered() -> None:
    assert "<b>" not in reading_line(reading("<b>"), None)
    assert "<i>" not in table(("text",), [("<i>",)])
    answer: Any = SimpleNamespace(text="<u>", probability=0.5, agrees=False, reading="<s>")
    assert "<u>" not in answer_line("?", answer) and "<s>" not in answer_line("?", answer)


def test_a_refined_character_is_marked_and_told() -> None:
    trace = (SimpleNamespace(round=1, position=2, before="l", after="I", verified=0.4, probability_before=0.5,
                             probability_after=0.9),)  # fmt: skip
    word = reading("HI", trace=trace)
    line = reading_line(word, None)
    assert line.count("corrected") == 1 and "was l before refinement" in line
    assert "character 2" in correction_lines(word) and "0.90" in correction_lines(word)


def test_a_character_that_came_back_is_no_correction() -> None:
    """O, then 0, then O again: the tooltip would say that it was 0 before."""
    step = {"position": 1, "verified": 0.4, "probability_before": 0.5, "probability_after": 0.9}
    there, back = (SimpleNamespace(round=1, before="O", after="0", **step),
                   SimpleNamespace(round=2, before="0", after="O", **step))  # fmt: skip
    assert "corrected" not in reading_line(reading("OK", trace=(there, back)), None)
    assert "was O before refinement" in reading_line(reading("0K", trace=(there,)), None)


def test_who_cannot_read_does_not_agree() -> None:
    cannot = UserError("no pattern")
    found = agreement_table({"a": reading("CAT"), "b": reading("CAT"), "d": cannot}, "CAT")
    assert "2 of 2 that could read it read “CAT”" in found and "All agree" not in found
    assert "All agree." in agreement_table({"a": reading("CAT"), "b": reading("CAT")}, "CAT")


def test_a_click_takes_the_word_that_it_lies_on() -> None:
    long, small = ([(left, top), (right, top), (right, top + 20), (left, top + 20)] for left, top, right in
                   ((0, 0, 600), (560, 30, 600)))  # fmt: skip
    corners = [np.float32(long), np.float32(small)]
    photo = np.zeros((100, 640, 3), np.uint8)
    assert [word_at(point, photo, corners) for point in ((590, 15), (590, 40), (620, 60))] == [0, 1, 1]
    assert word_at((1, 1), photo, []) is None


def test_words_stand_behind_their_numbers_in_a_photograph() -> None:
    corners = [
        np.float32([(0, 20), (60, 20), (60, 40), (0, 40)]),
        np.float32([(500, 60), (638, 60), (638, 80), (500, 80)]),
    ]
    photo = np.zeros((100, 640, 3), np.uint8)
    plain, named = (photo_picture(photo, corners, None, labels) for labels in ((), ("HOTEL", "CONTINENTALES")))
    wide = [(picture[:20] > 0).any((0, 2)).sum() for picture in (plain, named)]
    assert plain.shape == named.shape == photo.shape and wide[1] > wide[0] + 30


def test_agreement_is_with_what_most_read() -> None:
    found = agreement_table({"a": reading("CAT"), "b": reading("CAT"), "c": reading("COT"),
                             "d": UserError("no pattern")}, "COT")  # fmt: skip
    assert (
        "2 of 3 that could read it read “CAT”" in found
        and found.count("<td>yes</td>") == 2
        and "cannot: no pattern" in found
    )


def test_steps_of_colour_follow_probability() -> None:
    assert [step_of(share) for share in (1.0, 0.99, 0.95, 0.8, 0.5, 0.1)] == [0, 0, 1, 2, 3, 4] and len(STEPS) == 5


def test_boxes_stand_where_their_characters_do() -> None:
    crop = np.full((20, 40, 3), 200, np.uint8)
    word = reading("CAT")
    plain, picked = (reading_picture(crop, word.characters, chosen) for chosen in (None, 0))
    _, factor = enlarged(crop)
    assert plain.shape == picked.shape and not np.array_equal(plain, picked)
    middle = ((12 + 5) * factor, 10 * factor)
    assert character_at(middle, crop, word.characters) == 1
    assert character_at(middle, crop, ()) is None


def test_evidence_is_seen_where_it_is_strongest() -> None:
    plane = np.zeros((2, 8), np.float32)
    plane[1, 6] = 0.4
    difference = np.abs(evidence_over(np.full((32, 128, 3), 128, np.uint8), plane).astype(int) - 128).sum(-1)
    row, column = np.unravel_index(difference.argmax(), difference.shape)
    assert row >= 16 and 88 <= column < 120 and difference[:, :40].max() == 0


def test_a_crop_of_any_size_is_drawn_within_the_page() -> None:
    for size in ((8, 12), (20, 2000), (1500, 90)):
        picture, factor = enlarged(np.zeros((*size, 3), np.uint8))
        assert picture.shape[0] <= 320 and picture.shape[1] <= 960
        assert abs(picture.shape[1] - size[1] * factor) <= 1


def test_a_question_is_said_as_it_was_understood() -> None:
    assert sentence(Question("is_char_at", (2, "B"))) == "Is character 2 a B?"
    assert sentence(Question("exists", ("0O",))) == "Is there a 0 or a O?"


def test_a_figure_shows_the_crop_as_each_of_them_reads_it(text_page: Any, shown: dict[Any, Any]) -> None:
    tab = text_page.tab
    job, sheet = tab.sight.job(shown), tab.sight.result(shown)

    def made(*names: str, **values: Any) -> list[Panel]:
        return panels(tab.bench, tab.reading, job, sheet, {**shown, tab.reading.chosen: values.get("chosen")}, names)

    every = made("crop", "base", "experts", "mix", "evidence", chosen=0)
    titles = [panel.title.split(":")[0] for panel in every]
    assert titles == ["crop", "base", "curved", "this mix", f"looked for {sheet.text[0]}"]
    assert len({panel.pixels.shape for panel in every}) == 1
    assert not np.array_equal(every[3].pixels, every[4].pixels)
    assert [panel.title for panel in made()] == [f"this mix: {sheet.text} {sheet.words[0].reading.confidence:.2f}"]
    assert len(made("evidence")) == min(len(sheet.text), 8)
    assert "word.png. Parallel." in figure_caption(tab.bench, job) and "Recipe #" in figure_caption(tab.bench, job)


def test_a_row_per_character_goes_into_the_table(text_page: Any, shown: dict[Any, Any]) -> None:
    sheet = text_page.tab.sight.result(shown)
    rows = character_rows(sheet)
    assert "".join(row["character"] for row in rows) == sheet.text
    first = sheet.words[0].reading.characters[0]
    assert float(rows[0]["left"]) == pytest.approx(first.box_xyxy[0], abs=0.051)
    assert rows[0]["alternatives"].split()[0] == first.alternatives[0][0]


def test_columns_that_are_empty_are_left_out() -> None:
    assert "look-alikes" not in character_table(reading("CAT"))
    word = reading("CA", characters=(character("C", 0.9, lookalikes=(("G", 0.5),)), character("A", 0.9)))
    assert "look-alikes" in character_table(word) and "G 0.50" in character_table(word)
