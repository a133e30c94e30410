"""The one training loop: seeded by (seed, step), resumable to the same result, with an average of the weights (EMA)."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

Batch = dict[str, Any]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stage:
    """One run of the loop.

    Attributes:
        name: names the checkpoint file and seeds the data, so that two stages never see the same samples.
        learning_rate: at the start; falls along a cosine to a hundredth of it.
        trains: which parameters move; the rest stay as they came.
        warm_up: steps in which the learning rate rises to its start.
        weight_decay, betas: of AdamW; `decays` says which parameters decay.
        half: forward passes in bfloat16 (autocast) where the device multiplies it; weights, gradients and averages stay
            float32.
        watch: called with (model, steps done) at every checkpoint, in evaluation mode, on the weights as they move.
    """

    name: str
    steps: int
    learning_rate: float
    seed: int
    trains: Callable[[str], bool] = lambda name: True
    ema: float = 0.99
    checkpoint_every: int = 100
    workers: int = 1
    warm_up: int = 20
    weight_decay: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.999)
    decays: Callable[[str], bool] = lambda name: True
    half: bool = False
    watch: Callable[[nn.Module, int], None] | None = None


class StepData(Dataset):
    """Batch number i is made from (seed, stage, i) alone: a resumed run sees what the whole run would have seen."""

    def __init__(self, stage: Stage, make_batch: Callable[[Any, int], Batch]) -> None:
        self.stage, self.make_batch = stage, make_batch
        self.first = 0

    def __len__(self) -> int:
        return self.stage.steps - self.first

    def __getitem__(self, index: int) -> Batch:
        import numpy as np

        step = self.first + index
        words = [self.stage.seed, *self.stage.name.encode(), step]
        return self.make_batch(np.random.default_rng(words), step)


def train_stage(
    model: nn.Module,
    stage: Stage,
    make_batch: Callable[[Any, int], Batch],
    loss_of: Callable[[nn.Module, Batch, int], Tensor],
    folder: Path,
    resume: bool,
    device: str = "cpu",
) -> float:
    """Train in place; the model ends on the averaged weights. Returns the seconds of work, over all resumes.

    A finished stage leaves its checkpoint, so a resumed command passes over it.
    """
    path = folder / f"{stage.name}.pt"
    model.to(device).train()
    named = [(name, p) for name, p in model.named_parameters() if stage.trains(name)]
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(stage.trains(name))
    optimizer = torch.optim.AdamW(_groups(stage, named), lr=stage.learning_rate, betas=stage.betas)
    average = {name: p.detach().clone() for name, p in named}
    first, seconds = 0, 0.0
    if resume and path.exists():
        first, seconds = _restore(path, model, optimizer, average)
    data = StepData(stage, make_batch)
    data.first = first
    loader = DataLoader(
        data, batch_size=None, shuffle=False, num_workers=stage.workers, prefetch_factor=4 if stage.workers else None
    )
    is_half = stage.half and multiplies_bfloat16(device)
    began = time.monotonic()
    progress = tqdm(loader, total=stage.steps, initial=first, desc=stage.name, mininterval=5)
    for step, batch in enumerate(progress, first):
        for group in optimizer.param_groups:
            group["lr"] = cosine_rate(stage, step)
        batch = {key: value.to(device) if isinstance(value, Tensor) else value for key, value in batch.items()}
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=is_half):
            loss = loss_of(model, batch, step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for _, p in named], 1.0)
        optimizer.step()
        _average(average, named, min(stage.ema, (1 + step) / (10 + step)))
        if step % 25 == 0:
            progress.set_postfix(loss=f"{loss.item():.4f}")
        if (step + 1) % stage.checkpoint_every == 0 or step + 1 == stage.steps:
            elapsed = seconds + time.monotonic() - began
            _save(path, model, optimizer, average, step + 1, elapsed)
            _watched(stage, model, step + 1)
    with torch.no_grad():
        for name, parameter in named:
            parameter.copy_(average[name])
    model.eval()
    return seconds + time.monotonic() - began


def multiplies_bfloat16(device: str) -> bool:
    """Whether bfloat16 saves time there; a CPU without the instructions takes 2.5 times as long as with float32."""
    if torch.device(device).type != "cpu":
        return True
    instructions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in instructions)


def _groups(stage: Stage, named: list[tuple[str, nn.Parameter]]) -> list[dict[str, Any]]:
    """Parameters that decay, and those that do not, if there are any."""
    groups = [
        {"params": [p for name, p in named if stage.decays(name)], "weight_decay": stage.weight_decay},
        {"params": [p for name, p in named if not stage.decays(name)], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _watched(stage: Stage, model: nn.Module, done: int) -> None:
    if stage.watch is None:
        return
    model.eval()
    with torch.no_grad():
        stage.watch(model, done)
    model.train()


def cosine_rate(stage: Stage, step: int) -> float:
    """Learning rate of a step: the warm-up, then a cosine to a hundredth of the start."""
    warm = min(1.0, (step + 1) / stage.warm_up)
    fall = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * step / max(1, stage.steps)))
    return stage.learning_rate * warm * fall


@torch.no_grad()
def _average(average: dict[str, Tensor], named: list[tuple[str, nn.Parameter]], keep: float) -> None:
    for name, parameter in named:
        average[name].lerp_(parameter, 1 - keep)


def _save(path: Path, model: nn.Module, optimizer: Any, average: dict[str, Tensor], step: int, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "average": average,
        "step": step,
        "seconds": seconds,
    }
    torch.save(state, partial)
    partial.replace(path)


def _restore(path: Path, model: nn.Module, optimizer: Any, average: dict[str, Tensor]) -> tuple[int, float]:
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    average.update(state["average"])
    log.info("%s: resumed at step %d", path.name, state["step"])
    return state["step"], state["seconds"]
