"""What an expert is to leave as it is: the base's answers about pictures that are not the expert's own.

Learning without forgetting (Li & Hoiem 2016, arXiv:1606.09282) against the base, on plain words and on the other
experts' kinds of pictures, without their labels. A task vector that changes nothing there can be added to others: it is
the condition under which task arithmetic holds (Ortiz-Jimenez et al. 2023, arXiv:2305.12827, weight disentanglement),
asked for as a loss here. Ours, beside IGTR: with a rest of labelled plain words instead, experts lost 2 to 5 points of
them, and their sum could be used at a fifth of its length only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.instructions import CHARACTER
from pipelines.text_recognition.training_data import Batches
from pipelines.text_recognition.triplets import IGNORED, Triplets
from pipelines.training.loop import Batch

PIXELS, TRIPLETS = "kept_pixels", "kept_triplets"


@dataclass(frozen=True)
class KeepingBatches:
    """Batches of an expert's own pictures, and beside them pictures whose answers are to stay."""

    own: Batches
    kept: Batches

    def __call__(self, rng: np.random.Generator, step: int) -> Batch:
        batch, kept = self.own(rng, step), self.kept(rng, step)
        return batch | {PIXELS: kept["pixels"], TRIPLETS: kept["triplets"][step % len(kept["triplets"])]}


def kept_loss(model: IGTR, base: IGTR, pixels: Tensor, triplets: Triplets) -> Tensor:
    """Divergence of the characters read (Q1) from those that the base reads, mean over the questions, in nats.

    Args:
        pixels: float32 (B, 3, 32, 128), 0 to 1.
    """
    questions = triplets.questions
    is_asked = (questions.kind == CHARACTER) & (triplets.answers != IGNORED)

    def read(network: IGTR) -> Tensor:
        answers = network.answer(network.encode(pixels), triplets.condition, questions, with_evidence=False)
        return network.characters(answers.features[is_asked]).float().log_softmax(1)

    with torch.no_grad():
        before = read(base)
    return F.kl_div(read(model), before, log_target=True, reduction="batchmean")
