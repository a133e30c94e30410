"""Experts of igtr: each learns its own pictures from the stored base, then settles.

Beside its own pictures an expert sees others, about which it is to answer as the base does (kept.py).
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.igtr_stages import Preset, TripletLoss, as_pixels, stage_of, started
from pipelines.text_recognition.kept import PIXELS, TRIPLETS, KeepingBatches, kept_loss
from pipelines.text_recognition.training_data import Batches, Source
from pipelines.training.loop import Batch
from pipelines.training.run import BASE, Run, Trained

# Share of an expert's own pictures in a batch, and weight of the base's answers about the rest. Half of the rest are
# plain words, half of the other experts' recipes.
LEARNING, SETTLING_DOWN = (0.625, 2.0), (0.5, 6.0)


def train_expert(plan: Preset, task: str, sources: dict[str, Source], run: Run) -> Trained:
    """One expert from the stored base: it learns, then settles until it answers like the base wherever it can."""
    model, base = started(plan, run, BASE), started(plan, run, BASE).eval().requires_grad_(False).to(run.device)
    seconds = 0.0
    for name, steps, rate, (share, weight) in (
        (f"expert-{task}", plan.expert_steps, plan.expert_rate, LEARNING),
        (f"settle-{task}", plan.settle_steps, plan.settle_rate, SETTLING_DOWN),
    ):
        if steps:
            stage = replace(stage_of(name, steps, rate, plan, run.seed), ema=plan.expert_ema)
            batches = _expert_batches(plan, task, sources, steps, round(plan.batch * share))
            seconds += run.stage(model, stage, batches, ExpertLoss(base, weight, steps))
    return run.store(model, task, seconds)


def _expert_batches(plan: Preset, task: str, sources: dict[str, Source], steps: int, own: int) -> KeepingBatches:
    """`own` pictures of the expert's recipe in each batch, the rest of the base's and the other experts'."""
    others = [name for name in sources if name not in (BASE, task)]
    kept = (replace(sources[BASE], share=0.5), *(replace(sources[name], share=0.5 / len(others)) for name in others))
    return KeepingBatches(
        Batches((sources[task],), own, steps, 0.0, plan.more, level=plan.level),
        Batches(kept, plan.batch - own, steps, 0.0, plan.more, level=plan.level),
    )


class ExpertLoss(TripletLoss):
    """That of a network that reads, and `weight` times what it answers unlike the base about other pictures."""

    def __init__(self, base: IGTR, weight: float, steps: int) -> None:
        super().__init__(steps, is_late=True)
        self.base, self.weight = base, weight

    def __call__(self, model: nn.Module, batch: Batch, step: int, **more: Tensor) -> Tensor:
        assert isinstance(model, IGTR)
        pixels, triplets = as_pixels(batch[PIXELS]), batch[TRIPLETS].to(batch[PIXELS].device)
        return super().__call__(model, batch, step, kept=self.weight * kept_loss(model, self.base, pixels, triplets))
