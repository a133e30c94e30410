from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import bench_text_merge as bench
from pipelines.shared.family import ModelFamily
from pipelines.text_recognition import evaluate as evaluation
from pipelines.text_recognition.crops import read_crops
from pipelines.text_recognition.datasets import Word
from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.options import ReadingOptions
from tests.pipelines.text_recognition.tiny import FixedSet


def test_an_expert_that_is_taken_back_loses_its_own_set_and_no_other() -> None:
    base = {"plain": 0.8, "curved": 0.4, "lowres": 0.3}
    rows = {"own": {"plain": 0.79, "curved": 0.35, "lowres": 0.33}, "idle": base,
            "broad": {"plain": 0.7, "curved": 0.3, "lowres": 0.3}}  # fmt: skip
    found = {
        name: bench.negation({"base": base, bench.negated_name("curved"): row}, "curved") for name, row in rows.items()
    }
    assert {name: one["is_met"] for name, one in found.items()} == {"own": True, "idle": False, "broad": False}
    assert found["own"]["own"] == pytest.approx(-0.05) and found["own"]["moved_most"] == "lowres"
    assert found["broad"]["moved_most"] == "plain"


def test_the_report_has_every_network_on_every_set(
    tiny_family: ModelFamily, network: IGTR, crops: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (look,) = read_crops(network, crops[:1], ReadingOptions())
    words = (Word(crops[0], look.reading.texts()[0]), Word(crops[1], "Tea"))
    sets = tuple(FixedSet(name, words) for name in ("base", "curved"))
    asked: list[str] = []
    monkeypatch.setattr(evaluation, "generated_sets", lambda split="test": asked.append(split) or sets)
    report = bench.main(tmp_path / "merge.json", bench.Plan(crops=2, validation=1), tiny_family)
    assert asked == ["validation", "test"]
    assert report == json.loads((tmp_path / "merge.json").read_text())
    assert list(report["matrix"]) == ["base", "curved", *report["chosen"].values(), "-0.5 curved"]
    assert report["matrix"]["base"] == {"base": 0.5, "curved": 0.5}
    assert report["validation"]["base"] == {"base": 1.0, "curved": 1.0} and len(report["validation"]) == 11
    assert [mix.split()[0] for mix in report["chosen"].values()] == list(bench.METHODS)
    text = (tmp_path / "merge.md").read_text()
    assert "| -0.5 curved |" in text and "lost on base" in text
