"""Experts of igtr: each learns its own pictures from the stored base and settles, then all train in company.

Beside its own pictures an expert sees others, about which it is to answer as the base does (kept.py); in company its
answers are those of a network to which the other experts' changes are added (pipelines/training/company.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.igtr_stages import Preset, TripletLoss, as_pixels, stage_of, started
from pipelines.text_recognition.kept import PIXELS, TRIPLETS, KeepingBatches, characters_read, kept_loss
from pipelines.text_recognition.training_data import Batches, Source
from pipelines.training.checkpoints import seconds_in
from pipelines.training.company import Company, draw_company
from pipelines.training.loop import Batch
from pipelines.training.run import BASE, Run, Trained

# Share of an expert's own pictures in a batch, and weight of the base's answers about the rest. Half of the rest are
# plain words, half of the other experts' recipes.
LEARNING, SETTLING_DOWN, IN_COMPANY = (0.625, 2.0), (0.5, 6.0), (0.5, 4.0)
LEAD, OTHERS, THEIRS, ASKED = "lead", "others", "their_pixels", "their_triplets"  # of a batch in company


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
    kept = (replace(sources[BASE], share=0.5), *_evenly(sources, (BASE, task), 0.5))
    return KeepingBatches(
        Batches((sources[task],), own, steps, 0.0, plan.more, level=plan.level),
        Batches(kept, plan.batch - own, steps, 0.0, plan.more, level=plan.level),
    )


def _evenly(sources: dict[str, Source], but: tuple[str, ...], share: float = 1.0) -> tuple[Source, ...]:
    """All other sources, in equal parts of a share."""
    kept = [source for name, source in sources.items() if name not in but]
    return tuple(replace(one, share=share / len(kept)) for one in kept)


def train_together(plan: Preset, sources: dict[str, Source], run: Run) -> float:
    """All experts on from where they settled, in one another's company. Returns the seconds it took."""
    if not plan.company_steps:
        return 0.0
    base = started(plan, run, BASE).eval().requires_grad_(False).to(run.device)
    experts = {task: started(plan, run, task) for task in run.experts}
    stage = stage_of("company", plan.company_steps, plan.company_rate, plan, run.seed)
    stage = replace(stage, ema=plan.ema, watch=None)
    own, weight = round(plan.batch * IN_COMPANY[0]), IN_COMPANY[1]
    usual = Batches((), (plan.batch - own) // 2, plan.company_steps, 0.0, plan.more, level=plan.level)
    batches = CompanyBatches(
        {task: replace(usual, sources=(sources[task],), batch=own) for task in experts},
        replace(usual, sources=(sources[BASE],)),
        {task: replace(usual, sources=_evenly(sources, (BASE, task))) for task in experts},
    )
    loss = CompanyLoss(ExpertLoss(base, weight, plan.company_steps))
    seconds = run.stage(Company(base, experts), stage, batches, loss)
    for task, model in experts.items():
        run.store(model, task, seconds_in(run.path(task)) + seconds / len(experts))
    return seconds


@dataclass(frozen=True)
class CompanyBatches:
    """As an expert's batches, of each expert in turn: who leads, and who is there by which coefficients.

    `theirs` are pictures of the others' recipes for each leader.
    """

    own: Mapping[str, Batches]
    plain: Batches
    theirs: Mapping[str, Batches]

    def __call__(self, rng: np.random.Generator, step: int) -> Batch:
        names = list(self.own)
        lead = names[step % len(names)]
        batch, theirs = KeepingBatches(self.own[lead], self.plain)(rng, step), self.theirs[lead](rng, step)
        others = draw_company(rng, [name for name in names if name != lead])
        return batch | {LEAD: lead, OTHERS: others, THEIRS: theirs["pixels"], ASKED: theirs["triplets"][0]}


class CompanyLoss:
    """An expert's loss, of the network that it makes with those that are there.

    About pictures of the others' recipes it is to answer as they do without it.
    """

    def __init__(self, of_expert: ExpertLoss) -> None:
        self.of_expert = of_expert

    def __call__(self, company: Company, batch: Batch, step: int) -> Tensor:
        lead, others, pixels = batch[LEAD], batch[OTHERS], as_pixels(batch[THEIRS])
        asked = batch[ASKED].to(pixels.device)
        with torch.no_grad():
            before = company.joined(None, others, lambda network: characters_read(network, pixels, asked))

        def loss(network: IGTR) -> Tensor:
            left = kept_loss(characters_read(network, pixels, asked), before)
            return self.of_expert(network, batch, step, left=self.of_expert.weight * left)

        return company.joined(lead, others, loss)


class ExpertLoss(TripletLoss):
    """That of a network that reads, and `weight` times what it answers unlike the base about other pictures."""

    def __init__(self, base: IGTR, weight: float, steps: int) -> None:
        super().__init__(steps, is_late=True)
        self.base, self.weight = base, weight

    def __call__(self, model: nn.Module, batch: Batch, step: int, **more: Tensor) -> Tensor:
        assert isinstance(model, IGTR)
        pixels, triplets = as_pixels(batch[PIXELS]), batch[TRIPLETS].to(batch[PIXELS].device)
        with torch.no_grad():
            before = characters_read(self.base, pixels, triplets)
        kept = self.weight * kept_loss(characters_read(model, pixels, triplets), before)
        return super().__call__(model, batch, step, kept=kept, **more)
