"""Training of the igtr family: the base on everyday words, each expert from the stored base, then all in company.

The base is trained with BatchNorm, which is then frozen away (freeze.py), and polished without it on words that it has
not seen; experts start from the stored half precision, so task vectors are exact. Pictures are rendered words only.
Measured on one core of an AMD EPYC with avx512_bf16, batch 64, empty condition: float32 108 samples/s; bfloat16
autocast 141, of which half went into the backward of torch's fused attention; with attention written out 240, and with
channels_last 248. Batches of 128 (228) and torch.compile (129, over a minute to compile) were no gain.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.shared.family import ModelFamily
from pipelines.text_recognition.crop_cache import Shard
from pipelines.text_recognition.freeze import frozen, settle_statistics
from pipelines.text_recognition.igtr import IGTR, SHAPES
from pipelines.text_recognition.kept import PIXELS, TRIPLETS, KeepingBatches, kept_loss
from pipelines.text_recognition.losses import answer_loss, ctc_loss
from pipelines.text_recognition.synthetic.render import check_installed
from pipelines.text_recognition.training_data import Batches, Source
from pipelines.training.checkpoints import seconds_in
from pipelines.training.company import Company, draw_company
from pipelines.training.loop import Batch, Stage
from pipelines.training.run import BASE, Run, Trained, TrainingOptions, by_pixel, open_run, preset_of, train_run
from pipelines.training.shards import start_making

UNPOLISHED = "unpolished"  # the file that the base is polished from
# An expert learns, then settles: the share of its own pictures in a batch (half of the rest are plain words, half of
# the other experts' recipes), and the weight of the base's answers about that rest. In company all of the rest are
# plain words: the others' pictures are theirs.
LEARNING, SETTLING_DOWN, IN_COMPANY = (0.625, 2.0), (0.5, 6.0), (0.5, 4.0)
SETTLING = 60  # batches that give the averaged weights their statistics
LEAD, OTHERS = "lead", "others"  # of a batch in company
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Preset:
    """Steps and sizes of one run; `cpu` fits one core in about three hours, beside a second that renders.

    `gpu` differs from a renderer on the GPU in that crops are rendered by the CPU's cores and cached, as for `cpu`.
    """

    shape: str
    base_steps: int
    expert_steps: int
    batch: int
    shards: int
    expert_shards: int
    polish_steps: int = 0
    polish_shards: int = 0
    polish_rate: float = 6e-4
    shard_size: int = 10_000
    base_rate: float = 1e-3
    expert_rate: float = 2e-4
    expert_ema: float = 0.995
    settle_steps: int = 0
    settle_rate: float = 1e-4
    company_steps: int = 0
    company_rate: float = 2e-4
    alone: float = 0.5
    more: int = 1
    curriculum: tuple[tuple[float, int], ...] = ((0.15, 6), (0.4, 10))
    level: float = 0.7
    ema: float = 0.999
    renderers: int = 1
    workers: int = 1
    checkpoint_every: int = 500
    watched: int = 400


PRESETS = {
    "cpu": Preset(
        "N", 11_500, 1_200, 64, 24, 4, polish_steps=5_000, polish_shards=20, settle_steps=300,
        company_steps=1_500,
    ),
    "gpu": Preset(
        "S", 7_000, 500, 1024, 100, 5, base_rate=1.5e-3, alone=0.3, more=2, curriculum=((0.1, 8),), level=1.0,
        ema=0.9995, settle_steps=120, company_steps=600, renderers=14, workers=8,
    ),
    "smoke": Preset("N", 500, 30, 64, 2, 1, checkpoint_every=250, watched=100),
    "test": Preset(
        "test", 2, 1, 4, 1, 1, polish_steps=1, polish_shards=1, shard_size=8, settle_steps=1, company_steps=2,
        workers=0,
        checkpoint_every=2, watched=4,
    ),
}  # fmt: skip


def train(family: ModelFamily, options: TrainingOptions) -> dict[str, Path]:
    """Train base and experts, or one expert; name -> fp16 safetensors file.

    Raises:
        UserError: as `preset_of` and `open_run`; the base is of another network; fonts or word lists are missing.
    """
    plan, run = preset_of(family, options, PRESETS), open_run(family, options)
    crops = options.folder / family.name / f"crops-seed{run.seed}"
    first = source(crops, BASE, plan.shards, plan, run.seed)
    unseen = source(crops, BASE, plan.polish_shards, plan, run.seed, first=plan.shards)
    learned = plan.shards + plan.polish_shards
    sources = {BASE: source(crops, BASE, plan.expert_shards, plan, run.seed, first=learned)}
    sources |= {task: source(crops, task, plan.expert_shards, plan, run.seed) for task in family.tasks}
    of_base = (first, unseen) if run.is_whole else ()
    shards = [shard for one in (*of_base, *sources.values()) for shard in one.shards]
    if not all(shard.is_there for shard in shards):
        check_installed()
    start_making(shards, plan.renderers)

    def publish(files: dict[str, Path], seconds: float) -> None:
        from pipelines.text_recognition.publishing import publish_family

        publish_family(family, files, options, seconds)

    return train_run(
        run,
        lambda: polish_base(plan, unseen, train_base(plan, first, run)[1], run),
        lambda task: train_expert(plan, task, sources, run),
        publish,
        lambda: train_together(plan, sources, run),
    )


def source(folder: Path, recipe: str, count: int, plan: Preset, seed: int, first: int = 0) -> Source:
    """Where `count` shards of a recipe's crops lie, from number `first` on."""
    return Source(tuple(Shard(folder, recipe, first + i, plan.shard_size, seed) for i in range(count)))


def train_base(plan: Preset, crops: Source, run: Run) -> Trained:
    """The base before it is polished, stored frozen."""
    torch.manual_seed(run.seed)
    model = by_pixel(IGTR(SHAPES[plan.shape], is_frozen=False))
    batches = Batches((crops,), plan.batch, plan.base_steps, plan.alone, plan.more, plan.curriculum, plan.level)
    stage = replace(_stage(BASE, plan.base_steps, plan.base_rate, plan, run.seed), ema=plan.ema)
    seconds = run.stage(model, stage, batches, TripletLoss(plan.base_steps))
    steps = min(SETTLING, plan.base_steps)
    settle_statistics(model, _settling(replace(batches, more=0), run.seed, steps, run.device))
    return run.store(frozen(model), UNPOLISHED, seconds)


def polish_base(plan: Preset, unseen: Source, earlier: float, run: Run) -> Trained:
    """The base after more steps on new crops, without BatchNorm; `earlier` seconds went into what it comes from."""
    model = _started(plan, run, UNPOLISHED)
    batches = Batches((unseen,), plan.batch, plan.polish_steps, plan.alone, plan.more, level=plan.level)
    stage = replace(_stage(f"polish-{BASE}", plan.polish_steps, plan.polish_rate, plan, run.seed), ema=plan.ema)
    seconds = run.stage(model, stage, batches, TripletLoss(plan.polish_steps, is_late=True))
    return run.store(model, BASE, earlier + seconds)


def train_expert(plan: Preset, task: str, sources: dict[str, Source], run: Run) -> Trained:
    """One expert from the stored base: it learns, then settles until it answers like the base wherever it can."""
    model, base = _started(plan, run, BASE), _started(plan, run, BASE).eval().requires_grad_(False).to(run.device)
    seconds = 0.0
    for name, steps, rate, (share, weight) in (
        (f"expert-{task}", plan.expert_steps, plan.expert_rate, LEARNING),
        (f"settle-{task}", plan.settle_steps, plan.settle_rate, SETTLING_DOWN),
    ):
        if steps:
            stage = replace(_stage(name, steps, rate, plan, run.seed), ema=plan.expert_ema)
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


def train_together(plan: Preset, sources: dict[str, Source], run: Run) -> float:
    """All experts on from where they settled, in one another's company. Returns the seconds it took."""
    if not plan.company_steps:
        return 0.0
    base = _started(plan, run, BASE).eval().requires_grad_(False).to(run.device)
    experts = {task: _started(plan, run, task) for task in run.experts}
    stage = _stage("company", plan.company_steps, plan.company_rate, plan, run.seed)
    stage = replace(stage, ema=plan.ema, watch=None)
    own, weight = round(plan.batch * IN_COMPANY[0]), IN_COMPANY[1]
    plain = Batches((sources[BASE],), plan.batch - own, plan.company_steps, 0.0, plan.more, level=plan.level)
    batches = CompanyBatches({task: replace(plain, sources=(sources[task],), batch=own) for task in experts}, plain)
    loss = CompanyLoss(ExpertLoss(base, weight, plan.company_steps))
    seconds = run.stage(Company(base, experts), stage, batches, loss)
    for task, model in experts.items():
        run.store(model, task, seconds_in(run.path(task)) + seconds / len(experts))
    return seconds


@dataclass(frozen=True)
class CompanyBatches:
    """As an expert's batches, of each expert in turn: who leads, and who is there by which coefficients."""

    own: Mapping[str, Batches]
    plain: Batches

    def __call__(self, rng: np.random.Generator, step: int) -> Batch:
        names = list(self.own)
        lead = names[step % len(names)]
        batch = KeepingBatches(self.own[lead], self.plain)(rng, step)
        return batch | {LEAD: lead, OTHERS: draw_company(rng, [name for name in names if name != lead])}


class CompanyLoss:
    """An expert's loss, of the network that it makes with those that are there."""

    def __init__(self, of_expert: ExpertLoss) -> None:
        self.of_expert = of_expert

    def __call__(self, company: Company, batch: Batch, step: int) -> Tensor:
        return company.joined(batch[LEAD], batch[OTHERS], lambda network: self.of_expert(network, batch, step))


def _started(plan: Preset, run: Run, name: str) -> IGTR:
    """The network of a stored checkpoint."""
    return by_pixel(run.start(IGTR(SHAPES[plan.shape], is_frozen=True), name))


def _stage(name: str, steps: int, rate: float, plan: Preset, seed: int) -> Stage:
    return Stage(
        name, steps, rate, seed,
        checkpoint_every=plan.checkpoint_every,
        workers=plan.workers,
        warm_up=max(1, steps // 20),
        weight_decay=0.05,
        betas=(0.9, 0.98),
        decays=decays,
        half=True,
        watch=watcher(name.rpartition("-")[2], plan.watched),
    )  # fmt: skip


def decays(name: str) -> bool:
    """Whether AdamW pulls a parameter to zero: matrices and kernels; no norm, bias, embedding or position."""
    return name.endswith(".weight") and "norm" not in name


def _settling(batches: Batches, seed: int, count: int, device: str):
    for index in range(count):
        pixels = batches(np.random.default_rng([seed, 1, index]), batches.steps - 1)["pixels"]
        yield as_pixels(pixels.to(device))


def as_pixels(images: Tensor) -> Tensor:
    """uint8 (B, 32, 128, 3) to what the network reads: float32 (B, 3, 32, 128), 0 to 1."""
    return images.permute(0, 3, 1, 2).float() / 255


class TripletLoss:
    """Sum of the answers' losses over the conditions, and of CTC, which weighs most at the start.

    The tokens of a picture are computed once, whatever is known and asked about it. `is_late`: of a network that reads.
    """

    def __init__(self, steps: int, is_late: bool = False, every: int = 250) -> None:
        self.steps, self.is_late, self.every = steps, is_late, every
        self.sums: dict[str, float] = {}

    def __call__(self, model: nn.Module, batch: Batch, step: int, **more: Tensor) -> Tensor:
        assert isinstance(model, IGTR)
        visual = model.encode(as_pixels(batch["pixels"]))
        weight = 0.5 if step < self.steps / 3 and not self.is_late else 0.1
        losses = {"ctc": weight * ctc_loss(model.ctc(visual), batch["words"], batch["lengths"]), **more}
        for triplets in batch["triplets"]:
            for kind, loss in answer_loss(model, visual, triplets.to(visual.device), batch["boxes"]).items():
                losses[kind] = losses.get(kind, 0.0) + loss / len(batch["triplets"])
        self._note(losses, step, weight)
        return torch.stack(list(losses.values())).sum()

    def _note(self, losses: dict[str, Tensor], step: int, weight: float) -> None:
        for kind, loss in losses.items():
            value = float(loss.detach()) / (weight if kind == "ctc" else 1)
            self.sums[kind] = self.sums.get(kind, 0.0) + value / self.every
        if (step + 1) % self.every == 0:
            log.info("step %d: %s", step + 1, ", ".join(f"{kind} {value:.3f}" for kind, value in self.sums.items()))
            self.sums = {}


class ExpertLoss(TripletLoss):
    """That of a network that reads, and `weight` times what it answers unlike the base about other pictures."""

    def __init__(self, base: IGTR, weight: float, steps: int) -> None:
        super().__init__(steps, is_late=True)
        self.base, self.weight = base, weight

    def __call__(self, model: nn.Module, batch: Batch, step: int, **more: Tensor) -> Tensor:
        assert isinstance(model, IGTR)
        pixels, triplets = as_pixels(batch[PIXELS]), batch[TRIPLETS].to(batch[PIXELS].device)
        return super().__call__(model, batch, step, kept=self.weight * kept_loss(model, self.base, pixels, triplets))


def watcher(recipe: str, count: int) -> Callable[[nn.Module, int], None]:
    """Logs the accuracy on some held-out validation crops of a recipe."""

    def watch(model: nn.Module, done: int) -> None:
        from pipelines.text_recognition.validation import accuracies

        assert isinstance(model, IGTR)
        found = accuracies(model, recipe, count)
        log.info("step %d, %s: %s", done, recipe, ", ".join(f"{name} {value:.3f}" for name, value in found.items()))

    return watch
