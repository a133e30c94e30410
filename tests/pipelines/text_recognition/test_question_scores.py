"""Scores of a network that knows the words, and of one that knows others."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.text_recognition.charset import CLASSES, EOS, encode
from pipelines.text_recognition.crops import Look
from pipelines.text_recognition.datasets import Word
from pipelines.text_recognition.igtr import Answers
from pipelines.text_recognition.procedures.reading import Reading
from pipelines.text_recognition.question_scores import localisation_scores, question_scores

LABELS = ("Coffee", "B0OK", "tea")


class Knows:
    """Answers by the word whose number stands in the visual tokens; `shift` moves its boxes, in widths."""

    def __init__(self, words: tuple[str, ...], shift: float = 0.0) -> None:
        self.words, self.shift = [[*encode(word), EOS] for word in words], shift

    def answer(self, visual: Tensor, condition: object, questions: object, *, with_evidence: bool) -> Answers:
        rows = []
        for row, number in enumerate(visual[:, 0, 0].long().tolist()):
            word = self.words[number]
            kinds = zip(questions.characters[row].tolist(), questions.positions[row].tolist(),
                        questions.occurrence[row].tolist(), strict=True)  # fmt: skip
            rows.append([self._told(word, *one) for one in kinds])
        evidence = torch.full((len(rows), len(rows[0]), 2, 32), 1 / 64)
        return Answers(torch.tensor(rows), evidence if with_evidence else None)

    def _told(self, word: list[int], character: int, position: int, nth: int) -> list[float]:
        places = [place for place, one in enumerate(word, 1) if one == character]
        at = word[position - 1] if 1 <= position <= len(word) else EOS
        length = max(len(word) - 1, 1)
        centre = (position - 0.5 + self.shift) / length
        place = places[nth] if nth < len(places) else 0
        return [at == character, word.count(character), place, centre, 0.5, 1 / length, 1.0]

    def verify(self, features: Tensor, positions: Tensor) -> Tensor:
        return features[..., 0] * 8 - 4

    def count(self, features: Tensor) -> Tensor:
        return F.one_hot(features[..., 1].long(), 27) * 9.0

    def place(self, features: Tensor) -> Tensor:
        return F.one_hot(features[..., 2].long(), 27) * 9.0

    def box(self, features: Tensor) -> Tensor:
        return features[..., 3:]


def look(number: int, text: str) -> Look:
    shares = [(index, torch.full((CLASSES,), 1 / CLASSES)) for index in encode(text)]
    return Look(0, torch.full((1, 64, 4), float(number)), Reading.of_rows([shares], torch.device("cpu")))


def words(is_boxed: bool = False) -> list[Word]:
    made = []
    for label in LABELS:
        edges = np.linspace(0, 60, len(label) + 1, dtype=np.float32)
        boxes = np.stack([edges[:-1], edges[:-1] * 0, edges[1:], edges[1:] * 0 + 20], 1)
        made.append(Word(np.zeros((20, 60, 3), np.uint8), label, boxes if is_boxed else None))
    return made


LOOKS = [look(number, label) for number, label in enumerate(LABELS)]


@pytest.mark.parametrize("is_case_sure", [True, False])
def test_a_network_that_knows_answers_everything(is_case_sure: bool) -> None:
    scores = question_scores(Knows(LABELS), LOOKS, words(), is_case_sure)
    assert scores == {"q2_auc": 1.0, "q3_exact": 1.0, "q3_false_alarm": 0.0, "q4_accuracy": 1.0}


def test_without_sure_case_the_other_case_is_right_too() -> None:
    swapped = Knows(tuple(label.swapcase() for label in LABELS))
    assert question_scores(swapped, LOOKS, words(), False)["q3_exact"] == 1.0
    assert question_scores(swapped, LOOKS, words(), True)["q3_exact"] < 0.5


def test_a_network_that_knows_other_words_is_found_out() -> None:
    scores = question_scores(Knows(("xyz", "1234", "MMMMMM")), LOOKS, words(), True)
    assert scores["q2_auc"] <= 0.5 and scores["q3_exact"] == 0 and scores["q4_accuracy"] == 0
    assert scores["q3_false_alarm"] > 0


def test_boxes_of_words_read_right_are_measured() -> None:
    exact = localisation_scores(Knows(LABELS), LOOKS, words(True))
    assert exact == pytest.approx({"n": 13, "iou_50": 1.0, "mean_iou": 1.0, "centre_error": 0.0}, abs=1e-4)
    moved = localisation_scores(Knows(LABELS, shift=0.25), LOOKS, words(True))
    assert moved["centre_error"] == pytest.approx(0.25, abs=0.05) and 0.5 < moved["mean_iou"] < 0.75


def test_words_read_wrong_and_words_without_boxes_are_left_out() -> None:
    wrong = [look(0, "Coffea"), *LOOKS[1:]]
    assert localisation_scores(Knows(LABELS), wrong, words(True))["n"] == 7
    assert localisation_scores(Knows(LABELS), LOOKS, words()) == {}
