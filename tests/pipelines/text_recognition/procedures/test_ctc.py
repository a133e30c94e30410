from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import torch

from pipelines.text_recognition.charset import CLASSES, encode
from pipelines.text_recognition.procedures.ctc import BLANK, read_ctc
from pipelines.text_recognition.reader import Reader


def shown(reader: Reader, path: str) -> Reader:
    """A reader whose columns show these characters, "_" for the blank, later repeats with less certainty."""
    logits = torch.zeros(1, len(path), CLASSES + 1)
    for column, symbol in enumerate(path):
        logits[0, column, BLANK if symbol == "_" else encode(symbol)[0]] = 9.0 - column * 0.1
    return replace(reader, network=SimpleNamespace(ctc=lambda visual: logits), visual=reader.visual[:1])


def test_repeats_are_joined_unless_a_blank_parts_them(reader: Reader) -> None:
    reading = read_ctc(shown(reader, "__CCo_ff_f_ee__e"))
    assert reading.texts() == ["Coffee"]


def test_nothing_but_blanks_is_no_text(reader: Reader) -> None:
    reading = read_ctc(shown(reader, "____"))
    assert reading.texts() == [""] and reading.confidences() == [1.0]


def test_a_character_has_the_probability_of_its_best_column(reader: Reader) -> None:
    reading = read_ctc(shown(reader, "aaa_"))
    # 93 other characters and the blank
    expected = torch.tensor([9.0] + [0.0] * (CLASSES - 1)).softmax(0)[0]
    assert torch.isclose(reading.probabilities[0, 0], expected)
