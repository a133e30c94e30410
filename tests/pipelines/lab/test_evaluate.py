"""Claims about the shipped family: its form of answer, and that its experts know their tasks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.lab.evaluate import accuracy, evaluate, nearest_mean, score_model
from pipelines.lab.family import SHAPES_VIT
from pipelines.lab.tasks import TASKS
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.cache import ModelCache
from pipelines.shared.errors import UserError
from pipelines.shared.weights import manifest

MARGIN = 0.15  # every expert is that much above the naive answer on its task


@pytest.fixture(scope="module")
def cache(root: Path) -> ModelCache:
    return ModelCache(root / "assets")


def expert(task: str) -> MergeRecipe:
    return MergeRecipe(coefficients=((task, 1.0),))


def test_the_answer_has_one_shape(cache: ModelCache) -> None:
    sets = evaluate(SHAPES_VIT, cache, recipe=expert("digits"), limit=8)
    assert list(sets) == list(TASKS)
    assert all(
        found["n"] == 8 and list(found["methods"]) == ["net", "nearest_mean", "chance"] for found in sets.values()
    )
    assert sets["digits"]["methods"]["chance"] == {"accuracy": 0.1}


def test_data_from_elsewhere_is_refused(cache: ModelCache, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="generated"):
        evaluate(SHAPES_VIT, cache, data=tmp_path)


def test_accuracy_is_the_share_told_right() -> None:
    def always(task: str, pixels: np.ndarray) -> np.ndarray:
        return np.zeros(len(pixels), int)

    from pipelines.lab.evaluate import pictures

    assert accuracy(always, "counts") == pytest.approx((pictures("counts", "test")[1] == 0).mean())


@pytest.mark.parametrize("task", TASKS)
def test_every_shipped_expert_beats_the_base_and_the_naive_answer(task: str, cache: ModelCache) -> None:
    with cache.lease(SHAPES_VIT, expert(task)) as lease:
        reached = score_model(lease.model, (task,), "validation")[task]
    with cache.lease(SHAPES_VIT, None) as lease:
        before = score_model(lease.model, (task,), "validation")[task]
    naive = accuracy(nearest_mean, task, "validation")
    assert reached > before and reached > naive + MARGIN


def test_the_manifest_says_what_evaluation_finds(cache: ModelCache) -> None:
    matrix = manifest(cache.assets)["shapes_vit"]["matrix"]
    with cache.lease(SHAPES_VIT, expert("words")) as lease:
        assert score_model(lease.model, ("words",))["words"] == pytest.approx(matrix["words"]["words"], abs=0.01)


def test_task_vectors_are_small(cache: ModelCache) -> None:
    norms = cache.arena(SHAPES_VIT).diagnostics().relative_norms
    assert all(0.001 < norm < 0.1 for norm in norms.values())
