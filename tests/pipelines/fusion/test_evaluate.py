"""Claims about evaluation: the shape of its answer, its methods, and levels on public pairs where they are at hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pipelines.fusion import evaluate as module
from pipelines.fusion.datasets import GeneratedSet, Scene, find_sets, generated_sets
from pipelines.fusion.evaluate import evaluate, evaluate_set, table_methods
from pipelines.fusion.meflut import FAMILY

TASKS = ("ivis", "mef", "mff", "med")


@pytest.fixture(scope="module")
def cache(root: Path) -> SimpleNamespace:
    return SimpleNamespace(assets=root / "assets", device="cpu")


def middle(scene: Scene, task: str) -> module.Result:
    return np.stack(scene.frames).mean(axis=0).astype(np.uint8), scene.labels


def test_tables_are_evaluated_on_exposures_only(cache: SimpleNamespace) -> None:
    sets = evaluate(FAMILY, cache, limit=1)
    assert list(sets) == ["generated/mef"]
    assert sets["generated/mef"]["n"] == 1
    assert {"pyramid", "paper", "fast", "average", "mertens"} <= set(sets["generated/mef"]["methods"])


@pytest.mark.parametrize("task", TASKS)
def test_every_method_has_every_metric_and_all_are_finite(task: str) -> None:
    one = GeneratedSet(f"generated/{task}", task)
    methods = evaluate_set(one, {"net": middle}, 1)["methods"]
    names = {"en", "sd", "sf", "ag", "mi", "scd", "vif", "qabf", "ssim", "ssim_l2", "mean"}
    for name, values in methods.items():
        expected = names | ({"mef_ssim", "mef_index", "viff"} if task == "mef" else set())
        expected |= {"miou"} if task == "ivis" and name == "net" else set()
        assert set(values) == expected
        assert np.isfinite(list(values.values())).all()


def test_labels_that_are_right_give_full_marks() -> None:
    one = next(found for found in generated_sets() if found.task == "ivis")
    assert evaluate_set(one, {"net": middle}, 2)["methods"]["net"]["miou"] == 1


def test_everything_but_exposures_is_scored_as_grey() -> None:
    seen: list[Scene] = []

    def spy(scene: Scene, task: str) -> module.Result:
        seen.append(scene)
        return middle(scene, task)

    for task in TASKS:
        evaluate_set(GeneratedSet(f"generated/{task}", task), {"net": spy}, 1)
    for task, scene in zip(TASKS, seen, strict=True):
        if task != "mef":
            assert all((frame == frame[..., :1]).all() for frame in scene.frames)


def test_a_method_that_skips_scenes_says_how_many_it_ran_on() -> None:
    def sometimes(scene: Scene, task: str) -> module.Result | None:
        return middle(scene, task) if scene.name.endswith("0") else None

    result = evaluate_set(GeneratedSet("generated/mef", "mef"), {"odd": sometimes, "never": lambda *_: None}, 2)
    assert result["n"] == 2
    assert result["methods"]["odd"]["n"] == 1
    assert "n" not in result["methods"]["average"] and "never" not in result["methods"]


def test_a_network_family_is_evaluated_on_all_sets(monkeypatch: pytest.MonkeyPatch, cache: SimpleNamespace) -> None:
    monkeypatch.setattr(module, "network_method", lambda family, cache, recipe: middle)
    sets = evaluate(replace(FAMILY, name="fusenet"), cache, limit=1)
    assert list(sets) == [f"generated/{task}" for task in TASKS]
    assert all("net" in one["methods"] and "average" in one["methods"] for one in sets.values())


def test_levels_on_public_exposures(
    evaluation_data: Path, cache: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLASSICAL", {"mef": ("average",)})  # those that are compared, and no others
    pairs = next(one for one in find_sets(evaluation_data) if one.name == "mef")
    ours = table_methods(cache.assets, evaluation_data)
    methods = evaluate_set(pairs, {name: ours[name] for name in ("pyramid", "paper")}, 4)["methods"]
    assert methods["pyramid"]["mef_ssim"] > 0.95
    assert methods["pyramid"]["mef_index"] > methods["average"]["mef_index"]
    assert methods["paper"]["mef_index"] > methods["average"]["mef_index"]
