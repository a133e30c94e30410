"""Coefficients and masks learned without labels, as rows beside the fixed methods."""

from __future__ import annotations

from pipelines.lab.trial import Row, Trial
from pipelines.merging.adamerging import START, adamerging
from pipelines.merging.concrete import ConcreteOptions, concrete, final_mask
from pipelines.merging.learning import Loss, Mergeable, Places, best_of, mixed

STEPS, RATE = 100, 1e-2  # a fifth and less of the published steps, at ten times the rate


def learned_rows(trial: Trial, loss: Loss) -> dict[str, Row]:
    """AdaMerging by task and by layer, Concrete task arithmetic, and task arithmetic at their starting point."""
    chosen = {"steps": STEPS, "rate": RATE}
    rows = {"task_arithmetic_0.3": trial.row(trial.recipe("task_arithmetic", scale=START), scale=START)}
    for name, grain in (("tasks", "task"), ("layers", "tensor")):
        ground = Mergeable.of(trial.arena)
        places = Places.of(ground.layout, grain)
        learned = best_of(adamerging(ground, places, loss, steps=STEPS, rate=RATE))
        rows[f"adamerging_{name}"] = trial.row(mixed(ground, places, learned.coefficients), **chosen)
    return rows | {"concrete": _concrete_row(trial, loss, chosen)}


def _concrete_row(trial: Trial, loss: Loss, chosen: dict[str, float]) -> Row:
    ground = Mergeable.of(trial.arena)
    *_, last = concrete(ground, loss, ConcreteOptions(steps=STEPS, rate=RATE))
    mask = final_mask(ground.layout, last.logits)
    total = sum(ground.masked(mask).vectors.values(), ground.base.new_zeros(()))
    return trial.row(ground.base + START * total, **chosen, density=last.density)
