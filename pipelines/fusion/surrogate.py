"""What coefficients of fusenet are learned by: the fusion losses that need no label, on generated scenes.

Infrared, exposures and medical pairs are judged by their frames alone. Focus stacks are left out: what is sharp where
would be a label.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipelines.fusion import losses
from pipelines.fusion.fusenet_training import PRESETS, BatchMaker
from pipelines.merging.learning import Loss, module_loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

    from pipelines.fusion.fusenet import FuseOutput
    from pipelines.training.loop import Batch

SEED, ROUNDS = 2027, 8  # no training, validation or test scene comes from this seed
TASKS = ("ivis", "mef", "med")


def fusion_loss(model: nn.Module) -> Loss:
    """Mean over the three tasks of their own loss on scenes in turn, (weights, step) -> scalar, lower is better."""

    def criterion(call: Callable[..., FuseOutput], step: int) -> Tensor:
        return torch.stack([_of(call, _batch(task, step % ROUNDS)) for task in TASKS]).mean()

    return module_loss(model, criterion)


def _of(call: Callable[..., FuseOutput], batch: Batch) -> Tensor:
    frames, task = batch["frames"], batch["task"]
    output = call(frames, batch["roles"])
    if task == "mef":
        return losses.exposure_loss(output.fused.clamp(-0.2, 1.2), frames, output.weights)
    if task == "med":
        return losses.medical_loss(output.fused, frames)
    return losses.infrared_visible_loss(output.fused, frames)


@cache
def _batch(task: str, number: int) -> Batch:
    rng = np.random.default_rng([SEED, TASKS.index(task), number])
    return BatchMaker((task,), PRESETS["cpu"])(rng, 0)
