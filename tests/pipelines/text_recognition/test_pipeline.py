"""The pipeline on a tiny family of random weights: what comes out, what it refuses, and what it does not do twice."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.cache import ModelCache
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily
from pipelines.shared.images import OpenedImage
from pipelines.text_recognition.options import PROCEDURES, ReadingOptions
from pipelines.text_recognition.pipeline import TextRecognitionPipeline
from pipelines.text_recognition.questions import Question

EXPERT = MergeRecipe(coefficients=(("curved", 1.0),), scale=1.0)


@pytest.fixture
def pipeline(cache: ModelCache, tiny_family: ModelFamily) -> TextRecognitionPipeline:
    return TextRecognitionPipeline(cache, tiny_family)


def picture(pixels: np.ndarray) -> OpenedImage:
    return OpenedImage(pixels.astype(np.float32) / 255, "word.png", "", False)


@pytest.fixture
def images(crops: list[np.ndarray]) -> list[OpenedImage]:
    return [picture(crop) for crop in crops]


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_every_procedure_gives_a_whole_result(
    pipeline: TextRecognitionPipeline, images: list[OpenedImage], procedure: str
) -> None:
    options = ReadingOptions(procedure, refinements=1, lookalikes=True)
    for image, result in zip(images, pipeline.batch(images, options), strict=True):
        height, width = image.pixels.shape[:2]
        assert len(result.text) == len(result.characters) == len(result.confidences)
        for one in result.characters:
            left, top, right, bottom = one.box_xyxy
            assert 0 <= left <= right <= width and 0 <= top <= bottom <= height
            assert one.evidence.shape == ((32, 2) if result.turned else (2, 32))
            assert one.symbol not in dict(one.alternatives) and len(one.alternatives) <= 5
            chances = [one.probability, one.verified, *dict(one.alternatives).values(), *dict(one.lookalikes).values()]
            assert all(0 <= chance <= 1 for chance in chances)
        assert json.loads(json.dumps(result.to_dict()))["text"] == result.text


def test_random_weights_are_doubted(pipeline: TextRecognitionPipeline, images: list[OpenedImage]) -> None:
    result = pipeline(images[0])
    assert result.is_doubtful and any("doubtful" in notice.text for notice in result.notices)


def test_a_batch_is_its_single_results(pipeline: TextRecognitionPipeline, images: list[OpenedImage]) -> None:
    assert [one.text for one in pipeline.batch(images)] == [pipeline(image).text for image in images]
    assert pipeline.batch([]) == ()


def test_the_recipe_changes_what_is_read(pipeline: TextRecognitionPipeline, images: list[OpenedImage]) -> None:
    base, expert = pipeline(images[0], recipe=MergeRecipe()), pipeline(images[0], recipe=EXPERT)
    assert base.text != expert.text and base.run.recipe_hash != expert.run.recipe_hash
    assert pipeline(images[0], recipe=MergeRecipe()).text == base.text


def test_another_procedure_encodes_nothing_again(pipeline: TextRecognitionPipeline, images: list[OpenedImage]) -> None:
    pipeline.compare(images[0])
    pipeline.ask(images[0], Question("length"))
    assert pipeline._tokens.encoded == 1
    pipeline(images[0], recipe=EXPERT)
    assert pipeline._tokens.encoded == 2


def test_hints_are_obeyed_and_marked(pipeline: TextRecognitionPipeline, images: list[OpenedImage]) -> None:
    result = pipeline(images[0], ReadingOptions(pattern="?F*"))
    assert result.text[1] == "F" and result.characters[1].is_given and not result.characters[0].is_given
    assert result.characters[1].probability == 1


def test_a_word_list_is_ranked(pipeline: TextRecognitionPipeline, images: list[OpenedImage]) -> None:
    result = pipeline(images[0], ReadingOptions(lexicon=("tea", "coffee")))
    assert sorted(word for word, _ in result.ranking) == ["coffee", "tea"]
    assert result.margin == result.ranking[0][1] - result.ranking[1][1] > 0
    assert result.text.lower() == result.ranking[0][0] and result.confidence > 0.5


def test_a_word_list_gives_no_character(pipeline: TextRecognitionPipeline, images: list[OpenedImage]) -> None:
    result = pipeline(images[0], ReadingOptions(pattern="t*", lexicon=("tea", "coffee")))
    assert result.text == "tea" and not any(one.is_given for one in result.characters)


def test_procedures_are_compared_without_the_word_list(
    pipeline: TextRecognitionPipeline, images: list[OpenedImage]
) -> None:
    plain, listed = (
        {name: row.text for name, row in pipeline.compare(images[0], options).items()}
        for options in (ReadingOptions(), ReadingOptions(lexicon=("tea",)))
    )
    assert listed == plain and "tea" not in plain.values()


def test_comparison_names_what_a_procedure_cannot_do(
    pipeline: TextRecognitionPipeline, images: list[OpenedImage]
) -> None:
    rows = pipeline.compare(images[0], ReadingOptions(pattern="a*"))
    assert rows.keys() == PROCEDURES.keys()
    assert {name for name, row in rows.items() if isinstance(row, UserError)} == {"ctc", "assembly"}


def test_an_answer_is_held_against_the_reading(pipeline: TextRecognitionPipeline, images: list[OpenedImage]) -> None:
    reading = pipeline(images[0]).text
    answer = pipeline.ask(images[0], Question("char_at", (1,)))
    assert answer.reading == reading and answer.agrees and answer.text == reading[0]
    assert answer.evidence.shape == (2, 32) and answer.evidence.sum() == pytest.approx(1, abs=1e-4)


def test_an_answer_is_held_against_the_word_as_it_is_read_on_the_page(
    pipeline: TextRecognitionPipeline, images: list[OpenedImage]
) -> None:
    options = ReadingOptions(lexicon=("tea",))
    reading = pipeline(images[0], options).text
    assert reading.lower() == "tea" != pipeline(images[0]).text.lower()
    assert pipeline.ask(images[0], Question("char_at", (1,)), options).reading == reading


def test_an_even_tone_is_not_asked_about(pipeline: TextRecognitionPipeline) -> None:
    with pytest.raises(UserError, match=r"word\.png is one even tone: there is no text in it"):
        pipeline.ask(picture(np.full((30, 90, 3), 128, np.uint8)), Question("length"))


def test_an_even_tone_has_no_text(pipeline: TextRecognitionPipeline) -> None:
    result = pipeline(picture(np.full((30, 90, 3), 128, np.uint8)))
    assert result.text == "" and result.confidence == 0 and "no text" in result.notices[-1].text


def test_one_pixel_is_refused_by_name(pipeline: TextRecognitionPipeline) -> None:
    with pytest.raises(UserError, match=r"word\.png is 1 × 1 px"):
        pipeline(picture(np.zeros((1, 1, 3), np.uint8)))


def test_progress_is_told(pipeline: TextRecognitionPipeline, images: list[OpenedImage]) -> None:
    told: list[tuple[int, int]] = []
    pipeline.batch(images, progress=lambda *done: told.append(done))
    assert told[-1] == (5, 5)


def test_a_result_that_contradicts_itself_is_a_defect(
    pipeline: TextRecognitionPipeline, images: list[OpenedImage]
) -> None:
    with pytest.raises(AssertionError):
        replace(pipeline(images[0]), text="other")


def test_nothing_is_left_requiring_a_gradient(pipeline: TextRecognitionPipeline, images: list[OpenedImage]) -> None:
    pipeline(images[0])
    assert not any(tensor.requires_grad for tensor in pipeline._tokens._tokens.values())
    assert torch.is_grad_enabled()
