"""Evaluation of the plvl family on every split of the generated world: boxes, masks, sets, anchors, kinds and sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.grounding.decode import Raw, Thresholds
from pipelines.grounding.metrics import Case, anchor_hits, set_scores, single_scores
from pipelines.grounding.probe import SETS as EXPERT_SETS
from pipelines.grounding.validation import HELD_OUT, answers, drawn
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.family import ModelFamily

SPLITS = (
    "iid", "comp", "long", "phrase", "count", "notarget", "multi", "photo", "photo-hard", "attr-hard", "rel-hard",
    "ord-hard",
)  # fmt: skip
SCENES = 2000
TEST = HELD_OUT + 1
KEEP_TARGETS = 0.95  # of the targets that exist must be found by the threshold that is chosen
SMALL, LARGE = 0.02, 0.05  # shares of the picture


def evaluate(
    family: ModelFamily,
    cache: ModelCache,
    data: Path | None = None,
    recipe: MergeRecipe | None = None,
    limit: int | None = None,
) -> dict[str, dict[str, Any]]:
    """Scores on each split.

    Args:
        cache: lends the network.
        data: None; the embedded network is not for photographs of arbitrary objects.
        recipe: which mix is scored; None is the family's default.
        limit: scenes per split.

    Returns:
        split -> {"n": expressions, "methods": {"single" | "sets" | "anchors" | "by ...": {metric: number}}}.

    Raises:
        UserError: there is a folder of data.
    """
    if data is not None:
        raise UserError(
            f"{family.name} is scored on generated scenes alone, so nothing in {data} would be read: leave --data out.",
            "No data needed",
        )  # fmt: skip
    with cache.lease(family, family.default if recipe is None else recipe) as lease:
        thresholds = chosen_thresholds(lease.model, limit)
        return {name: split_report(lease.model, name, thresholds, limit) for name in SPLITS}


def chosen_thresholds(model: Any, limit: int | None = None) -> Thresholds:
    """The threshold of existence that refuses most on "val" while it keeps 95 % of the targets."""
    cases, raws = _read(model, "val", min(limit or 500, 500), HELD_OUT)
    believed = sorted(raw.existence for case, raw in zip(cases, raws, strict=True) if len(case.boxes))
    at = believed[int((1 - KEEP_TARGETS) * len(believed))] if believed else 0.5
    return replace(Thresholds(), existence=float(np.clip(at, 0.05, 0.95)), most=8)


def split_report(model: Any, name: str, thresholds: Thresholds, limit: int | None = None) -> dict[str, Any]:
    """Scores of a network on one split."""
    cases, raws = _read(model, name, min(limit or SCENES, SCENES), TEST)
    methods = {
        "single": single_scores(cases, raws),
        "sets": set_scores(cases, raws, thresholds) | {"existence_threshold": thresholds.existence},
        "anchors": anchor_hits(cases, raws),
        **_grouped("kind", cases, raws, [case.kind for case in cases]),
        **_grouped("size", cases, raws, [_size(case) for case in cases]),
    }
    return {"n": len(cases), "methods": {title: found for title, found in methods.items() if found}}


def expert_matrix(
    family: ModelFamily, cache: ModelCache, limit: int | None = None, recipes: Mapping[str, MergeRecipe] | None = None
) -> dict[str, dict[str, float]]:
    """Base, every expert alone, and named mixes -> set -> score (acc@0.5; on `refuse` the mean of N-acc and T-acc)."""
    alone = {name: MergeRecipe(coefficients=((name, 1.0),), scale=1.0) for name in family.tasks}
    return mix_matrix(family, cache, {"base": MergeRecipe(), **alone, **(recipes or {})}, "test", limit)


def mix_matrix(
    family: ModelFamily, cache: ModelCache, recipes: Mapping[str, MergeRecipe], split: str, limit: int | None = None
) -> dict[str, dict[str, float]]:
    """Named mixes -> set -> score, on the "test" or the "validation" scenes of every set."""
    from pipelines.grounding.probe import score_model

    matrix = {}
    for name, recipe in recipes.items():
        with cache.lease(family, recipe) as lease:
            matrix[name] = score_model(lease.model, tuple(EXPERT_SETS), split, limit or SCENES)
    return matrix


def refuse_dial(
    family: ModelFamily, cache: ModelCache, steps: Sequence[float] = (0, 0.25, 0.5, 0.75, 1), limit: int | None = None
) -> list[dict[str, float]]:
    """N-acc and T-acc on "notarget" by the coefficient of the `refuse` vector, at the threshold 0.5."""
    rows = []
    for step in steps:
        with cache.lease(family, MergeRecipe(coefficients=(("refuse", step),), scale=1.0)) as lease:
            cases, raws = _read(lease.model, "notarget", min(limit or SCENES, SCENES), TEST)
        found = set_scores(cases, raws, Thresholds())
        rows.append({"coefficient": step, "N-acc": found["N-acc"], "T-acc": found["T-acc"]})
    return rows


def _read(model: Any, name: str, count: int, seed: int) -> tuple[list[Case], list[Raw]]:
    scenes = drawn(name, count, model.shape.side_px, seed)
    return [case for _, found in scenes for case in found], answers(model, scenes)


def _grouped(
    title: str, cases: Sequence[Case], raws: Sequence[Raw], groups: Sequence[str]
) -> dict[str, dict[str, float]]:
    """acc@0.5 and mIoU of each group; groups without single targets are left out."""
    report = {}
    for group in sorted(set(groups)):
        some = [index for index, name in enumerate(groups) if name == group]
        found = single_scores([cases[i] for i in some], [raws[i] for i in some])
        if found:
            report[f"by {title}: {group}"] = {key: found[key] for key in ("n", "acc@0.5", "mIoU")}
    return report


def _size(case: Case) -> str:
    share = float(case.mask.mean())
    return "small" if share < SMALL else "large" if share > LARGE else "medium"
