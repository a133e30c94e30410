"""What the reader promises to every procedure: probabilities that obey, and answers that do not hang together."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pipelines.text_recognition.calibration import Temperatures
from pipelines.text_recognition.charset import CLASSES, encode
from pipelines.text_recognition.constraint import Constraint
from pipelines.text_recognition.options import ReadingOptions
from pipelines.text_recognition.reader import Reader


def test_characters_are_probabilities_under_the_constraint(reader: Reader) -> None:
    bound = replace(reader, constraint=Constraint.of(ReadingOptions(pattern="?7*", charset="digits")))
    shares = bound.characters(bound.all_positions(3))
    assert shares.shape == (4, 3, CLASSES)
    assert torch.allclose(shares.sum(-1), torch.ones(4, 3))
    assert (shares[:, 1, encode("7")[0]] == 1).all()
    assert (shares[..., encode("abcXYZ!")] == 0).all()


def test_a_higher_temperature_is_less_sure(reader: Reader) -> None:
    cold, warm = (
        replace(reader, temperatures=Temperatures(character=value)).characters(reader.all_positions())
        for value in (0.5, 2.0)
    )
    assert (cold.amax(-1) > warm.amax(-1))[:, :25].all()
    assert (cold.argmax(-1) == warm.argmax(-1)).all()


def test_a_batch_answers_as_each_crop_alone(reader: Reader) -> None:
    together = reader.characters(reader.all_positions())
    alone = torch.cat([reader.rows([row]).characters(reader.all_positions()[:1]) for row in range(len(reader))])
    assert torch.allclose(together, alone, atol=1e-5)


def test_further_questions_do_not_change_an_answer(reader: Reader) -> None:
    few, many = (reader.characters(reader.all_positions(count))[:, :2] for count in (2, 26))
    assert torch.allclose(few, many, atol=1e-5)


def test_the_order_of_what_is_known_changes_nothing(reader: Reader) -> None:
    pairs = [(1, 5), (2, 9), (4, 60)]
    answers = [
        reader.characters(reader.all_positions(), reader.condition([order] * 4)) for order in (pairs, pairs[::-1])
    ]
    assert torch.allclose(*answers, atol=1e-5)


def test_what_is_known_changes_answers(reader: Reader) -> None:
    told = reader.characters(reader.all_positions(), reader.condition([[(1, 5)]] * 4))
    assert not torch.allclose(told, reader.characters(reader.all_positions()), atol=1e-3)


def test_a_pattern_stands_in_every_condition_once(reader: Reader) -> None:
    bound = replace(reader, constraint=Constraint.of(ReadingOptions(pattern="a*")))
    condition = bound.condition([[(1, encode("a")[0])], [(2, 3)], [], []])
    assert condition.valid.sum(1).tolist() == [2, 3, 2, 2]


@pytest.mark.parametrize("count", [1, 5])
def test_boxes_and_evidence_have_a_place_each(reader: Reader, count: int) -> None:
    boxes, evidence = reader.located(count)
    assert boxes.shape == (4, count, 4) and boxes.min() >= 0 and boxes.max() <= 1
    assert evidence.shape == (4, count, *reader.network.grid)
    assert torch.allclose(evidence.sum((2, 3)), torch.ones(4, count), atol=1e-5)
