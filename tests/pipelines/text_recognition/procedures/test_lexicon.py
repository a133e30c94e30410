from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from pipelines.shared.errors import UserError
from pipelines.text_recognition.charset import EOS, encode
from pipelines.text_recognition.constraint import Constraint
from pipelines.text_recognition.options import ReadingOptions
from pipelines.text_recognition.procedures.lexicon import read_from_lexicon
from pipelines.text_recognition.reader import Reader

WORDS = ("Coffee", "toffee", "coffin", "tea", "a")


def score_by_hand(reader: Reader, word: str) -> float:
    """One pass per character: the sum of log Q1 + 0.5 log Q2, the true prefix known."""
    total, classes = 0.0, [*encode(word), EOS]
    for place, character in enumerate(classes):
        condition = reader.condition([list(enumerate(classes[:place], 1))])
        position = torch.tensor([[place + 1]])
        total += float(reader.characters(position, condition)[0, 0, character].log())
        total += 0.5 * float(F.logsigmoid(reader.verify(torch.tensor([[character]]), position, condition))[0, 0])
    return total


def test_scores_are_those_of_reading_every_spelling_letter_by_letter(reader: Reader) -> None:
    """Each word's score is that of the spelling which one parallel pass likes best, so one of the four."""
    one = reader.rows([0])
    (ranking,) = read_from_lexicon(one, WORDS).rankings
    assert sorted(word for word, _ in ranking) == sorted(WORDS)
    assert [score for _, score in ranking] == sorted((score for _, score in ranking), reverse=True)
    for word, score in ranking:
        spellings = {word, word.lower(), word.upper(), word.capitalize()}
        assert min(abs(score_by_hand(one, spelling) - score) for spelling in spellings) < 1e-3


def test_the_reading_is_the_best_word_in_some_spelling(reader: Reader) -> None:
    reading = read_from_lexicon(reader, WORDS)
    for text, ranking in zip(reading.texts(), reading.rankings, strict=True):
        assert text.lower() == ranking[0][0].lower()


def test_confidence_is_the_share_of_the_best_word(reader: Reader) -> None:
    assert read_from_lexicon(reader, ["tea"]).confidences() == pytest.approx([1] * 4)
    shared = read_from_lexicon(reader, WORDS)
    assert all(1 / len(WORDS) <= confidence < 1 for confidence in shared.confidences())


def test_long_lists_are_cut_to_the_best(reader: Reader) -> None:
    words = [f"word{number}" for number in range(60)]
    reading = read_from_lexicon(reader.rows([0]), words, forced=8)
    assert len(reading.rankings[0]) == 8


def test_a_word_that_comes_twice_is_ranked_once(reader: Reader) -> None:
    assert len(read_from_lexicon(reader.rows([0]), ("tea", "tea")).rankings[0]) == 1


def test_words_and_spellings_that_the_hints_exclude_are_left_out(reader: Reader) -> None:
    bound = replace(reader, constraint=Constraint.of(ReadingOptions(pattern="T*", charset="upper")))
    reading = read_from_lexicon(bound, WORDS)
    assert {word for ranking in reading.rankings for word, _ in ranking} == {"toffee", "tea"}
    assert set(reading.texts()) <= {"TOFFEE", "TEA"}


def test_a_list_of_which_nothing_fits_is_refused(reader: Reader) -> None:
    bound = replace(reader, constraint=Constraint.of(ReadingOptions(pattern="ZZ*", charset="digits")))
    with pytest.raises(UserError, match="None of the 2 words of the list, 'TEA' first"):
        read_from_lexicon(bound, ("TEA", "ream"))
