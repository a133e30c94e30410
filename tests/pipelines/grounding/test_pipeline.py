"""The pipeline and the evaluation on a family of random weights."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.grounding import probe
from pipelines.grounding.decode import Raw, Thresholds
from pipelines.grounding.evaluate import SPLITS, chosen_thresholds, evaluate, split_report
from pipelines.grounding.family import PLVL_FAMILY
from pipelines.grounding.letterbox import Letterbox
from pipelines.grounding.pipeline import GroundingPipeline, described
from pipelines.grounding.plvl import PLVL, SHAPES
from pipelines.grounding.probe import score_model
from pipelines.grounding.publishing import geometry
from pipelines.grounding.results import run_lengths
from pipelines.grounding.synthetic.recipes import TEST_SETS
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.cache import ModelCache
from pipelines.shared.errors import UserError
from pipelines.shared.images import OpenedImage
from pipelines.shared.run_info import RunInfo
from pipelines.training.checkpoints import store

OPEN = Thresholds(existence=0.0, centre=0.0, most=3)
RUN = RunInfo("plvl", "embedded", {}, "", 0, "cpu")


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> GroundingPipeline:
    folder = tmp_path_factory.mktemp("plvl")
    for seed, name in enumerate(("base", "refuse")):
        torch.manual_seed(seed)
        store(PLVL(SHAPES["test"]), folder / f"{name}.safetensors", 0)

    def spec(name: str):
        return replace(PLVL_FAMILY.base, name=f"plvl/{name}", source=f"folder:{folder / name}.safetensors")

    family = replace(
        PLVL_FAMILY,
        build=lambda: PLVL(SHAPES["test"]),
        base=spec("base"),
        experts={"refuse": spec("refuse")},
        default=MergeRecipe(coefficients=(("refuse", 0.4),)),
        blocks=(),
    )
    return GroundingPipeline(ModelCache(tmp_path_factory.mktemp("assets"), device="cpu"), family)


def picture(height: int = 48, width: int = 80) -> OpenedImage:
    pixels = np.random.default_rng(0).random((height, width, 3), dtype=np.float32)
    return OpenedImage(pixels, "it.png", "0" * 64, False)


def test_a_result_names_its_objects_and_can_be_written_down(pipeline: GroundingPipeline) -> None:
    result = pipeline(picture(), ["the red star", "a zebra"], OPEN)
    assert result.size_wh == (80, 48) and len(result.phrases) == 2
    named = [number for one in result.phrases for number in one.targets]
    assert named == [one.id for one in result.objects]
    for one in result.objects:
        x0, y0, x1, y1 = one.box_xyxy
        assert 0 <= x0 <= x1 <= 80 and 0 <= y0 <= y1 <= 48 and one.mask.shape == (48, 80)
    assert any("zebra" in notice.text for notice in result.notices)
    assert json.loads(json.dumps(result.to_dict()))["run"]["family"] == "plvl"


def test_moved_thresholds_need_no_network(pipeline: GroundingPipeline) -> None:
    image = picture()
    result = pipeline(image, ["the red star"], OPEN)
    none = described(image, ["the red star"], [result.phrases[0].raw], replace(OPEN, existence=1.0), result.run)
    assert none.objects == () and "Nothing in the picture" in none.notices[0].text
    assert none.thresholds == asdict(replace(OPEN, existence=1.0))


def two_peaks(side: int = 4) -> Raw:
    """A perfect answer of two objects of one cell each, the surer one at the right."""
    centre, mask = np.full((side, side), 0.01), np.zeros((4 * side, 4 * side))
    for column, sure in ((0, 0.8), (2, 0.9)):
        centre[1, column] = sure
        mask[4:8, 4 * column : 4 * column + 4] = 1
    rows, columns = np.indices((side, side))
    boxes = np.stack([columns, rows, columns + 1, rows + 1], 2) / side
    return Raw(centre, np.zeros((side, side)), boxes, mask, 0.9, np.zeros((1, side * side, 24)))


@pytest.mark.parametrize(
    ("phrase", "count"), [("the star", 1), ("the black and white star", 1), ("both stars", 2), ("the stars", 2)]
)
def test_as_many_are_found_as_the_words_say(phrase: str, count: int) -> None:
    result = described(picture(64, 64), [phrase], [two_peaks()], Thresholds(), RUN)
    assert len(result.objects) == count
    if count > 1:
        assert all(one.consistency == 1 for one in result.objects) and not result.notices
        assert [one.area_share for one in result.objects] == pytest.approx([1 / 16] * 2, abs=0.02)


def test_the_least_area_is_a_share_of_the_picture_and_not_of_the_canvas() -> None:
    flat = picture(32, 64)  # a cell of the canvas is an eighth of it
    for least, count in ((0.1, 1), (0.13, 0)):
        found = described(flat, ["the star"], [two_peaks()], Thresholds(least_area=least), RUN)
        assert len(found.objects) == count


def test_more_masks_than_memory_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    phrases, raws = ["both stars", "the star"], [two_peaks()] * 2
    monkeypatch.setattr("pipelines.grounding.results.MOST_PIXELS", 3 * 64 * 64)
    assert len(described(picture(64, 64), phrases, raws, Thresholds(), RUN).objects) == 3
    with pytest.raises(UserError, match=r"4 objects .* fewer phrases or a smaller picture"):
        described(picture(64, 64), ["both stars"] * 2, raws, Thresholds(), RUN)


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (500, 7)])
def test_pictures_of_odd_sizes_are_read(pipeline: GroundingPipeline, size: tuple[int, int]) -> None:
    result = pipeline(picture(*size), ["a star"], OPEN)
    assert result.size_wh == size[::-1]


@pytest.mark.parametrize("phrases", [[], ["  "], ["red", "?!"], ["star"] * 40])
def test_phrases_that_ask_nothing_are_refused(pipeline: GroundingPipeline, phrases: list[str]) -> None:
    with pytest.raises(UserError):
        pipeline(picture(), phrases)


def test_a_letterbox_brings_boxes_back() -> None:
    canvas = Letterbox.of(200, 100, 64)
    assert canvas.box(np.array([0, 0.25, 1, 0.75])) == pytest.approx((0, 0, 200, 100))
    assert canvas.place(np.zeros((100, 200, 3), np.uint8)).shape == (64, 64, 3)


def test_run_lengths_spell_the_mask() -> None:
    for seed in range(6):
        mask = np.random.default_rng(seed).random((5, 7)) < (0, 1, 0.5, 0.5, 0.2, 0.9)[seed]
        counts = run_lengths(mask)["counts"]
        spelt = np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape((5, 7), order="F")
        assert (spelt == mask).all()


def test_every_split_is_scored_with_the_chosen_threshold(world: None, network: PLVL) -> None:
    thresholds = chosen_thresholds(network, 20)
    report = split_report(network, "notarget", thresholds, 20)
    assert report["n"] == 20
    assert {"single", "sets", "by kind: attribute"} <= set(report["methods"])
    assert report["methods"]["sets"]["T-acc"] > 0.5  # kept on another draw of the same world


def test_every_test_set_is_scored() -> None:
    assert {recipe.name for recipe in TEST_SETS} - {"val"} | {"photo"} == set(SPLITS)


def test_a_folder_of_data_is_refused_and_not_ignored(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="leave --data out"):
        evaluate(PLVL_FAMILY, ModelCache(tmp_path, device="cpu"), data=tmp_path)


def test_probe_scores_are_shares(world: None, network: PLVL) -> None:
    found = score_model(network, ("attribute", "refuse"), count=4)
    assert set(found) == {"attribute", "refuse"} and all(0 <= value <= 1 for value in found.values())


def test_whole_sets_are_the_scenes_that_the_experts_were_scored_on(
    world: None, network: PLVL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "WHOLE", 5)
    assert probe.score_whole(network, ("attribute",)) == score_model(network, ("attribute",), count=5)


def test_norms_and_cosines_of_task_vectors() -> None:
    base = torch.tensor([3.0, 4.0])
    weights = {
        "base": {"w": base},
        "a": {"w": base + torch.tensor([1.0, 0])},
        "b": {"w": base + torch.tensor([0, 2.0])},
    }
    found = geometry(weights)
    assert found["norms"] == pytest.approx({"a": 0.2, "b": 0.4}) and found["cosines"]["a, b"] == pytest.approx(0)
