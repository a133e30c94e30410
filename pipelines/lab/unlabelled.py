"""Samples of shapes_vit whose classes nobody tells: wild pictures of its own generator, a split for this alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from pipelines.lab.evaluate import SPLITS, pictures
from pipelines.lab.tasks import TASKS
from pipelines.merging.feed import Samples

if TYPE_CHECKING:
    from torch import Tensor, nn


def vit_samples(model: nn.Module) -> Samples:
    """Pictures of the "unlabelled" split; no training, validation or test picture is among them."""
    return Samples(model, _inputs, _logits, SPLITS["unlabelled"][1])


def _inputs(task: str, first: int, last: int) -> Tensor:
    return torch.from_numpy(pictures(task, "unlabelled")[0][first:last])


def _logits(call: Callable[..., Tensor], pixels: Tensor, task: str) -> Tensor:
    """Of the task's own classes. All prototypes are asked and then cut: `call(pixels, task)` would do the same."""
    return call(pixels)[:, TASKS[task].span]
