"""The whole evaluation on a tiny network: every method is there, and its numbers are those of the parts."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.cache import ModelCache
from pipelines.shared.family import ModelFamily
from pipelines.text_recognition import evaluate as evaluation
from pipelines.text_recognition.calibration import Temperatures
from pipelines.text_recognition.crops import read_crops
from pipelines.text_recognition.datasets import Word
from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.options import ReadingOptions
from tests.pipelines.text_recognition.tiny import FixedSet

ORDINARY = {"parallel", "autoregressive", "parallel_refine1", "questions", "calibration"}


@pytest.fixture
def sets(monkeypatch: pytest.MonkeyPatch, crops: list[np.ndarray], network: IGTR) -> tuple[FixedSet, ...]:
    """Crops of noise; the label of the first is what the base reads in parallel, with boxes."""
    (look,) = read_crops(network, crops[:1], ReadingOptions())
    (text,) = look.reading.texts()
    boxes = np.tile(np.array([[0, 0, 8, 8]], np.float32), (len(text), 1))
    words = (Word(crops[0], text, boxes), Word(crops[1], "Tea"), Word(crops[2], "0K"))
    made = (FixedSet("base", words), FixedSet("curved", words))
    monkeypatch.setattr(evaluation, "generated_sets", lambda split="test": made)
    return made


@pytest.fixture
def iiit5k(tmp_path: Path, crops: list[np.ndarray]) -> Path:
    for split, labels in (("test", ("Tea", "COFFEE")), ("train", ("tea", "milk"))):
        folder = tmp_path / "iiit5k" / split
        folder.mkdir(parents=True)
        for index, label in enumerate(labels):
            cv2.imwrite(str(folder / f"{index}_1.png"), crops[index])
            with (folder / "labels.tsv").open("a") as file:
                file.write(f"{index}_1.png\t{label}\n")
    return tmp_path


@pytest.mark.usefixtures("sets")
def test_every_set_has_its_methods(cache: ModelCache, tiny_family: ModelFamily, iiit5k: Path) -> None:
    report = evaluation.evaluate(tiny_family, cache, data=iiit5k, recipe=MergeRecipe())
    assert list(report) == ["iiit5k", "base", "curved"]
    assert [report[name]["n"] for name in report] == [2, 3, 3]
    assert report["curved"]["methods"].keys() - {"localisation"} == ORDINARY | {"expert"} - {"localisation"}
    assert {f"calibration_{name}" for name in ("ctc", "verification", "assembly")} <= report["base"]["methods"].keys()
    assert {*evaluation.PROCEDURES, "agreement", "parallel_by_length"} <= report["base"]["methods"].keys()
    assert report["iiit5k"]["methods"]["lexicon_train_2"]["n"] == 1
    assert "localisation" not in report["iiit5k"]["methods"]


@pytest.mark.usefixtures("sets")
def test_numbers_are_those_of_the_crops(cache: ModelCache, tiny_family: ModelFamily) -> None:
    report = evaluation.evaluate(tiny_family, cache, recipe=MergeRecipe())
    methods = report["base"]["methods"]
    assert methods["parallel"]["accuracy"] == pytest.approx(1 / 3)
    assert methods["localisation"]["n"] > 0 and 0 <= methods["localisation"]["iou_50"] <= 1
    assert methods["calibration"]["accuracy_at_0.5"] in (0.0, 0.5, 1.0)
    assert report["curved"]["methods"]["expert"]["accuracy"] == 0


@pytest.mark.usefixtures("sets")
def test_the_matrix_has_a_row_per_checkpoint(cache: ModelCache, tiny_family: ModelFamily) -> None:
    matrix = evaluation.expert_matrix(tiny_family, cache)
    assert matrix.keys() == {"base", "curved"} and matrix["base"].keys() == {"base", "curved"}
    assert matrix["base"]["base"] == pytest.approx(1 / 3) and matrix["curved"]["base"] == 0


def test_the_temperature_of_the_report_makes_confidence_milder(network: IGTR, crops: list[np.ndarray]) -> None:
    looks = read_crops(network, crops[:3], ReadingOptions())
    same = evaluation._confidences_at(looks, 1.0)
    assert same == pytest.approx([look.certainty for look in looks], rel=1e-3)
    again = read_crops(network, crops[:3], ReadingOptions(), Temperatures(character=2.0))
    assert evaluation._confidences_at(looks, 2.0) == pytest.approx([look.certainty for look in again], rel=1e-3)
