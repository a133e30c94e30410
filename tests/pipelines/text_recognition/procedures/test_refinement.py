"""Refinement against a network that is scripted: it doubts one character and knows it once the others are told."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from pipelines.text_recognition.charset import CLASSES, EOS, encode
from pipelines.text_recognition.constraint import Constraint
from pipelines.text_recognition.lookalikes import LOOKALIKES
from pipelines.text_recognition.procedures.reading import Reading
from pipelines.text_recognition.procedures.refinement import refine
from pipelines.text_recognition.results import Correction

TRUTH = "C0FFEE"


@dataclass
class ScriptedReader:
    """Says yes to the truth, and reads it once what is known is right; else it reads X everywhere."""

    yes: float = 0.99
    constraint: Constraint = field(default_factory=Constraint)
    asked: list[list[tuple[int, int]]] = field(default_factory=list)

    def __len__(self) -> int:
        return 1

    def rows(self, indices: Tensor) -> ScriptedReader:
        assert indices.tolist() == [0]
        return self

    def all_positions(self, count: int) -> Tensor:
        return torch.arange(1, count + 1)[None]

    def condition(self, pairs: list[list[tuple[int, int]]]) -> list[tuple[int, int]]:
        self.asked.append(pairs[0])
        return pairs[0]

    def verify(self, characters: Tensor, positions: Tensor) -> Tensor:
        truth = torch.tensor([*encode(TRUTH), EOS])
        is_true = truth[positions - 1] == characters
        return torch.logit(torch.where(is_true, self.yes, 1 - self.yes))

    def characters(self, positions: Tensor, condition: list[tuple[int, int]]) -> Tensor:
        is_told_right = all(encode(TRUTH)[position - 1] == character for position, character in condition)
        read = encode(TRUTH if is_told_right else "X" * len(TRUTH))
        return torch.nn.functional.one_hot(torch.tensor([read]), CLASSES).float()[:, : positions.shape[1]]


def reading_of(text: str) -> Reading:
    shares = [(index, torch.full((CLASSES,), 1 / CLASSES)) for index in encode(text)]
    return Reading.of_rows([shares], torch.device("cpu"))


def test_the_doubtful_character_is_read_again_with_the_others_known() -> None:
    reader = ScriptedReader()
    refined = refine(reader, reading_of("COFFEE"), 0.9)
    assert refined.texts() == ["C0FFEE"]
    assert reader.asked == [[(place, index) for place, index in enumerate(encode(TRUTH), 1) if place != 2]]
    (correction,) = refined.traces[0]
    assert correction == Correction(1, 2, "O", "0", pytest.approx(0.01, abs=1e-4), pytest.approx(1 / CLASSES), 1.0)


def test_without_doubt_nothing_is_asked_again() -> None:
    reader = ScriptedReader()
    refined = refine(reader, reading_of(TRUTH), 0.9, rounds=3)
    assert refined.texts() == [TRUTH] and refined.traces == ((),) and reader.asked == []


def test_further_rounds_doubt_what_is_left() -> None:
    refined = refine(ScriptedReader(yes=0.8), reading_of("COFFEE"), 0.9, rounds=2)
    assert [correction.round for correction in refined.traces[0]] == [1] * 6 + [2] * 6


def test_a_louder_lookalike_raises_doubt() -> None:
    assert refine(ScriptedReader(), reading_of("COFFEE"), 0.0).texts() == ["COFFEE"]
    assert refine(ScriptedReader(), reading_of("COFFEE"), 0.0, lookalikes=LOOKALIKES).texts() == ["C0FFEE"]


def test_an_empty_reading_has_nothing_to_refine() -> None:
    refined = refine(ScriptedReader(), reading_of(""), 0.9)
    assert refined.texts() == [""] and refined.traces == ((),)
