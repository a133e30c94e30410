"""Losses of the five answers and of CTC.

After IGTR (Zheng et al. 2025, arXiv:2401.17851): means over the valid questions of a kind, then summed. The paper sums
with ones; the small decoder does better when what is not Q1 weighs half (`SMALL`). `PAPER` keeps its setting.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.text_recognition.charset import CLASSES
from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.instructions import CHARACTER, COUNT, IS, PLACE
from pipelines.text_recognition.triplets import IGNORED, Triplets
from pipelines.training.boxes import giou


@dataclass(frozen=True)
class LossWeights:
    """Weight of each kind of answer."""

    character: float = 1.0
    verify: float = 0.5
    count: float = 0.5
    place: float = 0.5
    box: float = 0.5


SMALL = LossWeights()
PAPER = LossWeights(1.0, 1.0, 1.0, 1.0, 0.0)


def answer_loss(
    model: IGTR, visual: Tensor, triplets: Triplets, boxes: Tensor, weights: LossWeights = SMALL
) -> dict[str, Tensor]:
    """Weighted loss of each kind of question that was asked.

    Args:
        visual: (B, tokens, d).
        boxes: of the characters, (B, 25, 4) as cx, cy, w, h, 0 to 1 of the crop.
    """
    questions, answers = triplets.questions, triplets.answers
    features = model.answer(visual, triplets.condition, questions, with_evidence=False).features
    is_asked = answers != IGNORED
    losses: dict[str, Tensor] = {}

    def chosen(kind: int) -> tuple[Tensor, Tensor]:
        mask = (questions.kind == kind) & is_asked
        return features[mask], answers[mask]

    found, truth = chosen(CHARACTER)
    losses["character"] = weights.character * F.cross_entropy(model.characters(found).float(), truth)
    losses["box"] = weights.box * _box_loss(model, features, questions.positions, boxes, triplets)
    found, truth = chosen(IS)
    asked_at = questions.positions[(questions.kind == IS) & is_asked]
    logits = model.verify(found, asked_at).float()
    losses["verify"] = weights.verify * F.binary_cross_entropy_with_logits(logits, truth.float())
    found, truth = chosen(PLACE)
    losses["place"] = weights.place * F.cross_entropy(model.place(found).float(), truth)
    found, truth = chosen(COUNT)
    if len(truth):
        losses["count"] = weights.count * F.cross_entropy(model.count(found).float(), truth)
    return losses


def _box_loss(model: IGTR, features: Tensor, positions: Tensor, boxes: Tensor, triplets: Triplets) -> Tensor:
    """L1 and GIoU of the boxes of characters that Q1 asked for; the end has none."""
    mask = (triplets.questions.kind == CHARACTER) & (triplets.answers > 0)
    at = (positions - 1).clamp(0, boxes.shape[1] - 1)
    truth = boxes.gather(1, at[..., None].expand(-1, -1, 4))[mask]
    if not len(truth):
        return features.sum() * 0
    found = model.box(features[mask]).float()
    return 2 * F.l1_loss(found, truth) + (1 - giou(found, truth)).mean()


def ctc_loss(logits: Tensor, words: Tensor, lengths: Tensor) -> Tensor:
    """Mean CTC loss per character (Graves et al. 2006); words too long for the columns count nothing.

    Args:
        logits: (B, columns, 96), the last class is the blank.
        words: classes, int64 (B, 25), anything behind the length.
        lengths: int64 (B,).
    """
    shares = logits.float().log_softmax(2).transpose(0, 1)
    columns = torch.full_like(lengths, logits.shape[1])
    return F.ctc_loss(shares, words, columns, lengths, blank=CLASSES, zero_infinity=True)
