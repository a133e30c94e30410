from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.cache import ModelCache
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelSpec
from pipelines.shared.images import OpenedImage
from pipelines.shared.run_info import RunInfo
from pipelines.text_recognition.options import ReadingOptions
from pipelines.text_recognition.trocr import TROCR_BASE, TROCR_SMALL
from pipelines.text_recognition.trocr_reading import (
    MOST_TOKENS,
    Processor,
    Token,
    TrOCRPipeline,
    processor_of,
    read_tokens,
)

RUN = RunInfo("trocr-base", "full", {}, "", 0, "cpu")
FLAT = np.full((2, 2), 0.25, np.float32)
Store = Callable[[Path, str, int], Path]


@pytest.fixture
def pipeline(tmp_path: Path, store_trocr: Store) -> TrOCRPipeline:
    def spec(name: str, seed: int) -> ModelSpec:
        return ModelSpec(name, f"folder:{store_trocr(tmp_path / name, 'roberta', seed)}", None, "MIT")

    family = replace(TROCR_BASE, base=spec("base", 0), experts={"handwritten": spec("handwritten", 1)})
    return TrOCRPipeline(ModelCache(tmp_path), family)


@pytest.fixture
def processor(tmp_path: Path, store_trocr: Store) -> Processor:
    return processor_of(store_trocr(tmp_path / "processor", "roberta", 0))


def picture(height: int = 20, width: int = 50, seed: int = 0) -> OpenedImage:
    pixels = np.random.default_rng(seed).random((height, width, 3), np.float32)
    return OpenedImage(pixels, "word.png", "", is_grey=False)


def tokens(pieces: list[str], *written: tuple[str, float]) -> list[Token]:
    return [Token(pieces.index(piece), share, (), FLAT) for piece, share in written]


def test_probabilities_and_evidence_are_those_of_the_network(tmp_path: Path, store_trocr: Store) -> None:
    model = TROCR_BASE.build.load(store_trocr(tmp_path / "base", "roberta", 3))
    pixels = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for row, read in enumerate(read_tokens(model, pixels)):
        written = torch.tensor([[2, *(token.index for token in read)]])  # the whole text at once, not step by step
        with torch.inference_mode():
            out = model(pixel_values=pixels[row : row + 1], decoder_input_ids=written[:, :-1], output_attentions=True)
        shares = out.logits[0].softmax(-1)
        assert shares.argmax(-1).tolist() == written[0, 1:].tolist()
        attention = torch.stack(out.cross_attentions).mean((0, 2))[0, :, 1:].view(-1, 2, 2)  # without the class token
        for step, token in enumerate(read):
            assert token.probability == pytest.approx(float(shares[step].max()), abs=1e-4)
            best = shares[step].topk(6)
            assert [index for index, _ in token.alternatives] == best.indices[1:].tolist()
            wanted = attention[step] / attention[step].sum()
            np.testing.assert_allclose(token.evidence, wanted.numpy(), atol=1e-4)


def test_a_text_stops_at_its_end_though_others_of_the_batch_go_on(tmp_path: Path, store_trocr: Store) -> None:
    model = TROCR_BASE.build.load(store_trocr(tmp_path / "base", "roberta", 0))
    pixels = torch.rand(2, 3, 32, 32)
    first = read_tokens(model, pixels[:1])[0][0].index
    model.generation_config.eos_token_id = first  # what is read first now ends the text
    read = read_tokens(model, torch.cat([pixels[:1], torch.zeros(1, 3, 32, 32)]))
    assert len(read[0]) == 1 and read[0][0].index == first


def test_a_character_has_the_probability_of_its_token(processor: Processor, pieces: list[str]) -> None:
    written = tokens(pieces, ("Ġt", 0.9), ("th", 0.8), ("Ã", 0.7), ("©", 0.6), ("1", 0.5), ("</s>", 0.4))
    result = processor.result(written, picture(), RUN)
    assert result.text == "tthé1"
    assert result.confidences == (0.9, 0.8, 0.8, 0.6, 0.5)
    assert result.confidence == pytest.approx(0.9 * 0.8 * 0.7 * 0.6 * 0.5 * 0.4)
    assert not result.notices


def test_alternatives_are_told_as_text(processor: Processor, pieces: list[str]) -> None:
    token = replace(tokens(pieces, ("a", 0.6))[0], alternatives=((pieces.index("th"), 0.3), (pieces.index("Ġt"), 0.1)))
    assert processor.result([token], picture(), RUN).characters[0].alternatives == (("th", 0.3), ("t", 0.1))


def test_a_box_is_where_the_evidence_lies(processor: Processor, pieces: list[str]) -> None:
    evidence = np.array([[0.1, 0.6], [0.1, 0.2]], np.float32)
    token = replace(tokens(pieces, ("a", 0.6))[0], evidence=evidence)
    assert processor.result([token], picture(20, 50), RUN).characters[0].box_xyxy == (25.0, 0.0, 50.0, 10.0)


def test_no_text_is_an_empty_reading(processor: Processor, pieces: list[str]) -> None:
    result = processor.result(tokens(pieces, ("Ġ", 0.9), ("</s>", 0.9)), picture(), RUN)
    assert result.text == "" and result.characters == ()


def test_a_text_without_end_is_told(processor: Processor, pieces: list[str]) -> None:
    result = processor.result(tokens(pieces, *[("a", 0.9)] * MOST_TOKENS), picture(), RUN)
    assert f"cut off after {MOST_TOKENS} tokens" in result.notices[0].text


def test_pictures_are_stretched_to_the_size_of_the_network(processor: Processor) -> None:
    white = OpenedImage(np.ones((3, 90, 3), np.float32), "w.png", "", is_grey=True)
    pixels = processor.pixels([white, picture(1, 1)])
    assert pixels.shape == (2, 3, 32, 32) and torch.equal(pixels[0], torch.ones(3, 32, 32))


def test_a_pipeline_reads_one_as_it_reads_many(pipeline: TrOCRPipeline) -> None:
    pictures = [picture(seed=seed) for seed in range(3)]
    many = pipeline.batch(pictures)
    assert [result.text for result in many] == [pipeline(one).text for one in pictures]
    assert many[0].run.tier == "full" and many[0].run.seconds["infer"] > 0
    assert all(np.isclose(character.evidence.sum(), 1) for result in many for character in result.characters)


def test_a_recipe_changes_what_is_read(pipeline: TrOCRPipeline) -> None:
    base, expert = pipeline(picture()), pipeline(picture(), None, MergeRecipe(coefficients=(("handwritten", 1.0),)))
    assert base.confidences != expert.confidences and base.run.recipe_hash != expert.run.recipe_hash


def test_nothing_to_read_is_no_result(pipeline: TrOCRPipeline) -> None:
    assert pipeline.batch([]) == ()


def test_options_are_for_networks_that_can_be_asked(pipeline: TrOCRPipeline) -> None:
    assert pipeline.batch([], ReadingOptions()) == ()
    with pytest.raises(UserError, match=r"trocr-base only reads.*Leave out procedure, lexicon"):
        pipeline.batch([], ReadingOptions(procedure="ctc", lexicon=("stop",)))


def test_a_folder_without_tokenizer_is_refused(tmp_path: Path, store_trocr: Store) -> None:
    folder = store_trocr(tmp_path / "bare", "roberta", 0)
    (folder / "preprocessor_config.json").unlink()
    with pytest.raises(UserError, match="bare is no complete TrOCR checkpoint"):
        processor_of(folder)


def test_the_small_size_says_which_package_it_needs(
    tmp_path: Path, store_trocr: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = store_trocr(tmp_path / "small", "unilm", 0)
    (folder / "sentencepiece.bpe.model").touch()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install sentencepiece"):
        processor_of(folder)


def test_the_small_size_has_two_leading_tokens_and_its_own_image_processor(tmp_path: Path, store_trocr: Store) -> None:
    folder = store_trocr(tmp_path / "small", "unilm", 0)
    read = read_tokens(TROCR_SMALL.build.load(folder), processor_of(folder).pixels([picture()]))
    assert read[0][0].evidence.shape == (2, 2) and np.isclose(read[0][0].evidence.sum(), 1)
