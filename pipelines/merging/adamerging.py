"""AdaMerging: coefficients for experts, or experts and tensors, that make predictions sure (arXiv:2310.02575)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipelines.merging.method import OfflineMethod, Setting

if TYPE_CHECKING:
    from pipelines.merging.learning import Judge, Learning, Loss, Mergeable, Places

START = 0.3


def adamerging(
    ground: Mergeable,
    places: Places,
    loss: Loss,
    *,
    steps: int = 500,
    rate: float = 1e-3,
    start: float = START,
    is_clamped: bool = True,
    judge: Judge | None = None,
    judge_every: int = 50,
) -> Iterator[Learning]:
    """Adam on the coefficients, from `start` on; every step is given out, the last with what was learned.

    Args:
        ground: vectors as they are, or `ground.elected()` for AdaMerging++.
        places: "task" for one coefficient an expert, "tensor" for layer-wise.
        loss: of a merged network at a step; mean entropy on unlabelled data in the paper. Same loss, same result.
        is_clamped: coefficients stay in 0 to 1.
        judge: scores the network every `judge_every` steps and at the end.
    """
    import torch

    from pipelines.merging.learning import Learning, coefficient_gradient, mixed, network, weight_gradient

    shape = len(ground.vectors), len(places.names)
    coefficients = torch.full(shape, start, dtype=torch.float64)
    adam = torch.optim.Adam([coefficients], lr=rate, betas=(0.9, 0.999))
    for step in range(steps + 1):
        value, gradient = weight_gradient(ground, mixed(ground, places, coefficients), loss, step)
        is_judged = judge is not None and (step % judge_every == 0 or step == steps)
        score = judge(network(ground, places, coefficients)) if judge and is_judged else None
        yield Learning(step, value, coefficients.clone(), score)
        coefficients.grad = coefficient_gradient(ground, places, gradient)
        adam.step()
        if is_clamped:
            coefficients.clamp_(0.0, 1.0)


ADAMERGING = OfflineMethod(
    name="adamerging",
    title="AdaMerging",
    group="learned",
    paper="arXiv:2310.02575",
    formula="λ = argmin Σ_t E H(softmax f_t(x; θ0 + Σ λ_tj τ_t)),  one λ an expert, or an expert and tensor",
    settings=(
        Setting("steps", "Steps", 500.0, "Of Adam", 100.0, 2000.0, 10.0),
        Setting("rate", "Rate", 1e-3, "Of Adam", 1e-4, 1e-1, 1e-4, is_log=True),
        Setting("start", "Start", START, "Every coefficient at the beginning", -1.0, 1.5),
    ),
    needs="unlabelled samples of every task, and a network whose outputs are classes",
    cost="each step: forward and backward for every task, one merge, one pass of inner products",
    entry="adamerging:adamerging",
)
