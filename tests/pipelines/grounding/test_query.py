"""What is asked, in words; which words are looked at; and which word spoils an expression."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from pipelines.grounding.counterfactual import MOST_TRIALS, dropped_words, without_each
from pipelines.grounding.pipeline import look
from pipelines.grounding.plvl import PLVL
from pipelines.grounding.query import Query, parse_queries
from pipelines.grounding.results import DECODES
from pipelines.grounding.thresholds import Thresholds
from pipelines.grounding.words import best_cell, word_map, word_shares, words_of
from pipelines.shared.errors import UserError


def test_lines_semicolons_and_lone_dots_part_phrases() -> None:
    asked = parse_queries("the red mug; a  star.\n\nred ball, left . the red mug")
    assert [one.phrase for one in asked] == ["the red mug", "a star", "red ball, left"]
    assert all(one.decodes == DECODES for one in asked)


def test_a_bar_says_what_is_wanted() -> None:
    boxes, nothing = parse_queries("red mug | mask box\nred mug two|none")
    assert boxes == Query("red mug", ("box", "mask")) and nothing.decodes == ()
    assert parse_queries(f"{boxes.text}; {nothing.text}") == (boxes, nothing)
    with pytest.raises(UserError, match="heatmap"):
        parse_queries("red mug | polygons")


@pytest.mark.parametrize("text", ["", " \n;; ", "?!", "x" * 1001, "| box"])
def test_what_asks_nothing_is_refused_in_words(text: str) -> None:
    with pytest.raises(UserError):
        parse_queries(text)


@pytest.mark.parametrize("values", [{"exist": 0.5}, {"most": 2.5}, {"most": 13}, {"centre": -0.1}, {"mask": "much"}])
def test_thresholds_out_of_range_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        Thresholds.from_dict(values)


def test_words_are_looked_at_in_shares(network: PLVL) -> None:
    phrase = "the red star near a zebra"
    (raw,) = look(network, np.random.default_rng(0).random((40, 60, 3), dtype=np.float32), [phrase])
    cell = best_cell(raw)
    shares = word_shares(raw, phrase, cell)
    assert raw.centre[cell] == raw.centre.max()
    assert shares.shape == (network.shape.injections, len(words_of(phrase)))
    assert shares.sum(1) == pytest.approx(1, abs=1e-4)
    assert word_map(raw, 1, 2)[cell] == pytest.approx(shares[1, 2])


def test_a_phrase_among_others_is_answered_as_alone(network: PLVL) -> None:
    pixels = np.random.default_rng(1).random((64, 64, 3), dtype=np.float32)
    phrases = ["a star", "the very long and winding red arrow", "blue"]
    for phrase, raw in zip(phrases, look(network, pixels, phrases), strict=True):
        (alone,) = look(network, pixels, [phrase])
        assert np.abs(alone.centre - raw.centre).max() < 1e-5 and abs(alone.existence - raw.existence) < 1e-5


def test_a_picture_is_seen_once_for_all_phrases(network: PLVL, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Size] = []
    see = network.see
    monkeypatch.setattr(network, "see", lambda pixels: (seen.append(pixels.shape), see(pixels))[1])
    look(network, np.zeros((8, 8, 3), np.float32), ["a star", "a mug", "a key"])
    assert [shape[0] for shape in seen] == [1]


def test_articles_are_no_reason() -> None:
    assert without_each("the red mug") == [("red", "the mug"), ("mug", "the red")]
    assert without_each("the mug") == []


def test_the_word_that_spoils_it_comes_first_and_all_go_in_one_call() -> None:
    calls: list[list[str]] = []

    def ask(texts: list[str]) -> list[Any]:
        calls.append(texts)
        return [SimpleNamespace(existence=0.1 if "purple" in text.split() else 0.9) for text in texts]

    long = " ".join(f"word{n}" for n in range(23))
    found = dropped_words(["purple star left", long, long + "s"], ask)
    assert found["purple star left"][0].word == "purple" and found["purple star left"][0].existence == 0.9
    assert len(calls) == 1 and len(calls[0]) == MOST_TRIALS
