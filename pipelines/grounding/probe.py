"""Scores beside the faders: how well a mix grounds the fixed scenes of each set, 0 to 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SETS = {
    "iid": "iid",
    "attribute": "attr-hard",
    "relation": "rel-hard",
    "ordinal": "ord-hard",
    "photo": "photo",
    "refuse": "notarget",
}
TASKS = tuple(SETS)[1:]
SCENES, WHOLE = 24, 300  # of each set: to look at, and to score the experts on
SEEDS = {"test": 2_000_003, "validation": 3_000_003}
MEASURES = {name: "acc@0.5 of the box" for name in SETS} | {"refuse": "mean of N-acc and T-acc"}


def score_model(model: Any, tasks: Sequence[str] = TASKS, split: str = "test", count: int = SCENES) -> dict[str, float]:
    """Set -> score of a network, on either split."""
    return {name: _score(model, name, split, count) for name in tasks}


def score_whole(model: Any, tasks: Sequence[str] = TASKS) -> dict[str, float]:
    """The same on whole sets."""
    return score_model(model, tasks, "test", WHOLE)


def _score(model: Any, name: str, split: str, count: int) -> float:
    from pipelines.grounding.decode import Thresholds
    from pipelines.grounding.metrics import set_scores, single_scores
    from pipelines.grounding.validation import answers, drawn

    scenes = drawn(SETS[name], count, model.shape.side_px, SEEDS[split])
    cases, raws = [case for _, found in scenes for case in found], answers(model, scenes)
    if name != "refuse":
        return single_scores(cases, raws).get("acc@0.5", 0.0)
    found = set_scores(cases, raws, Thresholds())
    rates = [found[key] for key in ("N-acc", "T-acc") if key in found]
    return sum(rates) / len(rates)
