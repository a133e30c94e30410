"""What is asked, in words; which words are looked at; and which word spoils an expression."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from pipelines.grounding.counterfactual import MOST_TRIALS, dropped_words, without_each
from pipelines.grounding.formats import Coco, phrases_of, yolo
from pipelines.grounding.pipeline import look
from pipelines.grounding.plvl import PLVL
from pipelines.grounding.query import Query, parse_queries, queries_of, restricted
from pipelines.grounding.random_scene import SceneRef
from pipelines.grounding.results import (
    DECODES,
    GroundedObject,
    GroundingResult,
    PhraseResult,
    disagreement,
    is_absent,
)
from pipelines.grounding.thresholds import Thresholds
from pipelines.grounding.words import best_cell, word_map, word_shares, words_of
from pipelines.shared.errors import UserError
from pipelines.shared.notice import info, warning
from pipelines.shared.run_info import RunInfo


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


def answer(*phrases: str) -> GroundingResult:
    """An object for each phrase, whose box and mask disagree."""
    mask = np.zeros((10, 20), bool)
    mask[2:4, 2:4] = True
    objects = tuple(GroundedObject(i, phrase, (1.0, 2.0, 9.0, 8.0), 0.9, mask, (5.0, 5.0), 0.1)
                    for i, phrase in enumerate(phrases, 1))  # fmt: skip
    found = tuple(PhraseResult(one.phrase, 0.9, (one.id,), mask, mask, (), SimpleNamespace()) for one in objects)
    said = tuple(warning(disagreement(one.id)) for one in objects)
    return GroundingResult((20, 10), objects, found, RunInfo("plvl", "embedded", {}, "", 0, "cpu"),
                           {"existence": 0.5}, (info("grey"), *said))  # fmt: skip


def test_only_what_is_asked_for_is_in_an_answer() -> None:
    queries = parse_queries("a star | none; the mug | box; the key | mask; the car")
    result = restricted(answer(*(query.phrase for query in queries)), queries)
    assert [(one.id, one.phrase) for one in result.objects] == [(1, "the mug"), (2, "the key"), (3, "the car")]
    assert [one.targets for one in result.phrases] == [(), (1,), (2,), (3,)]
    assert [one.text for one in result.notices] == ["grey", disagreement(3)]
    told = result.to_dict()
    mug, key, car = told["objects"]
    assert set(told["existence"]) == {"a star", "the mug", "the key", "the car"}
    assert "mask_rle" not in mug and "area_share" not in mug and mug["box_xyxy"] == [1, 2, 9, 8]
    assert "box_xyxy" not in key and key["mask_rle"]["size"] == [10, 20]
    assert {"box_xyxy", "center", "mask_rle", "area_share", "consistency"} <= set(car)


def test_files_of_others_have_what_is_asked_for() -> None:
    queries = parse_queries("a star | none; the mug | box; the key | mask")
    result, document = restricted(answer(*(query.phrase for query in queries)), queries), Coco()
    document.add("it.png", result, {2: "masks/it.png-2.png"})
    mug, key = document.document({})["annotations"]
    assert "segmentation" not in mug and mug["area"] == 48 and "mask_file" not in mug
    assert key["area"] == 4 and key["mask_file"] == "masks/it.png-2.png"
    assert yolo(result, phrases_of(result)) == "1 0.250000 0.500000 0.400000 0.600000\n"


def test_what_is_only_asked_is_absent_below_the_threshold() -> None:
    (one,) = restricted(answer("a star"), parse_queries("a star | none")).phrases
    assert is_absent(one, 0.95) and not is_absent(one, 0.5)


@pytest.mark.parametrize("text", ["", " \n;; ", "?!", "x" * 1001, "| box"])
def test_what_asks_nothing_is_refused_in_words(text: str) -> None:
    with pytest.raises(UserError):
        parse_queries(text)


def test_the_phrases_of_a_recipe_are_texts() -> None:
    assert queries_of("the red mug") == parse_queries("the red mug") and queries_of(None) == queries_of([]) == ()
    assert queries_of(["the red mug", "a star | box"]) == parse_queries("the red mug\na star | box")
    for strange in (7, {"a": 1}, ["a star", 3]):
        with pytest.raises(UserError, match="list of texts"):
            queries_of(strange)


@pytest.mark.parametrize("strange", ["base", 3, ["base", 0], {"kind": "base", "number": 2}, {"kind": "attic"},
                                     {"seed": "x"}])  # fmt: skip
def test_a_strange_scene_of_a_recipe_is_refused_in_words(strange: Any) -> None:
    with pytest.raises(UserError, match="scene"):
        SceneRef.from_dict(strange)
    assert SceneRef.from_dict({"kind": "relation", "seed": 3}) == SceneRef("relation", 3)


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


def test_a_picture_and_its_mirror_image_are_seen_once_for_all_phrases(
    network: PLVL, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Size] = []
    see = network.see
    monkeypatch.setattr(network, "see", lambda pixels: (seen.append(pixels.shape), see(pixels))[1])
    look(network, np.zeros((8, 8, 3), np.float32), ["a star", "a mug", "a key"])
    assert [shape[0] for shape in seen] == [2]


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
