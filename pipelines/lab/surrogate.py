"""What coefficients of shapes_vit are learned by: how unsure the mix is about pictures whose classes nobody tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from pipelines.lab.evaluate import SPLITS, pictures
from pipelines.lab.tasks import TASKS
from pipelines.merging.learning import Loss, module_loss
from pipelines.merging.surrogates import entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor, nn

PER_TASK = 16  # pictures of each task in a step


def entropy_loss(model: nn.Module) -> Loss:
    """Mean over tasks of the entropy among each task's own classes, (weights, step) -> nats.

    Pictures are those of the "unlabelled" split, in turn; no training, validation or test picture is among them.
    """

    def criterion(call: Callable[..., Tensor], step: int) -> Tensor:
        pixels = torch.from_numpy(np.concatenate([_in_turn(task, step) for task in TASKS]))
        parts = call(pixels).chunk(len(TASKS))
        losses = [entropy(part[:, task.span]) for part, task in zip(parts, TASKS.values(), strict=True)]
        return torch.stack(losses).mean()

    return module_loss(model, criterion)


def _in_turn(task: str, step: int) -> np.ndarray:
    pixels, _ = pictures(task, "unlabelled")
    rounds = SPLITS["unlabelled"][1] // PER_TASK
    start = PER_TASK * (step % rounds)
    return pixels[start : start + PER_TASK]
