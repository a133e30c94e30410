"""Expressions to numbers."""

from __future__ import annotations

import pytest
import torch

from pipelines.grounding.tokenizer import FIRST, ROWS, SUMMARY, TOKENS, UNKNOWN, split, tokenize, unknown
from pipelines.grounding.vocabulary import WORDS


def test_every_word_has_one_row_and_there_is_room() -> None:
    assert len(set(WORDS)) == len(WORDS) and FIRST + len(WORDS) <= ROWS
    assert all(word == word.lower() and word.isalnum() for word in WORDS)


def test_case_and_marks_do_not_count() -> None:
    first, second = tokenize(["the red, STAR!"]), tokenize(["the red star"])
    assert torch.equal(first.words, second.words) and torch.equal(first.grams, second.grams)


def test_unknown_words_share_a_row_and_differ_by_their_letters() -> None:
    tokens = tokenize(["zebra", "giraffe"])
    assert tokens.words[:, 1].tolist() == [UNKNOWN, UNKNOWN]
    assert not torch.equal(tokens.grams[0], tokens.grams[1])
    assert unknown("the red zebra, the zebra") == ["zebra"]


@pytest.mark.parametrize("word", ["last", "other", "row", "seventh", "this", "lefthand"])
def test_a_word_with_a_row_that_no_training_said_is_unknown(word: str) -> None:
    assert word in WORDS and unknown(f"the {word} red star") == [word]


def test_possessives_are_no_words() -> None:
    assert split("the man's hat") == split("the man’s hat") == ["the", "man", "hat"]
    assert unknown("the star's ring") == []


def test_empty_and_endless_expressions_are_defined() -> None:
    tokens = tokenize(["", "red " * 200, "赤い 星"])
    assert tokens.valid.sum(1).tolist() == [1, TOKENS, 3]
    assert (tokens.words[:, 0] == SUMMARY).all()
