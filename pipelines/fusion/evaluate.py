"""Evaluation of the fusion families: every set, our methods and the classical ones side by side, all metrics.

Exposures are fused in colour. Everything else is fused and scored as grey, as published tables do it; pictures are
never stretched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.fusion.datasets import EvaluationSet, GeneratedSet, Scene, find_sets, generated_sets, published_tables
from pipelines.fusion.metrics import confusion, mean_iou, score
from pipelines.merging.recipe import MergeRecipe

if TYPE_CHECKING:
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.family import ModelFamily

CLASS_COUNT = 7
CLASSICAL = {"mef": ("average", "laplacian", "mertens")}
CLASSICAL_PAIRS = ("average", "max", "gff", "laplacian")

Rows = dict[str, list[dict[str, float]]]
Result = tuple[np.ndarray, np.ndarray | None]
Method = Callable[[Scene, str], Result | None]


def evaluate(
    family: ModelFamily,
    cache: ModelCache,
    data: Path | None = None,
    recipe: MergeRecipe | None = None,
    limit: int | None = None,
) -> dict[str, dict[str, Any]]:
    """Mean metrics of each method on each set.

    Args:
        family: "fusenet" (all tasks) or "meflut" (exposures).
        cache: lends the network; its `assets` folder holds the tables.
        data: folder of the public sets; None generates small sets.
        recipe: which mix of the network is scored; None is the family's default, and then each set is also scored with
            the expert of its task alone ("expert").
        limit: scenes per set, spread over it.

    Returns:
        set -> {"n": scenes, "methods": {method: {metric: mean}}}. A method that cannot run on every scene of a set (no
        published tables for six frames) has its own "n" among its numbers.
    """
    sets: Sequence[EvaluationSet | GeneratedSet]
    sets = find_sets(data) if data is not None else generated_sets()
    if family.name == "meflut":
        methods, sets = table_methods(cache.assets, data), tuple(one for one in sets if one.task == "mef")
    else:
        methods = {"net": network_method(family, cache, lambda task: recipe)}
        if recipe in (None, family.default):
            methods["expert"] = network_method(
                family, cache, lambda task: MergeRecipe(coefficients=((task, 1.0),), scale=1.0)
            )
    return {one.name: evaluate_set(one, methods, limit) for one in sets}


def evaluate_set(one: EvaluationSet | GeneratedSet, ours: Mapping[str, Method], limit: int | None) -> dict[str, Any]:
    """One set: mean metrics of our methods and the classical ones."""
    methods = {**ours, **classical_methods(one.task)}
    rows: Rows = {name: [] for name in methods}
    hits = {name: np.zeros((CLASS_COUNT, CLASS_COUNT), np.int64) for name in methods}
    count = 0
    for scene in one.scenes(limit):
        count += 1
        scene = scene if one.task == "mef" else _grey_scene(scene)
        for name, method in methods.items():
            result = method(scene, one.task)
            if result is not None:
                rows[name].append(score(result[0], scene.frames, one.task))
                hits[name] += _hits(scene, result[1])
    means = {name: _means(found, count) | _iou(hits[name]) for name, found in rows.items() if found}
    return {"n": count, "methods": means}


def network_method(family: ModelFamily, cache: ModelCache, recipe_for: Callable[[str], MergeRecipe | None]) -> Method:
    """The network, mixed as `recipe_for` says for a task, through the same pipeline as the page."""
    from pipelines.fusion.options import FusionOptions
    from pipelines.fusion.pipeline import FusionPipeline

    pipeline = FusionPipeline(cache, family)

    def run(scene: Scene, task: str) -> Result:
        result = pipeline(_frame_set(scene), FusionOptions(task=task, engine="net"), recipe_for(task))
        return result.fused, result.labels

    return run


def table_methods(assets: Path, data: Path | None) -> dict[str, Method]:
    """The three operators with our tables, and the published tables where the data has them."""
    from pipelines.fusion.meflut import load_tables

    def ours(operator: str) -> Method:
        return _by_tables(operator, lambda count: load_tables(assets, count, operator))

    methods = {operator: ours(operator) for operator in ("pyramid", "paper", "fast")}
    published = published_tables(data) if data is not None else {}
    if published:
        methods |= {f"published_{operator}": _by_tables(operator, published.get) for operator in ("pyramid", "paper")}
    return methods


def classical_methods(task: str) -> dict[str, Method]:
    """The baselines that tables of this task compare with."""
    from pipelines.fusion.baselines import BASELINES
    from pipelines.fusion.operators import to_bytes

    def run(name: str) -> Method:
        return lambda scene, _: (to_bytes(BASELINES[name](_float_stack(scene))), None)

    return {name: run(name) for name in CLASSICAL.get(task, CLASSICAL_PAIRS)}


def _by_tables(operator: str, tables_for: Callable[[int], np.ndarray | None]) -> Method:
    from pipelines.fusion.operators import fuse_with_tables

    def run(scene: Scene, task: str) -> Result | None:
        tables = tables_for(len(scene.frames))
        if tables is None:
            return None
        return np.asarray(fuse_with_tables(np.stack(scene.frames), tables, operator).fused, np.uint8), None

    return run


def _frame_set(scene: Scene) -> Any:
    from pipelines.fusion.inputs import FrameSet

    count = len(scene.frames)
    return FrameSet(
        images=_float_stack(scene),
        names=tuple(f"{scene.name}-{index}" for index in range(count)),
        sha256s=("",) * count,
        alpha=None,
        is_grey=tuple(_is_grey(frame) for frame in scene.frames),
        order=tuple(range(count)),
        notices=(),
    )


def _float_stack(scene: Scene) -> np.ndarray:
    return np.stack(scene.frames).astype(np.float32) / np.float32(255)


def _grey_scene(scene: Scene) -> Scene:
    from pipelines.fusion.metrics import grey

    return replace(scene, frames=tuple(np.repeat(grey(f).astype(np.uint8)[..., None], 3, 2) for f in scene.frames))


def _is_grey(frame: np.ndarray) -> bool:
    return bool((frame == frame[..., :1]).all())


def _hits(scene: Scene, labels: np.ndarray | None) -> np.ndarray:
    if scene.labels is None or labels is None:
        return np.zeros((CLASS_COUNT, CLASS_COUNT), np.int64)
    import cv2

    size_wh = scene.labels.shape[1], scene.labels.shape[0]
    return confusion(scene.labels, cv2.resize(labels, size_wh, interpolation=cv2.INTER_NEAREST), CLASS_COUNT)


def _iou(hits: np.ndarray) -> dict[str, float]:
    return {"miou": mean_iou(hits)} if hits.any() else {}


def _means(rows: Sequence[Mapping[str, float]], expected: int) -> dict[str, float]:
    """Mean of each metric over the scenes that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    means = {name: float(np.mean([row[name] for row in rows if name in row])) for name in names}
    return means if len(rows) == expected else means | {"n": len(rows)}
