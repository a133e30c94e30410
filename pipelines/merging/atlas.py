"""aTLAS: anisotropic scaling of task vectors, learned from few samples: a number for each tensor (arXiv:2407.02880).

Also for parts of tensors, for forgetting (a loss that rises on the target), and at test time (pseudo labels).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.merging.method import OfflineMethod, Setting

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.learning import Judge, Learning, Loss, Mergeable, Places


@dataclass(frozen=True)
class AtlasOptions:
    """How coefficients are learned; the defaults are those for few labelled samples.

    Attributes:
        rate, decay: of AdamW; the rate falls to 0 along a cosine.
        most_gradient: gradients longer than this are shortened to it.
        penalty, power: adds penalty * sum of |coefficient|^power.
        budget: how many experts each column may use, those of largest gradient at the start; 0: all.
        judge_every: steps between scores.
    """

    steps: int = 100
    rate: float = 0.1
    decay: float = 0.1
    most_gradient: float = 1.0
    penalty: float = 0.0
    power: float = 1.0
    budget: int = 0
    judge_every: int = 10


FEW_SHOT = AtlasOptions()
ADDITION = AtlasOptions(rate=1e-3)
NEGATION = AtlasOptions(rate=5e-3)
TEST_TIME = AtlasOptions(rate=1e-3)


def atlas(
    ground: Mergeable, places: Places, loss: Loss, options: AtlasOptions = FEW_SHOT, judge: Judge | None = None
) -> Iterator[Learning]:
    """AdamW from the base on: all coefficients start at 0; every step is given out, the last with what was learned.

    Args:
        ground: the vectors to compose; for few-shot learning of a task, without its own.
        places: "tensor", or `Places.partitioned` for several coefficients a tensor.
        loss: labelled samples, pseudo labels or `forgetting`, at a step. The loss that is given out has no penalty.
        judge: None for a network that is not acceptable, such as one that forgot the control task.
    """
    import torch

    from pipelines.merging.learning import Learning, coefficient_gradient, mixed, network, weight_gradient

    coefficients = torch.zeros(len(ground.vectors), len(places.names), dtype=torch.float64)
    adam = torch.optim.AdamW([coefficients], lr=options.rate, weight_decay=options.decay)
    chosen = None
    for step in range(options.steps + 1):
        value, weights = weight_gradient(ground, mixed(ground, places, coefficients), loss, step)
        is_judged = judge is not None and (step % options.judge_every == 0 or step == options.steps)
        score = judge(network(ground, places, coefficients)) if judge and is_judged else None
        yield Learning(step, value, coefficients.clone(), score)
        gradient = coefficient_gradient(ground, places, weights) + penalty_gradient(coefficients, options)
        chosen = within_budget(gradient, options.budget) if chosen is None else chosen
        coefficients.grad = shortened(gradient * chosen, options.most_gradient)
        adam.param_groups[0]["lr"] = options.rate * 0.5 * (1 + math.cos(math.pi * step / max(options.steps, 1)))
        adam.step()


def penalty_gradient(coefficients: Tensor, options: AtlasOptions) -> Tensor:
    """Of penalty * sum of |coefficient|^power."""
    return options.penalty * options.power * coefficients.sign() * coefficients.abs().pow(options.power - 1)


def within_budget(gradient: Tensor, budget: int) -> Tensor:
    """1.0 for the `budget` experts of largest gradient in each column, else 0.0; all 1.0 for budget 0."""
    import torch

    if budget <= 0 or budget >= len(gradient):
        return torch.ones_like(gradient)
    best = gradient.abs().argsort(dim=0, descending=True, stable=True)[:budget]
    return torch.zeros_like(gradient).scatter_(0, best, 1.0)


def shortened(gradient: Tensor, most: float) -> Tensor:
    """The gradient, its Euclidean length at most `most`."""
    return gradient * min(1.0, most / max(float(gradient.norm()), 1e-300))


ATLAS = OfflineMethod(
    name="atlas",
    title="aTLAS",
    group="learned",
    paper="arXiv:2407.02880",
    formula="Λ = argmin L(θ0 + Σ Λ_tj τ_t),  one number an expert and tensor, or an expert and part of a tensor",
    settings=(
        Setting("steps", "Steps", 100.0, "Of AdamW, the rate falls along a cosine", 10.0, 2000.0, 10.0),
        Setting("rate", "Rate", 0.1, "Of AdamW", 1e-4, 1.0, 1e-4, is_log=True),
        Setting("decay", "Weight decay", 0.1, "Of AdamW", 0.0, 1.0),
        Setting("budget", "Budget", 0.0, "Experts that each tensor may use; 0 is all", 0.0, 64.0, 1.0),
    ),
    needs="a few labelled samples, or unlabelled ones and a network whose outputs are classes",
    cost="each step: one forward and backward, one merge, one pass of inner products",
    entry="atlas:atlas",
)
