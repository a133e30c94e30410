"""Assembly against scripted answers."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.text_recognition.charset import decode
from pipelines.text_recognition.constraint import Constraint
from pipelines.text_recognition.procedures.assembly import read_by_assembly


@dataclass
class ScriptedReader:
    """Counts the characters of its words, and names their places with some doubt about the next one."""

    words: tuple[str, ...]
    doubt: float = 0.2
    constraint: Constraint = field(default_factory=Constraint)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def __len__(self) -> int:
        return len(self.words)

    def counts(self, characters: Tensor) -> Tensor:
        counts = [
            [word.count(decode([index])) for index in row]
            for word, row in zip(self.words, characters.tolist(), strict=True)
        ]
        return F.one_hot(torch.tensor(counts), 27).float() * 0.9 + 0.1 / 27

    def places(self, characters: Tensor, occurrences: Tensor) -> Tensor:
        shares = torch.zeros(*characters.shape, 27)
        for row, word in enumerate(self.words):
            for column, (index, nth) in enumerate(
                zip(characters[row].tolist(), occurrences[row].tolist(), strict=True)
            ):
                places = [place for place, symbol in enumerate(word, 1) if symbol == decode([index])]
                place = places[nth] if nth < len(places) else 0
                shares[row, column, place] = 1 - self.doubt
                shares[row, column, max(place - 1, 1)] += self.doubt
        return shares


def test_words_are_put_together_from_counts_and_places() -> None:
    words = ("Mississippi", "a", "", "aabbaa")
    assert read_by_assembly(ScriptedReader(words)).texts() == list(words)


def test_no_two_characters_take_one_place() -> None:
    """With a doubt above one half, every character would rather stand one place further left."""
    reading = read_by_assembly(ScriptedReader(("abc",), doubt=0.6))
    assert sorted(reading.texts()[0]) == ["a", "b", "c"]


def test_probabilities_join_count_and_place() -> None:
    (confidence,) = read_by_assembly(ScriptedReader(("ab",), doubt=0.0)).confidences()
    assert abs(confidence - (0.9 + 26 * 0.1 / 27) ** 2) < 1e-3
