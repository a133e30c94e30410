"""Claims that hold for every procedure, over the table of readers, with a tiny network of random weights."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pipelines.shared.errors import UserError
from pipelines.text_recognition.charset import CHARACTERS, CLASSES, EOS, PAD
from pipelines.text_recognition.constraint import Constraint
from pipelines.text_recognition.options import PROCEDURES, ReadingOptions
from pipelines.text_recognition.procedures.reading import Reading
from pipelines.text_recognition.reader import Reader
from pipelines.text_recognition.reading import READERS, read

BY_POSITION = ("parallel", "autoregressive", "verification")


def bound(reader: Reader, **options: str) -> Reader:
    return replace(reader, constraint=Constraint.of(ReadingOptions(**options)))


@pytest.mark.parametrize("name", PROCEDURES)
def test_a_reading_ends_once_and_its_probabilities_are_some(reader: Reader, name: str) -> None:
    reading = READERS[name](reader)
    assert reading.classes.shape == (4, 26) and reading.distribution.shape == (4, 26, CLASSES)
    for row in reading.classes.tolist():
        end = row.index(EOS)
        assert all(index not in (EOS, PAD) for index in row[:end]) and set(row[end + 1 :]) <= {PAD}
    assert reading.distribution.min() >= 0 and reading.distribution.sum(-1).max() <= 1 + 1e-5
    assert all(0 <= confidence <= 1 for confidence in reading.confidences())
    assert [len(text) for text in reading.texts()] == reading.lengths


@pytest.mark.parametrize("name", PROCEDURES)
def test_a_batch_reads_as_each_crop_alone(reader: Reader, name: str) -> None:
    alone = [READERS[name](reader.rows([row])).texts()[0] for row in range(len(reader))]
    assert READERS[name](reader).texts() == alone


@pytest.mark.parametrize("name", PROCEDURES)
def test_the_character_set_is_obeyed(reader: Reader, name: str) -> None:
    texts = READERS[name](bound(reader, charset="custom:xyz7")).texts()
    assert set("".join(texts)) <= set("xyz7")


@pytest.mark.parametrize("name", BY_POSITION)
def test_the_pattern_is_obeyed(reader: Reader, name: str) -> None:
    for text in READERS[name](bound(reader, pattern="C?FF??", charset="upper")).texts():
        assert len(text) == 6 and text[0] + text[2:4] == "CFF" and text.isupper()
    for text in READERS[name](bound(reader, pattern="C?FF*")).texts():
        assert len(text) >= 4 and text[0] + text[2:4] == "CFF"


@pytest.mark.parametrize("name", sorted(set(PROCEDURES) - set(BY_POSITION)))
def test_what_knows_no_positions_refuses_a_pattern(reader: Reader, name: str) -> None:
    with pytest.raises(UserError, match="cannot follow a pattern"):
        READERS[name](bound(reader, pattern="C?FF"))


def test_parallel_and_autoregressive_agree_on_the_first_character(reader: Reader) -> None:
    first, second = READERS["parallel"](reader), READERS["autoregressive"](reader)
    assert torch.allclose(first.distribution[:, 0], second.distribution[:, 0], atol=1e-5)


def test_autoregressive_reading_knows_what_it_read(reader: Reader) -> None:
    """Each character is the best one once those before it are known: checked from the outside, one by one."""
    reading = READERS["autoregressive"](reader)
    row = reading.classes[0].tolist()
    for place in range(row.index(EOS)):
        prefix = list(enumerate(row[:place], 1))
        one = reader.rows([0])
        shares = one.characters(torch.tensor([[place + 1]]), one.condition([prefix]))
        assert int(shares.argmax()) == row[place]


def test_options_choose_the_procedure_and_the_refinement(reader: Reader) -> None:
    plain = read(reader, ReadingOptions("ctc"))
    assert plain.texts() == READERS["ctc"](reader).texts() and plain.traces == ()
    refined = read(reader, ReadingOptions("parallel", refinements=1, doubt_threshold=1.0, lookalikes=True))
    assert all(trace for trace, length in zip(refined.traces, refined.lengths, strict=True) if length)


def test_readings_of_rows_are_cut_at_the_longest_word() -> None:
    shares = torch.full((CLASSES,), 1 / CLASSES)
    reading = Reading.of_rows([[(1, shares)] * 30, []], torch.device("cpu"))
    assert reading.lengths == [25, 0] and reading.texts()[0] == CHARACTERS[0] * 25
