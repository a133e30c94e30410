"""IGTR, small: reading as question answering about characters.

After "Instruction-Guided Scene Text Recognition" (Zheng et al. 2025, arXiv:2401.17851), with the module graph of the
paper. Departures, each said where it is made: frozen normalisation (encoder.py), a CTC head on the visual tokens that
makes alignment emerge early and hints at reading positions (decoder.py), boxes of characters as a fifth answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pipelines.text_recognition.decoder import AnswerHead, Fusion, Heads, InstructionEncoder, ordinals
from pipelines.text_recognition.encoder import ConvolutionBlock, Stage2, Stage3, Stem
from pipelines.text_recognition.instructions import Condition, Questions
from pipelines.text_recognition.shape import SHAPES, Shape

__all__ = ["IGTR", "SHAPES", "Answers", "Shape"]


@dataclass(frozen=True)
class Answers:
    """One feature per question; the heads of the network read it as what the question asked for.

    Attributes:
        features: (B, Q, d).
        evidence: attention of the last layer, mean of its heads, (B, Q, rows, columns), each sums to 1; None unless
            asked for.
    """

    features: Tensor
    evidence: Tensor | None


class IGTR(nn.Module):
    """Word crops, what is known and what is asked -> answers.

    Args:
        is_frozen: as stored and merged, without BatchNorm; False is the form in which a base is trained.
    """

    def __init__(self, shape: Shape = SHAPES["N"], is_frozen: bool = True) -> None:
        super().__init__()
        self.shape, self.is_frozen, self.grid = shape, is_frozen, shape.grid
        first, second, third = shape.convolutions[0], shape.convolutions[1] + shape.attentions[0], shape.attentions[1]
        count = first + second + third
        rates = [shape.drop_path * block / (count - 1) for block in range(count)]  # no tensor: built on meta as well
        self.stem = Stem(shape, is_frozen)
        self.stage1 = nn.Sequential(
            *(ConvolutionBlock(shape.width[0], shape.groups[0], shape.ratio, r, is_frozen) for r in rates[:first])
        )
        self.stage2 = Stage2(shape, rates[first : first + second], is_frozen)
        self.stage3 = Stage3(shape, rates[first + second :])
        self.instruction = InstructionEncoder(shape.width[2])
        self.fusion, self.answers, self.heads = Fusion(shape), AnswerHead(shape), Heads(shape.width[2])

    def encode(self, pixels: Tensor) -> Tensor:
        """Crops (B, 3, 32, 128), 0 to 1, to visual tokens (B, rows * columns, d), row by row; `grid` has the sizes."""
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        return self.stage3(self.stage2(self.stage1(self.stem(pixels))))

    def ctc(self, visual: Tensor) -> Tensor:
        """Logits by column, (B, columns, 96); 0 is EOS, which CTC never sees, and the last is the blank."""
        return self.heads.ctc(visual.unflatten(1, self.grid).mean(1))

    def answer(
        self, visual: Tensor, condition: Condition, questions: Questions, *, with_evidence: bool = True
    ) -> Answers:
        """Answers to every question of each picture; they do not depend on each other.

        Args:
            visual: of `encode`, (B, tokens, d).
            with_evidence: False saves a little where nobody looks at the maps.
        """
        placed = self.fusion.placed(visual, self.instruction.reading_positions(ordinals(self.ctc(visual))))
        asked, told, seen = self.fusion(
            self.instruction.questions(questions), self.instruction.condition(condition), placed, condition.valid
        )
        features, evidence = self.answers(asked, told, seen, condition.valid, with_evidence)
        return Answers(features, None if evidence is None else evidence.unflatten(2, self.grid))

    def characters(self, features: Tensor) -> Tensor:
        """Q1: logits of 95 classes, (B, Q, 95); 0 is EOS."""
        return self.heads.characters(features)

    def verify(self, features: Tensor, positions: Tensor) -> Tensor:
        """Q2: logit of yes, (B, Q); `positions` are those asked about, (B, Q)."""
        return (features * F.embedding(positions, self.heads.verify)).sum(-1)

    def count(self, features: Tensor) -> Tensor:
        """Q3: logits of the counts 0 to 26, (B, Q, 27)."""
        return self.heads.count(features)

    def place(self, features: Tensor) -> Tensor:
        """Q4: logits of the positions 0 to 26, (B, Q, 27); 0 says there is none."""
        return self.heads.place(features)

    def box(self, features: Tensor) -> Tensor:
        """Q5, of features that answered Q1: centre x, centre y, width, height, (B, Q, 4), 0 to 1 of the crop."""
        return self.heads.box(features).sigmoid()

    def forward(self, pixels: Tensor, condition: Condition, questions: Questions) -> Answers:
        """Encode and answer in one call."""
        return self.answer(self.encode(pixels), condition, questions)
