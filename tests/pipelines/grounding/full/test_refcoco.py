"""The reader of the RefCOCO family and the scores on it, on a folder that the test writes."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipelines.grounding.full.answers import FullRaw, shortlist
from pipelines.grounding.full.candidates import Candidates
from pipelines.grounding.full.evaluate import evaluate, split_report
from pipelines.grounding.full.expression import parse
from pipelines.grounding.full.refcoco import read_refcoco
from pipelines.grounding.full.rerank import rankings
from pipelines.shared.cache import ModelCache
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily

LEFT, RIGHT = [10, 20, 20, 40], [60, 20, 20, 40]  # x, y, width, height of two mugs
NAME = "COCO_train2014_000000000007.jpg"


def corners(box: list[int]) -> list[float]:
    x, y, width, height = box
    return [x, y, x + width, y, x + width, y + height, x, y + height]


@pytest.fixture
def references() -> list[dict[str, Any]]:
    def one(number: int, split: str, *said: str) -> dict[str, Any]:
        return {"ref_id": number, "ann_id": number, "image_id": 7, "split": split, "file_name": f"{NAME[:-4]}_1.jpg",
                "sentences": [{"sent": text, "tokens": text.split()} for text in said]}  # fmt: skip

    return [one(1, "testA", "left mug", "the mug on the left"), one(2, "testA", "right mug"), one(3, "train", "mug")]


@pytest.fixture
def instances() -> dict[str, Any]:
    annotations = [{"id": number, "image_id": 7, "bbox": box, "segmentation": [corners(box)]}
                   for number, box in ((1, LEFT), (2, RIGHT), (3, LEFT))]  # fmt: skip
    return {"images": [{"id": 7, "file_name": NAME}], "annotations": annotations}


@pytest.fixture
def folder(tmp_path: Path, references: list[dict[str, Any]], instances: dict[str, Any]) -> Path:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (100, 80), (90, 90, 90)).save(tmp_path / "images" / NAME)
    (tmp_path / "refs(unc).json").write_text(json.dumps(references))
    (tmp_path / "instances.json").write_text(json.dumps(instances))
    return tmp_path


class RightFirst:
    """A detector that finds both mugs and is always surer of the right one."""

    def raws(self, image: Any, phrases: list[str], recipe: Any = None) -> tuple[list[FullRaw], None]:
        scale = np.array([100, 80, 100, 80], np.float32)
        boxes = np.array([[x, y, x + width, y + height] for x, y, width, height in (RIGHT, LEFT)], np.float32) / scale
        return [self._raw(phrase, boxes) for phrase in phrases], None

    def _raw(self, phrase: str, boxes: np.ndarray) -> FullRaw:
        expression = parse(phrase)
        evidence = {one: np.array([[0.8], [0.7]]).repeat(len(one.split()), 1) for one in expression.phrases}
        candidates = Candidates(boxes, evidence)
        found = rankings(expression, candidates)
        return FullRaw(expression, candidates, found, shortlist(found), None, usual=0.3)


def test_objects_are_read_by_split_with_their_boxes_and_outlines(folder: Path) -> None:
    splits = read_refcoco(folder)
    assert set(splits) == {"testA"}, "train is nothing to be scored on"
    first, second = splits["testA"]
    assert first.expressions == ("left mug", "the mug on the left") and second.expressions == ("right mug",)
    assert first.box_xyxy.tolist() == [10, 20, 30, 60] and first.picture == folder / "images" / NAME
    mask = first.mask((80, 100))
    assert mask[21:59, 11:29].all() and not mask[:, 32:].any()


def test_ranking_again_finds_what_the_detector_ranks_second(folder: Path) -> None:
    report = split_report(RightFirst(), read_refcoco(folder)["testA"], None)  # type: ignore[arg-type]
    found = {name: scores["acc@0.5"] for name, scores in report["methods"].items()}
    assert report["n"] == 3
    assert found == {"detector": pytest.approx(1 / 3), "re-ranked": 1.0, "best of 5": 1.0}
    assert report["methods"]["re-ranked"]["mIoU"] > 0.9 and "mIoU" not in report["methods"]["detector"]


def test_a_tiny_detector_is_scored_by_the_command_s_function(
    folder: Path, tmp_path: Path, tiny_family: Callable[[str], ModelFamily]
) -> None:
    report = evaluate(tiny_family("grounding-dino-tiny"), ModelCache(tmp_path, device="cpu"), folder, limit=1)
    assert report["testA"]["n"] == 2 and 0 <= report["testA"]["methods"]["re-ranked"]["acc@0.5"] <= 1


def test_no_folder_is_told(tiny_family: Callable[[str], ModelFamily], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--data"):
        evaluate(tiny_family("grounding-dino-tiny"), ModelCache(tmp_path, device="cpu"))


def test_a_pickle_is_named_and_never_opened(folder: Path, references: list[dict[str, Any]]) -> None:
    (folder / "refs(unc).json").unlink()
    (folder / "refs(unc).p").write_bytes(pickle.dumps(references))
    with pytest.raises(UserError, match=r"pickle.*convert it once"):
        read_refcoco(folder)


def test_what_is_missing_or_of_another_form_is_told(
    folder: Path, references: list[dict[str, Any]], instances: dict[str, Any]
) -> None:
    instances["annotations"][0]["segmentation"] = {"counts": [1, 2], "size": [80, 100]}
    (folder / "instances.json").write_text(json.dumps(instances))
    with pytest.raises(UserError, match="run length"):
        read_refcoco(folder)
    (folder / "instances.json").write_text("[1, 2]")
    with pytest.raises(UserError, match="not laid out as RefCOCO"):
        read_refcoco(folder)
    (folder / "instances.json").unlink()
    with pytest.raises(UserError, match=r"instances.json is missing"):
        read_refcoco(folder)
    (folder / "refs(unc).json").unlink()
    with pytest.raises(UserError, match="has no refs"):
        read_refcoco(folder)


def test_no_name_leads_out_of_the_folders(folder: Path, instances: dict[str, Any]) -> None:
    Image.new("RGB", (4, 4)).save(folder.parent / "secret.png")
    instances["images"][0]["file_name"] = "../../secret.png"
    (folder / "instances.json").write_text(json.dumps(instances))
    with pytest.raises(UserError, match=r"secret.png is missing"):
        read_refcoco(folder)
