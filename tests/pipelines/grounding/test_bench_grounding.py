"""The benchmarks of grounding: speed, and how well the experts merge."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest
import torch

from benchmarks import bench_grounding, bench_grounding_merge
from pipelines.grounding.acceptance import BAR
from pipelines.grounding.pipeline import GroundingPipeline
from pipelines.grounding.random_scene import SceneRef
from pipelines.shared.acceptance import common_mixes
from pipelines.shared.cache import ModelCache
from tests.pipelines.grounding.tiny_family import make_family

SETS = {"iid": 0.6, "a": 0.4, "b": 0.5}


def test_one_and_ten_phrases_are_timed_and_threads_are_put_back(tmp_path: Path) -> None:
    pipeline, threads = GroundingPipeline(ModelCache(tmp_path), make_family(tmp_path)), torch.get_num_threads()
    report = bench_grounding.run(pipeline, rounds=5, threads=2, scenes=[SceneRef("simple", 0)])
    times = report["median_ms"]
    assert all(value > 0 for value in times.values()) and report["over_one_sight"]["ten, one by one"] > 1
    assert set(report["met"]) <= set(times) and torch.get_num_threads() == threads
    assert "limit 120 ms" in bench_grounding.table(report)


def test_ten_different_phrases_are_asked() -> None:
    assert all(len(set(bench_grounding.phrases_of(scene))) == 10 for scene in bench_grounding.SCENES[:2])


@pytest.mark.parametrize(
    ("mild", "strong", "chosen"),
    [
        ({"iid": 0.59, "a": 0.5, "b": 0.5}, {"iid": 0.59, "a": 0.5, "b": 0.6}, "strong"),
        ({"iid": 0.59, "a": 0.5, "b": 0.5}, {"iid": 0.5, "a": 0.9, "b": 0.9}, "mild"),
        ({"iid": 0.55, "a": 0.5, "b": 0.5}, {"iid": 0.5, "a": 0.9, "b": 0.9}, "mild"),
    ],
)
def test_the_best_mix_is_one_that_costs_little(mild: dict, strong: dict, chosen: str) -> None:
    assert bench_grounding_merge.best_mix({"base": SETS, "mild": mild, "strong": strong}, ("a", "b"), BAR) == chosen


def test_mixes_are_chosen_on_other_scenes_than_they_are_judged_on(
    world: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = make_family(tmp_path, ("attribute", "refuse"))
    monkeypatch.setattr(bench_grounding_merge, "family_named", lambda name: family)
    monkeypatch.setattr(bench_grounding_merge, "open_cache", lambda device: ModelCache(tmp_path))
    few = partial(common_mixes, scales=(0.5,))
    monkeypatch.setattr(bench_grounding_merge, "common_mixes", few)
    bench_grounding_merge.main(tmp_path / "it.json", ["--scenes", "40", "--validation", "12"])
    result, text = json.loads((tmp_path / "it.json").read_text()), (tmp_path / "it.md").read_text()
    assert set(result["validation"]) == {"base", "task_arithmetic 0.5", "ties 0.5"}
    assert set(result["matrix"]) == {"base", "attribute", "refuse", "chosen mix", "starting mix"}
    assert result["validation"]["base"] != result["matrix"]["base"] and result["chosen"] in result["validation"]
    assert [row["coefficient"] for row in result["dial"]] == [0, 0.25, 0.5, 0.75, 1]
    assert set(result["norms"]) == {"attribute", "refuse"} and "| refuse | N-acc | T-acc |" in text
