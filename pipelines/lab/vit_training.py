"""Training of the shapes_vit family: the base on all tasks in their plain look, then each expert on its wild look.

The experts start from the base as it is stored (fp16) and move the encoder alone, briefly and at a low rate, so that
task vectors are small against the base: a few per cent, the regime that masks and task arithmetic were published for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.lab.tasks import TASKS, samples
from pipelines.lab.vit import ShapesViT
from pipelines.shared.family import ModelFamily
from pipelines.training.checkpoints import loaded
from pipelines.training.loop import Batch, Stage
from pipelines.training.run import BASE, Trained, TrainingOptions, open_run, preset_of, train_run


@dataclass(frozen=True)
class Preset:
    """Steps and sizes of one run; `cpu` fits one core in about a quarter of an hour.

    `base_batch` is shared by the eight tasks evenly; `wild_share` is the share of wild pictures that the base sees.
    """

    base_steps: int
    expert_steps: int
    base_batch: int = 64
    expert_batch: int = 64
    base_rate: float = 2e-3
    expert_rate: float = 4e-4
    wild_share: float = 0.1
    workers: int = 0


PRESETS = {
    "cpu": Preset(1600, 200),
    "gpu": Preset(12000, 800, base_batch=256, expert_batch=128, workers=8),
    "test": Preset(2, 2, base_batch=8, expert_batch=4),
}


def train(family: ModelFamily, options: TrainingOptions) -> dict[str, Path]:
    """Train base and experts, or one expert; name -> fp16 safetensors file.

    Raises:
        UserError: as `preset_of` and `open_run`; the base is of another network.
    """
    plan, run = preset_of(family, options, PRESETS), open_run(family, options)
    torch.manual_seed(run.seed)
    model = ShapesViT()

    def base() -> Trained:
        stage = Stage(BASE, plan.base_steps, plan.base_rate, run.seed, workers=plan.workers)
        batches = BatchMaker(tuple(TASKS), plan.base_batch // len(TASKS), plan.wild_share)
        return run.store(model, BASE, run.stage(model, stage, batches, task_loss))

    def expert(task: str) -> Trained:
        stage = Stage(f"expert-{task}", plan.expert_steps, plan.expert_rate, run.seed, is_encoder, workers=plan.workers)
        seconds = run.stage(run.start(model), stage, BatchMaker((task,), plan.expert_batch), task_loss)
        return run.store(model, task, seconds)

    return train_run(run, base, expert, lambda files, seconds: publish_family(files, options, seconds))


def is_encoder(name: str) -> bool:
    """Whether experts move the parameter: all but the class prototypes."""
    return name != "prototypes"


@dataclass(frozen=True)
class BatchMaker:
    """Batches with `count` pictures of each task, one task after the other."""

    tasks: tuple[str, ...]
    count: int
    wild_share: float = 1.0

    def __call__(self, rng: np.random.Generator, step: int) -> Batch:
        parts = [samples(rng, TASKS[name], self.count, self.wild_share) for name in self.tasks]
        pixels, labels = (torch.from_numpy(np.concatenate(column)) for column in zip(*parts, strict=True))
        return {"tasks": self.tasks, "pixels": pixels, "labels": labels}


def task_loss(model: nn.Module, batch: Batch, step: int) -> Tensor:
    """Mean over the batch's tasks of the cross-entropy among each task's own classes."""
    tasks: tuple[str, ...] = batch["tasks"]
    logits = model(batch["pixels"]).chunk(len(tasks))
    labels = batch["labels"].chunk(len(tasks))
    losses = [
        F.cross_entropy(part[:, TASKS[name].span], truth)
        for name, part, truth in zip(tasks, logits, labels, strict=True)
    ]
    return torch.stack(losses).mean()


def publish_family(files: dict[str, Path], options: TrainingOptions, seconds: float) -> Path:
    """Score every checkpoint on every task and put the family into assets, with norms and cosines of its vectors."""
    from pipelines.lab.evaluate import score_model
    from pipelines.training.publish import publish

    weights = {name: loaded(path) for name, path in files.items()}
    model, matrix = ShapesViT().eval(), {}
    for name, tensors in weights.items():
        model.load_state_dict(tensors)
        matrix[name] = score_model(model)
    about: dict[str, Any] = {
        **options.manifest("shapes_vit"),
        "data": "pipelines/lab/tasks, generated while training",
        "seconds": round(seconds),
        "measures": {name: f"accuracy among {len(task.classes)} classes, wild look" for name, task in TASKS.items()},
        "matrix": matrix,
    }
    return publish("shapes_vit", files, about | geometry(weights))


def geometry(weights: dict[str, dict[str, Tensor]]) -> dict[str, Any]:
    """Norms of the task vectors against the base's, and the cosines between them, for the manifest."""
    from pipelines.merging.arena import Arena

    found = Arena.from_checkpoints(weights["base"], {k: v for k, v in weights.items() if k != "base"}).diagnostics()
    return {
        "relative_norms": {task: round(norm, 5) for task, norm in found.relative_norms.items()},
        "cosines": {f"{a} {b}": round(value, 4) for (a, b), value in found.cosines.items() if a < b},
    }
