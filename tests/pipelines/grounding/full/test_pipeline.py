from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from pipelines.grounding.full import concepts, generated, phrase_detector
from pipelines.grounding.full.candidates import Candidates
from pipelines.grounding.full.expression import parse
from pipelines.grounding.full.families import DINO_TINY
from pipelines.grounding.full.offers import Offer
from pipelines.grounding.full.pipeline import FullGroundingPipeline
from pipelines.grounding.full.segmenting import mask_logits
from pipelines.grounding.thresholds import Thresholds
from pipelines.shared.cache import ModelCache
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily, ModelSpec
from pipelines.shared.images import OpenedImage

ALL = Thresholds(existence=0.0, most=12, overlap=1.0, centre=0.0)
Family = Callable[[str], ModelFamily]


@pytest.fixture
def open_pipeline(tmp_path: Path, tiny_family: Family) -> Callable[..., FullGroundingPipeline]:
    def made(name: str, segmenter: str = "sam-base") -> FullGroundingPipeline:
        return FullGroundingPipeline(ModelCache(tmp_path), tiny_family(name), tiny_family(segmenter))

    return made


@pytest.mark.parametrize("name", ["grounding-dino-tiny", "llmdet-tiny", "florence-2-base", "sam-3"])
def test_every_family_answers_by_the_same_call(
    name: str, open_pipeline: Callable[..., FullGroundingPipeline], picture: OpenedImage
) -> None:
    pipeline = open_pipeline(name)
    result = pipeline(picture, ["the red mug left of the lamp"], ALL)
    (answer,) = result.phrases
    assert result.size_wh == (80, 60) and result.run.family == name and result.run.seconds["infer"] > 0
    assert answer.targets == tuple(one.id for one in result.objects) and 0 <= answer.existence <= 1
    assert answer.heat.shape == (48, 64) and answer.raw.nbytes > 0
    for one in result.objects:
        x0, y0, x1, y1 = one.box_xyxy
        assert 0 <= x0 < x1 <= 80 and 0 <= y0 < y1 <= 60 and one.mask.shape == (60, 80)
    assert "triplets" in result.to_dict()


def test_a_moved_threshold_runs_no_network(
    open_pipeline: Callable[..., FullGroundingPipeline], picture: OpenedImage
) -> None:
    pipeline = open_pipeline("grounding-dino-tiny", "sam-2.1-tiny")
    phrases = ["the red mug", "the lamp"]
    raws, run = pipeline.raws(picture, phrases)
    counts = [
        len(pipeline.described(picture, phrases, raws, replace(ALL, most=most), run).objects) for most in (1, 3, 6)
    ]
    assert counts == sorted(counts) and counts[0] == 2 and counts[2] > 2
    nothing = pipeline.described(picture, phrases, raws, Thresholds(existence=1.0), run)
    assert nothing.objects == () and "Nothing in the picture matches “the red mug”" in nothing.notices[0].text


def test_without_a_network_for_masks_the_boxes_are_the_masks_and_it_is_said(
    tmp_path: Path, tiny_family: Family, picture: OpenedImage
) -> None:
    gone = replace(tiny_family("sam-base"), base=ModelSpec("sam", f"folder:{tmp_path / 'gone'}", None, "MIT"))
    pipeline = FullGroundingPipeline(ModelCache(tmp_path), tiny_family("grounding-dino-tiny"), gone)
    result = pipeline(picture, ["mug"], replace(ALL, most=1))
    (one,) = result.objects
    x0, y0, x1, y1 = one.box_xyxy
    assert one.mask.sum() == pytest.approx((x1 - x0) * (y1 - y0), rel=0.4)
    assert any("the masks are the boxes" in notice.text for notice in result.notices)


@pytest.mark.parametrize("phrases", [[], [" "], ["?!"]])
def test_nothing_asked_is_refused(tmp_path: Path, picture: OpenedImage, phrases: list[str]) -> None:
    with pytest.raises(UserError):
        FullGroundingPipeline(ModelCache(tmp_path), DINO_TINY)(picture, phrases)


class Broken(torch.nn.Module):
    """A network whose boxes are no numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(logits=torch.zeros(1, 5, 256), pred_boxes=torch.full((1, 5, 4), float("nan")))


def test_boxes_that_are_no_numbers_find_nothing(
    open_pipeline: Callable[..., FullGroundingPipeline], picture: OpenedImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = phrase_detector.offer
    monkeypatch.setattr(phrase_detector, "offer", lambda model, *rest: whole(Broken(), *rest))
    result = open_pipeline("grounding-dino-tiny")(picture, ["second mug left of the lamp"], ALL)
    assert result.objects == () and result.phrases[0].existence == 0
    assert "Nothing in the picture matches" in result.notices[0].text


def test_each_word_has_the_probability_of_its_own_tokens(folder: Callable[[str], Path]) -> None:
    asking = phrase_detector.asking_of(folder("grounding-dino-tiny"))
    coded, owners = asking.text(("red mug", "lamp"))
    tokens = asking.tokenizer.convert_ids_to_tokens(coded["input_ids"][0].tolist())
    assert tokens == ["[CLS]", "red", "mug", ".", "lamp", ".", "[SEP]"]
    assert owners == [[[1], [2]], [[4]]]


def test_evidence_is_what_the_network_says_of_the_tokens(
    folder: Callable[[str], Path], tiny_family: Family, picture: OpenedImage
) -> None:
    model = tiny_family("grounding-dino-tiny").build.load(folder("grounding-dino-tiny"))
    pixels = (picture.pixels * 255).astype(np.uint8)
    outputs: list[Any] = []
    model.register_forward_hook(lambda _, __, output: outputs.append(output))
    offer = phrase_detector.offer(model, folder("grounding-dino-tiny"), pixels, parse("the red mug by the lamp"))
    tokens, boxes = outputs[0].logits[0].sigmoid().numpy(), outputs[0].pred_boxes[0].numpy()
    for box, words in zip(offer.candidates.boxes, offer.candidates.evidence["red mug"], strict=True):
        middle = (box[:2] + box[2:]) / 2
        query = abs(boxes[:, :2] - middle).sum(1).argmin()
        np.testing.assert_allclose(words, tokens[query, 1:3], atol=1e-6)


def test_sam_3_weighs_its_queries_with_whether_there_is_such_a_thing(
    folder: Callable[[str], Path], tiny_family: Family, picture: OpenedImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_family("sam-3").build.load(folder("sam-3"))
    pixels = (picture.pixels * 255).astype(np.uint8)
    outputs: list[Any] = []
    model.register_forward_hook(lambda _, __, output: outputs.append(output))
    monkeypatch.setattr(concepts, "SAME", 0.999)
    offer = concepts.offer(model, folder("sam-3"), pixels, parse("mug"))
    (output,) = outputs
    wanted = output.pred_logits[0].sigmoid() * output.presence_logits[0].sigmoid()
    assert offer.candidates.evidence["mug"].max() == pytest.approx(float(wanted.max()), rel=1e-3)
    assert offer.masks is not None and offer.masks.shape[0] == len(offer.candidates)


@pytest.mark.parametrize("name", ["sam-base", "sam-2.1-tiny"])
def test_masks_of_boxes_lie_over_the_picture(folder: Callable[[str], Path], tiny_family: Family, name: str) -> None:
    build = tiny_family(name).build
    model = build.load(folder(name))
    boxes = np.array([[0.1, 0.1, 0.5, 0.5], [0.4, 0.4, 0.9, 0.9]], np.float32)
    wide = np.random.default_rng(0).integers(0, 256, (50, 100, 3), np.uint8)
    logits = mask_logits(model, build, wide, boxes)
    assert logits.shape == (2, 50, 100) and np.isfinite(logits).all() and (logits[0] != logits[1]).any()
    assert mask_logits(model, build, wide, boxes[:0]).shape == (0, 50, 100)


def painted_offer(picture: np.ndarray) -> Offer:
    """Two mugs and a lamp; the left mug and half of the lamp are painted."""
    boxes = np.array([(0.1, 0.2, 0.4, 0.8), (0.6, 0.2, 0.9, 0.8), (0.4, 0.0, 0.5, 0.2)], np.float32)
    whole = np.full(picture.shape[:2], -12, np.float16)
    whole[12:48, 8:32] = 12
    whole[0:6, 32:40] = 12
    evidence = {"mug": np.array([[1.0], [0.9], [0.1]]), "lamp": np.array([[0.1], [0.1], [1.0]])}
    return Offer(Candidates(boxes, evidence), whole=whole)


@pytest.mark.parametrize("has_segmenter", [False, True])
def test_what_is_painted_goes_to_the_candidates_that_it_covers(
    tmp_path: Path, tiny_family: Family, picture: OpenedImage, monkeypatch: pytest.MonkeyPatch, has_segmenter: bool
) -> None:
    sam = tiny_family("sam-base")
    gone = replace(sam, base=ModelSpec("sam", f"folder:{tmp_path / 'gone'}", None, "MIT"))
    monkeypatch.setattr(generated, "offer", lambda _, __, seen, *rest: painted_offer(seen))
    pipeline = FullGroundingPipeline(
        ModelCache(tmp_path), tiny_family("florence-2-base"), sam if has_segmenter else gone
    )
    (raw,), run = pipeline.raws(picture, ["mug and lamp"])
    assert raw.shortlist == (0, 2, 1) and raw.maskless == (() if has_segmenter else (2,))
    assert (raw.masks[0] > 0).sum() == 36 * 24 and (raw.masks[1] > 0).sum() == 6 * 8
    result = pipeline.described(picture, ["mug and lamp"], [raw], replace(ALL, most=2, overlap=0.6), run)
    is_said = any("the masks are the boxes" in notice.text for notice in result.notices)
    assert len(result.objects) == 3 and is_said is not has_segmenter


def test_what_florence_writes_is_read() -> None:
    places = ["".join(f"<loc_{i}>" for i in box) for box in ((100, 200, 300, 400), (0, 0, 9, 9), (5, 5, 8, 8))]
    text = f"</s><s>red mug{places[0]}lamp{places[1]}{places[2]}</s>"
    found = generated.labelled_boxes(text)
    assert [label for label, _ in found] == ["red mug", "lamp", "lamp"]
    assert found[0][1] == pytest.approx((0.1005, 0.2005, 0.3005, 0.4005))
    np.testing.assert_array_equal(generated.said(["red mugs", "lamp"], "red mug") == 1, [[True, True], [False, False]])
    assert generated.labelled_boxes("no place<loc_1><loc_2>") == []


def test_what_florence_paints_is_filled() -> None:
    text = "<s><loc_100><loc_100><loc_500><loc_100><loc_500><loc_500><loc_100><loc_500><sep><loc_1><loc_2></s>"
    (square,) = generated.painted_polygons(text)
    mask = generated.filled([square], (100, 200)) > 0
    assert mask.shape == (100, 200) and mask[30, 60] and not mask[70, 60]
    assert mask.mean() == pytest.approx(0.16, abs=0.01)


def test_a_network_that_writes_says_what_a_region_shows_and_a_detector_does_not(
    tiny_family: Callable[[str], ModelFamily], tmp_path: Path, picture: OpenedImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, prompts = ModelCache(tmp_path, device="cpu"), []
    asked = generated.written
    monkeypatch.setattr(generated, "written", lambda *args: prompts.append(args[-1]) or asked(*args))
    writer = FullGroundingPipeline(cache, tiny_family("florence-2-base"))
    said = writer.caption(picture, (8.0, 6.0, 80.0, 60.0))
    assert "<" not in said and said == " ".join(said.split())
    assert prompts == ["What does the region <loc_100><loc_100><loc_999><loc_999> describe?"]
    assert writer.can_name and not FullGroundingPipeline(cache, tiny_family("grounding-dino-tiny")).can_name
