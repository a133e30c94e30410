"""What every stage of igtr's training shares: sizes, where crops lie, the optimiser's settings, the loss of a triplet.

Measured on one core of an AMD EPYC with avx512_bf16, batch 64, empty condition: float32 108 samples/s; bfloat16
autocast 141, of which half went into the backward of torch's fused attention; with attention written out 240, and with
channels_last 248. Batches of 128 (228) and torch.compile (129, over a minute to compile) were no gain.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from pipelines.text_recognition.crop_cache import Shard
from pipelines.text_recognition.igtr import IGTR, SHAPES
from pipelines.text_recognition.losses import answer_loss, ctc_loss
from pipelines.text_recognition.training_data import Source
from pipelines.training.loop import Batch, Stage
from pipelines.training.run import Run, by_pixel

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
    "cpu": Preset("N", 11_500, 1_200, 64, 24, 4, polish_steps=5_000, polish_shards=20, settle_steps=300),
    "gpu": Preset(
        "S", 7_000, 500, 1024, 100, 5, base_rate=1.5e-3, alone=0.3, more=2, curriculum=((0.1, 8),), level=1.0,
        ema=0.9995, settle_steps=120, renderers=14, workers=8,
    ),
    "smoke": Preset("N", 500, 30, 64, 2, 1, checkpoint_every=250, watched=100),
    "test": Preset(
        "test", 2, 1, 4, 1, 1, polish_steps=1, polish_shards=1, shard_size=8, settle_steps=1, workers=0,
        checkpoint_every=2, watched=4,
    ),
}  # fmt: skip


def source(folder: Path, recipe: str, count: int, plan: Preset, seed: int, first: int = 0) -> Source:
    """Where `count` shards of a recipe's crops lie, from number `first` on."""
    return Source(tuple(Shard(folder, recipe, first + i, plan.shard_size, seed) for i in range(count)))


def started(plan: Preset, run: Run, name: str) -> IGTR:
    """The network of a stored checkpoint."""
    return by_pixel(run.start(IGTR(SHAPES[plan.shape], is_frozen=True), name))


def stage_of(name: str, steps: int, rate: float, plan: Preset, seed: int) -> Stage:
    """A stage of the loop; what stands behind the last hyphen of its name is the recipe that it is watched on."""
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


def watcher(recipe: str, count: int) -> Callable[[nn.Module, int], None]:
    """Logs the accuracy on some held-out validation crops of a recipe."""

    def watch(model: nn.Module, done: int) -> None:
        from pipelines.text_recognition.validation import accuracies

        assert isinstance(model, IGTR)
        found = accuracies(model, recipe, count)
        log.info("step %d, %s: %s", done, recipe, ", ".join(f"{name} {value:.3f}" for name, value in found.items()))

    return watch
