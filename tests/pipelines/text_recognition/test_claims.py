"""What the shipped network says of itself, on a few drawn words; the figures are measured by bench_text_claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bench_text_claims import SCRIPTS, doubted_scripts, drawn, measure, tables, turned_scores
from pipelines.merging.recipe import MergeRecipe
from pipelines.registry import family
from pipelines.shared.cache import ModelCache
from pipelines.shared.family import ModelFamily
from pipelines.text_recognition import evaluate as evaluation
from pipelines.text_recognition.crops import read_crops
from pipelines.text_recognition.datasets import Word
from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.metrics import is_right
from pipelines.text_recognition.options import PROCEDURES, ReadingOptions
from pipelines.text_recognition.photograph import as_picture
from pipelines.text_recognition.pipeline import TextRecognitionPipeline
from pipelines.text_recognition.question_scores import overlap
from pipelines.text_recognition.results import RecognitionResult
from pipelines.text_recognition.views import turned
from tests.pipelines.text_recognition.tiny import FixedSet

WORDS = [drawn(text) for text in ("Hotel", "market", "OPEN", "Station", "coffee", "river", "TAXI", "Museum")]


@pytest.fixture(scope="module")
def shipped(root: Path) -> ModelCache:
    return ModelCache(root / "assets")


@pytest.fixture(scope="module")
def pipeline(shipped: ModelCache) -> TextRecognitionPipeline:
    return TextRecognitionPipeline(shipped)


def right(results: Sequence[RecognitionResult]) -> list[bool]:
    return [is_right(result.text, word.label) for result, word in zip(results, WORDS, strict=True)]


def test_boxes_stand_on_the_characters_of_words_that_are_read(pipeline: TextRecognitionPipeline) -> None:
    results = pipeline.batch([as_picture(word.image, word.label) for word in WORDS])
    assert sum(right(results)) >= 6
    overlaps = [
        overlap(np.array([one.box_xyxy for one in result.characters]), word.boxes_xyxy)
        for result, word, is_read in zip(results, WORDS, right(results), strict=True)
        if is_read
    ]
    assert np.mean(np.concatenate(overlaps) >= 0.5) >= 0.7


@pytest.mark.parametrize("procedure", PROCEDURES)
@pytest.mark.parametrize("turn", [90, -90])
def test_a_word_that_lies_on_its_side_is_read_and_the_turn_is_told(
    pipeline: TextRecognitionPipeline, turn: int, procedure: str
) -> None:
    lying = [as_picture(turned(word.image, turn), word.label) for word in WORDS]
    results = pipeline.batch(lying, ReadingOptions(procedure))
    assert sum(right(results)) >= 6
    told = [result.turned for result, is_read in zip(results, right(results), strict=True) if is_read]
    assert set(told) == {-turn}


def test_three_ways_read_what_one_cannot(shipped: ModelCache) -> None:
    with shipped.lease(family("igtr"), family("igtr").default) as lease:
        scores = turned_scores(lease.model, WORDS)
    assert scores["n"] == len(WORDS) and scores["three_ways"] >= scores["as_they_lie"] + 0.5


def test_letters_of_another_script_are_said_to_be_doubtful_and_latin_ones_are_not(shipped: ModelCache) -> None:
    found = doubted_scripts(family("igtr"), shipped, 12, ("latin", "arabic", "georgian"))
    assert found["latin"] <= 0.25 and min(found["arabic"], found["georgian"]) >= 0.5


def test_every_claim_is_measured_on_the_crops_of_its_sets(
    tiny_family: ModelFamily, cache: ModelCache, network: IGTR, crops: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    (look,) = read_crops(network, crops[:1], ReadingOptions())
    (text,) = look.reading.texts()
    boxes = np.tile(np.array([[0, 0, 8, 8]], np.float32), (len(text), 1))
    words = (Word(crops[0], text, boxes), Word(crops[2], "Tea"))
    sets = tuple(FixedSet(name, words) for name in ("clean", "digits"))
    monkeypatch.setattr(evaluation, "generated_sets", lambda split="test": sets)
    report = measure(replace(tiny_family, default=MergeRecipe()), cache, 2)
    assert report["confidence"].keys() == {"clean", "digits"} and report["boxes"].keys() == {"clean"}
    assert report["boxes"]["clean"]["n"] == len(text)
    assert report["turned"]["n"] == 1 and report["turned"]["upright"] == 1.0
    assert report["doubted"].keys() == SCRIPTS.keys()


def test_the_tables_have_a_row_for_each_set() -> None:
    scores = dict.fromkeys(("ece_raw", "ece", "accuracy_at_0.5", "accuracy_at_0.8", "accuracy_at_0.95"), 0.25)
    boxes = {"n": 3.0, "iou_50": 1.0, "mean_iou": 0.8, "centre_error": 0.1}
    turned_ = {"n": 8, "upright": 1.0, "three_ways": 0.9, "as_they_lie": 0.0}
    text = tables({"crops_per_set": 5, "confidence": {"clean": scores}, "boxes": {"clean": boxes, "curved": {}},
                   "turned": turned_, "doubted": {"latin": 0.07}})  # fmt: skip
    assert "| clean | 0.250 |" in text and "| clean | 3 | 1.000 |" in text and "curved" not in text
    assert "latin 7%" in text
