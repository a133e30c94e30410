"""What coefficients of igtr are learned by: how unsure a mix is about the characters of words that nobody tells.

Words are rendered with fonts that no training sees; where those are missing, the page's few examples stand in.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from pipelines.merging.learning import Loss, module_loss
from pipelines.merging.surrogates import entropy
from pipelines.text_recognition.charset import EOS
from pipelines.text_recognition.fit import fit
from pipelines.text_recognition.instructions import ask_characters
from pipelines.text_recognition.probe import TASKS
from pipelines.text_recognition.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from pipelines.text_recognition.igtr import IGTR

SEED, ROUNDS, PER_TASK = 2029, 4, 8  # no training, validation or test word comes from this seed


class Parallel(nn.Module):
    """Crops (B, 3, 32, 128) to logits of every position with nothing known, (B, 26, 95), as parallel reading asks."""

    def __init__(self, network: IGTR) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        reader = Reader(self.network, self.network.encode(pixels))
        return self.network.characters(reader.ask(ask_characters(reader.all_positions())).features)


def token_loss(model: IGTR) -> Loss:
    """Mean over tasks of the entropy of their characters, words in turn, (weights, step) -> nats."""

    def criterion(call: Callable[..., Tensor], step: int) -> Tensor:
        parts = [_crops(task, step % ROUNDS) for task in TASKS]
        logits = call(torch.cat(parts)).split([len(part) for part in parts])
        return torch.stack([token_entropy(part) for part in logits]).mean()

    inner = module_loss(Parallel(model), criterion)

    def loss(weights: Mapping[str, Tensor], step: int) -> Tensor:
        return inner({f"network.{key}": tensor for key, tensor in weights.items()}, step)

    return loss


def token_entropy(logits: Tensor) -> Tensor:
    """Mean over the positions that are read, those up to the first end, of logits (B, 26, 95)."""
    is_end = logits.argmax(-1) == EOS
    return entropy(logits[is_end.cumsum(1) - is_end.long() == 0])


@cache
def _crops(task: str, number: int) -> Tensor:
    from pipelines.text_recognition.generated import has_fonts

    pictures = _rendered(task, number) if has_fonts() else _examples(task)
    return torch.from_numpy(np.stack([fit(picture) for picture in pictures]))


def _rendered(task: str, number: int) -> list[np.ndarray]:
    from pipelines.text_recognition.synthetic.recipes import RECIPES
    from pipelines.text_recognition.synthetic.render import render

    seeds = [(SEED, TASKS.index(task), number, index) for index in range(PER_TASK)]
    return [render(seed, RECIPES[task], held_out=True).pixels for seed in seeds]


def _examples(task: str) -> list[np.ndarray]:
    from pipelines.text_recognition.datasets import read_rgb
    from pipelines.text_recognition.examples import FOLDER

    return [read_rgb(path) for path in sorted(FOLDER.glob(f"{task}-*.png"))]
