"""What coefficients of plvl are learned by: how unsure a mix is where a referent is, and whether there is one."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from pipelines.grounding.probe import SETS, TASKS
from pipelines.grounding.tokenizer import tokenize
from pipelines.merging.learning import Loss, module_loss
from pipelines.merging.surrogates import entropy

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from pipelines.grounding.head import Outputs
    from pipelines.grounding.plvl import PLVL

SEED, ROUNDS, PER_TASK = 5_000_003, 8, 4  # no training, validation or test scene comes from these seeds


def score_loss(model: PLVL) -> Loss:
    """Entropy of the box scores on as many scenes of every task, scenes in turn, (weights, step) -> nats."""

    def criterion(call: Callable[..., Outputs], step: int) -> Tensor:
        batches = [_batch(task, step % ROUNDS, model.shape.side_px) for task in TASKS]
        pixels, texts = zip(*batches, strict=True)
        return score_entropy(call(torch.cat(pixels), tokenize([text for some in texts for text in some])))

    return module_loss(model, criterion)


def score_entropy(outputs: Outputs) -> Tensor:
    """Of the cells' share of the centre, as the head itself weighs them, and of existence: yes or no. Means of both.

    The two are added, not multiplied: where a mix that denies everything had no entropy left, learning would end there.
    """
    existence = torch.stack([outputs.existence, torch.zeros_like(outputs.existence)], -1)
    return entropy(outputs.centre.flatten(1)) + entropy(existence)


@cache
def _batch(task: str, number: int, side_px: int) -> tuple[Tensor, tuple[str, ...]]:
    """Pixels (PER_TASK, 3, side, side), 0 to 1, and an expression for each."""
    from pipelines.grounding.validation import drawn

    scenes = drawn(SETS[task], PER_TASK, side_px, SEED + number)
    pixels = torch.from_numpy(np.stack([picture for picture, _ in scenes]))
    return pixels.permute(0, 3, 1, 2).float() / 255, tuple(cases[0].text for _, cases in scenes)
