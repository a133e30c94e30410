"""Claims about shapes_vit that need labelled samples or a network of another start: aTLAS, transport, logit fusion.

Few-shot samples come from the "reference" split, which nothing else is learned from; scores are of the test split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.lab.evaluate import pictures
from pipelines.lab.tasks import TASKS
from pipelines.lab.trial import Trial
from pipelines.lab.vit_streams import activations, apart, axes, joined, shuffles, streams
from pipelines.merging.atlas import FEW_SHOT, atlas
from pipelines.merging.layout import Weights
from pipelines.merging.learning import Loss, Mergeable, Places, best_of, mixed, module_loss
from pipelines.merging.logit_fusion import dynamic_fusion, fixed_fusion
from pipelines.merging.optimal_transport import fused, laid_on, plans_by_activations

SHOTS = (1, 4, 16)  # labelled pictures of each class
STEPS, RATE = 60, 1e-2  # of the rivals that aTLAS is compared with
MATCHED_ON = 16  # unlabelled pictures of each task, by which neurons are matched


def measure_with_data(
    trial: Trial, other: Weights | None = None, shots: Sequence[int] = SHOTS, steps: int = FEW_SHOT.steps
) -> dict[str, Any]:
    """What these claims are judged by; without `other`, a base of another start, two of them are left out."""
    found: dict[str, Any] = {"few_shot": few_shot(trial, shots, steps)}
    if other is not None:
        found |= {"transport": transport_scores(trial, other), "fusion": fusion_scores(trial, other)}
    return found


def few_shot(trial: Trial, shots: Sequence[int], steps: int) -> dict[str, dict[str, float]]:
    """Name of a way -> shots -> mean accuracy over the tasks. aTLAS composes the vectors of the other tasks alone."""
    found: dict[str, dict[str, float]] = {"atlas": {}, "layer_norm": {}, "probe": {}}
    for count in shots:
        for name, scores in _adapted(trial, count, steps).items():
            found[name][str(count)] = fmean(scores)
    return found


def _adapted(trial: Trial, count: int, steps: int) -> dict[str, list[float]]:
    scores: dict[str, list[float]] = {"atlas": [], "layer_norm": [], "probe": []}
    for task in trial.tasks:
        loss = few_shot_loss(trial.model, task, count)
        scores["atlas"].append(trial.scores(_composed(trial, task, loss, steps), "test", (task,))[task])
        for name, part in (("layer_norm", "norm"), ("probe", "prototypes")):
            trial.model.load_state_dict(_tuned(trial, part, loss, min(steps, STEPS)))
            scores[name].append(trial.score(trial.model, (task,), "test")[task])
    return scores


def few_shot_loss(model: nn.Module, task: str, count: int) -> Loss:
    """Cross-entropy on the first `count` reference pictures of each class, (weights, step) -> nats."""
    pixels, labels = pictures(task, "reference")
    picked = np.concatenate([np.flatnonzero(labels == number)[:count] for number in np.unique(labels)])
    seen, truth = torch.from_numpy(pixels[picked]), torch.from_numpy(labels[picked]).long()
    return module_loss(model, lambda call, step: F.cross_entropy(call(seen, task), truth))


def _composed(trial: Trial, task: str, loss: Loss, steps: int) -> Tensor:
    ground = Mergeable.of(trial.arena)
    others = replace(ground, vectors={name: vector for name, vector in ground.vectors.items() if name != task})
    places = Places.of(others.layout, "tensor")
    learned = best_of(atlas(others, places, loss, replace(FEW_SHOT, steps=steps)))
    return mixed(others, places, learned.coefficients)


def _tuned(trial: Trial, part: str, loss: Loss, steps: int) -> dict[str, Tensor]:
    """The base with the parameters whose name holds `part` tuned by Adam on the same samples."""
    weights = {key: value.detach().clone() for key, value in trial.arena.views(trial.arena.base).items()}
    moving = [value.requires_grad_() for key, value in weights.items() if part in key]
    adam = torch.optim.Adam(moving, lr=RATE)
    for step in range(steps):
        adam.zero_grad()
        loss(weights, step).backward()
        adam.step()
    return {key: value.detach() for key, value in weights.items()}


def fusion_scores(trial: Trial, other: Weights) -> dict[str, float]:
    """Mean accuracy of the other base moved by each expert's shift of this base, at 1 and by the dynamic search."""
    base = trial.arena.views(trial.arena.base)
    found: dict[str, list[float]] = {"alone": [], "fixed": [], "dynamic": []}
    for task in trial.tasks:
        expert = trial.arena.views(trial.arena.merge(trial.recipe("task_arithmetic", (task,))).flat)
        large, small, moved = (_logits(trial.model, weights, task) for weights in (other, base, expert))
        truth = torch.from_numpy(pictures(task, "test")[1])
        ways = {
            "alone": large,
            "fixed": fixed_fusion(large, small, [moved], [1.0]).log_probabilities,
            "dynamic": dynamic_fusion(large, small, [moved]).log_probabilities,
        }
        for name, logits in ways.items():
            found[name].append(float((logits.argmax(1) == truth).double().mean()))
    return {name: fmean(values) for name, values in found.items()}


@torch.inference_mode()
def _logits(model: nn.Module, weights: Weights, task: str) -> Tensor:
    model.load_state_dict(weights)
    return model(torch.from_numpy(pictures(task, "test")[0]), task)


def transport_scores(trial: Trial, other: Weights) -> dict[str, float]:
    """Mean accuracy of two bases of different starts and of their half-way average, plain and matched.

    `copy_error`: a shuffled copy of the base is laid back on it; the largest difference of the weights.
    """
    base = {key: value.clone() for key, value in trial.arena.views(trial.arena.base).items()}
    copy = joined(laid_on(apart(base), axes(base), shuffles(base)))
    copied = matched(trial.model, copy, base)
    scores = {
        "first": base,
        "second": other,
        "plain": fused(base, [other], 0.5),
        "matched": fused(base, [matched(trial.model, other, base)], 0.5),
    }
    found = {name: fmean(_scored(trial, weights)) for name, weights in scores.items()}
    return found | {"copy_error": max(float((copied[key] - base[key]).abs().max()) for key in base)}


def _scored(trial: Trial, weights: Weights) -> list[float]:
    trial.model.load_state_dict(weights)
    return list(trial.score(trial.model, trial.tasks, "test").values())


def matched(model: nn.Module, source: Weights, anchor: Weights) -> dict[str, Tensor]:
    """The source's neurons in the anchor's order, matched one to one by what they do on unlabelled pictures."""
    pixels = torch.from_numpy(np.concatenate([pictures(task, "unlabelled")[0][:MATCHED_ON] for task in TASKS]))
    seen = [activations(model, weights, pixels) for weights in (source, anchor)]
    plans = plans_by_activations(streams(anchor), seen[0], seen[1], None)
    return joined(laid_on(apart(source), axes(anchor), plans))
