"""Training of the plvl family: the base on plain scenes in three lessons, then each expert from the stored base.

The first lesson is with BatchNorm, which is then folded away (freeze.py); the second teaches the looks of things too
(taught.py); the third, to leave an answer as it is when a thing is added that nobody asked for (steadied.py). Experts
start from the stored half precision, so task vectors are exact. Measured on 16 pictures of 4 expressions, shape C,
expressions a second: one core of an AMD EPYC with avx512_bf16, 226 at 128 px, 146 at 160 px with bfloat16 autocast, 64
at 160 px with float32; an Intel Xeon without bfloat16, 45 at 160 px on a core, 80 on two.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.grounding.freeze import frozen, settle_statistics
from pipelines.grounding.losses import Truth, losses
from pipelines.grounding.plvl import PLVL, SHAPES, Shape
from pipelines.grounding.scene_cache import Shard
from pipelines.grounding.steadied import TWINS, TwinBatches, steady_terms
from pipelines.grounding.taught import Taught, look_loss
from pipelines.grounding.tokenizer import Tokens
from pipelines.grounding.training_data import Batches, Source, side_at
from pipelines.shared.family import ModelFamily
from pipelines.training.loop import Batch, Stage
from pipelines.training.run import BASE, Run, Trained, TrainingOptions, by_pixel, open_run, preset_of, train_run
from pipelines.training.shards import start_making

EXPERT_EMA = 0.995
EXPERT_SHARE = 0.75  # of an expert's batches; the rest are the base's scenes and their twins
STEADY_SHARE = 0.5  # of the third lesson's batches are twins
SETTLING = 60  # batches that give the averaged weights their statistics
PAPER_BOXES = 0.8  # share of the steps after which boxes are supervised at the predicted peak as well
LOOKS = 0.5  # weight of what every cell shows
FALSE = 4.0  # in the second lesson, twice as many expressions have a false premise: an eighth
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Preset:
    """Steps and sizes of one run; `cpu` takes two cores about two and a half hours without bfloat16."""

    shape: str
    base_steps: int
    look_steps: int
    steady_steps: int
    expert_steps: int
    scenes: int
    phrases: int
    shards: int
    twin_shards: int
    expert_shards: int
    sides: tuple[tuple[float, int], ...]
    shard_size: int = 2000
    base_rate: float = 1e-3
    look_rate: float = 7e-4
    steady_rate: float = 5e-4
    expert_rate: float = 4e-4
    easy: float = 0.25
    ema: float = 0.999
    recipe: str = BASE
    drawers: int = 1
    workers: int = 1
    checkpoint_every: int = 250
    watched: int = 400
    half: bool = True


PRESETS = {
    "cpu": Preset("C", 5_000, 3_000, 2_000, 600, 16, 4, 16, 4, 2, ((0.6, 128), (1.0, 160))),
    "gpu": Preset(
        "G", 14_000, 4_000, 3_000, 1_200, 128, 4, 300, 30, 20, ((0.5, 160), (1.0, 224)), easy=0.2, ema=0.9995,
        drawers=14, workers=8, checkpoint_every=500,
    ),
    "smoke": Preset("C", 550, 0, 0, 20, 16, 4, 2, 1, 1, ((1.0, 96),), shard_size=1000, easy=1.0, recipe="simple"),
    "test": Preset(
        "test", 2, 1, 1, 1, 4, 2, 1, 1, 1, ((0.5, 32), (1.0, 64)), shard_size=4, workers=0, checkpoint_every=2,
        watched=4,
    ),
}  # fmt: skip


def train(family: ModelFamily, options: TrainingOptions) -> dict[str, Path]:
    """Train base and experts, or one expert; name -> fp16 safetensors file.

    Raises:
        UserError: as `preset_of` and `open_run`; the base is of another network.
    """
    plan, run = preset_of(family, options, PRESETS), open_run(family, options)
    scenes = options.folder / family.name / f"scenes-seed{run.seed}"
    sources = {name: source(scenes, name, plan, run.seed) for name in (BASE, TWINS, *run.experts)}
    start_making([shard for one in sources.values() for shard in one.shards], plan.drawers)

    def publish(files: dict[str, Path], seconds: float) -> None:
        from pipelines.grounding.publishing import publish_family

        publish_family(family, files, options, seconds)

    return train_run(
        run,
        lambda: train_base(plan, SHAPES[plan.shape], sources, run),
        lambda task: train_expert(plan, task, sources, run),
        publish,
    )


def source(folder: Path, name: str, plan: Preset, seed: int) -> Source:
    """Where the scenes of base or expert lie, or the base's with their twins."""
    count = {BASE: plan.shards, TWINS: plan.twin_shards}.get(name, plan.expert_shards)
    recipe, side = plan.recipe if name in (BASE, TWINS) else name, plan.sides[-1][1]
    shard = Shard(folder, recipe, 0, plan.shard_size, seed, side, are_twins=name == TWINS)
    return Source(tuple(replace(shard, number=number) for number in range(count)))


def train_base(plan: Preset, shape: Shape, sources: dict[str, Source], run: Run) -> Trained:
    """The base, stored frozen, after all its lessons. The shape says whether fusion is late or heads are apart."""
    torch.manual_seed(run.seed)
    model = by_pixel(PLVL(shape, is_frozen=False))
    batches = Batches((sources[BASE],), plan.scenes, plan.phrases, plan.base_steps, plan.easy, plan.sides)
    stage = replace(_stage(BASE, plan.base_steps, plan.base_rate, plan, run.seed), ema=plan.ema)
    seconds = run.stage(model, stage, batches, GroundingLoss(plan.base_steps))
    settle_statistics(model, _settling(batches, run.seed, min(SETTLING, plan.base_steps), run.device))
    network = frozen(model)
    seconds += teach_looks(plan, network, sources[BASE], run) + steady(plan, network, sources, run)
    return run.store(network, BASE, seconds)


def teach_looks(plan: Preset, network: PLVL, scenes: Source, run: Run) -> float:
    """The second lesson of the base, in place on the frozen network: see `taught.py`. Returns the seconds it took."""
    if not plan.look_steps:
        return 0.0
    torch.manual_seed(run.seed)
    batches = Batches((scenes,), plan.scenes, plan.phrases, plan.look_steps, 0.0, plan.sides[-1:], FALSE)
    stage = replace(_stage("looks", plan.look_steps, plan.look_rate, plan, run.seed), ema=plan.ema)
    return run.stage(by_pixel(Taught(network)), stage, batches, GroundingLoss(plan.look_steps))


def steady(plan: Preset, network: PLVL, sources: dict[str, Source], run: Run) -> float:
    """The third lesson of the base, in place: see `steadied.py`. Returns the seconds it took."""
    if not plan.steady_steps:
        return 0.0
    stage = replace(_stage("steady", plan.steady_steps, plan.steady_rate, plan, run.seed), ema=plan.ema)
    batches = _with_twins(plan, BASE, sources, plan.steady_steps, STEADY_SHARE)
    return run.stage(by_pixel(network), stage, batches, GroundingLoss(plan.steady_steps))


def train_expert(plan: Preset, task: str, sources: dict[str, Source], run: Run) -> Trained:
    """One expert from the stored base."""
    model = by_pixel(run.start(PLVL(SHAPES[plan.shape], is_frozen=True)))
    batches = _with_twins(plan, task, sources, plan.expert_steps, 1 - EXPERT_SHARE)
    stage = _stage(f"expert-{task}", plan.expert_steps, plan.expert_rate, plan, run.seed)
    stage = replace(stage, ema=EXPERT_EMA)
    return run.store(model, task, run.stage(model, stage, batches, GroundingLoss(plan.expert_steps)))


def _with_twins(plan: Preset, name: str, sources: dict[str, Source], steps: int, share: float) -> TwinBatches:
    """Scenes of one recipe; a share of the pictures are the base's scenes and their twins."""
    pairs = max(1, round(plan.scenes * share / 2))
    usual = Batches((sources[name],), plan.scenes - 2 * pairs, plan.phrases, steps, 0.0, plan.sides[-1:])
    return TwinBatches(usual, sources[TWINS], pairs)


def _stage(name: str, steps: int, rate: float, plan: Preset, seed: int) -> Stage:
    return Stage(
        name, steps, rate, seed,
        checkpoint_every=plan.checkpoint_every,
        workers=plan.workers,
        warm_up=max(1, steps // 20),
        weight_decay=0.05,
        betas=(0.9, 0.98),
        decays=decays,
        half=plan.half,
        watch=watcher(plan, name, steps),
    )  # fmt: skip


def decays(name: str) -> bool:
    """Whether AdamW pulls a parameter to zero: matrices and kernels; no norm, bias, embedding or position."""
    return name.endswith(".weight") and "norm" not in name


def as_pixels(images: Tensor) -> Tensor:
    """uint8 (S, side, side, 3) to what the network reads: float32 (S, 3, side, side), 0 to 1."""
    return images.permute(0, 3, 1, 2).float() / 255


def _settling(batches: Batches, seed: int, count: int, device: str) -> Iterator[tuple[Tensor, Tokens, Tensor]]:
    for index in range(count):
        batch = batches(np.random.default_rng([seed, 1, index]), batches.steps - 1)
        yield as_pixels(batch["pixels"].to(device)), _tokens(batch).to(device), batch["owner"].to(device)


def _tokens(batch: Batch) -> Tokens:
    return Tokens(batch["words"], batch["grams"])


class GroundingLoss:
    """The sum of all terms; logs their means now and then."""

    def __init__(self, steps: int, every: int = 125) -> None:
        self.steps, self.every = steps, every
        self.sums: dict[str, float] = {}

    def __call__(self, model: nn.Module, batch: Batch, step: int) -> Tensor:
        answered = model(as_pixels(batch["pixels"]), _tokens(batch), batch["owner"])
        outputs, looks = answered if isinstance(model, Taught) else (answered, None)
        truth = Truth(batch["boxes"], batch["anchors"], batch["mask"])
        found = losses(outputs, truth, at_peak=step >= PAPER_BOXES * self.steps)
        if looks is not None:
            found["looks"] = LOOKS * look_loss(looks, batch["looks"])
        if TWINS in batch:
            found |= steady_terms(outputs, truth, batch[TWINS])
        for name, value in found.items():
            self.sums[name] = self.sums.get(name, 0.0) + value.detach().item() / self.every
        if (step + 1) % self.every == 0:
            log.info("step %d: %s", step + 1, ", ".join(f"{name} {value:.3f}" for name, value in self.sums.items()))
            self.sums = {}
        return torch.stack(list(found.values())).sum()


def watcher(plan: Preset, name: str, steps: int) -> Callable[[nn.Module, int], None]:
    """Logs scores on some held-out scenes of a stage's recipe, at the side that it is trained on just then."""
    recipe = name.removeprefix("expert-") if name.startswith("expert-") else plan.recipe

    def watch(model: nn.Module, done: int) -> None:
        from pipelines.grounding.validation import validation_scores

        network = model.network if isinstance(model, Taught) else model
        assert isinstance(network, PLVL)
        side = side_at(plan.sides if name == BASE else plan.sides[-1:], (done - 1) / steps)
        found = validation_scores(network, recipe, plan.watched, side)
        log.info("step %d, %s: %s", done, recipe, ", ".join(f"{name} {value:.3f}" for name, value in found.items()))

    return watch
