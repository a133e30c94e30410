"""A batch of readings, whatever procedure made them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipelines.text_recognition.charset import CLASSES, EOS, MAX_LENGTH, PAD, decode
from pipelines.text_recognition.constraint import PLACES
from pipelines.text_recognition.results import Correction, Scored

VERIFICATION_SHARE = 0.5  # of log Q2 in the score of a word of a list, beside log Q1


@dataclass(frozen=True)
class Reading:
    """Words as class indices, with what else might have stood there.

    Attributes:
        classes: int64, (B, 26): the characters, EOS, then PAD.
        distribution: (B, 26, 95), probability of each class at each position, 0 to 1; zeros behind the end.
        traces: per word, what was doubted and read again.
        rankings: per word, the best of the lexicon with their scores.
    """

    classes: Tensor
    distribution: Tensor
    traces: tuple[tuple[Correction, ...], ...] = ()
    rankings: tuple[tuple[Scored, ...], ...] = ()

    @classmethod
    def best(cls, distribution: Tensor) -> Reading:
        """The most probable class at each position of a distribution (B, 26, 95), up to the first end."""
        return cls.cut(distribution.argmax(-1), distribution)

    @classmethod
    def cut(cls, classes: Tensor, distribution: Tensor) -> Reading:
        """Classes (B, 26) up to their first EOS."""
        is_past = (classes == EOS).cumsum(1) - (classes == EOS).long() > 0
        return cls(classes.masked_fill(is_past, PAD), distribution.masked_fill(is_past[..., None], 0))

    @classmethod
    def of_rows(cls, rows: list[list[tuple[int, Tensor]]], device: torch.device) -> Reading:
        """From (class, distribution (95,)) of each character of each word; the end is taken as certain."""
        classes = torch.full((len(rows), PLACES), PAD, device=device)
        distribution = torch.zeros(len(rows), PLACES, CLASSES, device=device)
        for index, row in enumerate(rows):
            for place, (character, shares) in enumerate(row[:MAX_LENGTH]):
                classes[index, place], distribution[index, place] = character, shares
            classes[index, min(len(row), MAX_LENGTH)] = EOS
            distribution[index, min(len(row), MAX_LENGTH), EOS] = 1
        return cls(classes, distribution)

    def __len__(self) -> int:
        return len(self.classes)

    def row(self, index: int) -> Reading:
        """One word of the batch, as a batch of one."""
        one = slice(index, index + 1)
        return Reading(self.classes[one], self.distribution[one], self.traces[one], self.rankings[one])

    @property
    def lengths(self) -> list[int]:
        """Characters of each word."""
        return ((self.classes != EOS) & (self.classes != PAD)).sum(1).tolist()

    @property
    def probabilities(self) -> Tensor:
        """Of the classes read, (B, 26); 1 behind the end."""
        read = self.classes.clamp_max(CLASSES - 1)
        picked = self.distribution.gather(2, read[..., None])[..., 0]
        return picked.masked_fill(self.classes == PAD, 1)

    def tempered(self, temperature: float) -> Reading:
        """The same words, as sure as if the logits were divided by a temperature: shares to the power 1 / T, normed.

        What a place holds beside its characters (the blank of CTC, that assembly finds nothing) is a share like them.
        """
        if temperature == 1:
            return self
        rest = (1 - self.distribution.sum(-1, keepdim=True)).clamp_min(0)
        shares, other = (part ** (1 / temperature) for part in (self.distribution, rest))
        return replace(self, distribution=shares / (shares.sum(-1, keepdim=True) + other))

    def texts(self) -> list[str]:
        """The words."""
        return [decode(row) for row in self.classes.tolist()]

    def confidences(self) -> list[float]:
        """Product of the probabilities of each word and its end, 0 to 1; with a word list, share of the best word."""
        if self.rankings:
            return [posterior(ranking) for ranking in self.rankings]
        return self.probabilities.prod(1).clamp(0, 1).tolist()


def posterior(ranking: Sequence[Scored]) -> float:
    """Share of the best word among those ranked, 0 to 1."""
    scores = torch.tensor([score for _, score in ranking]) / (1 + VERIFICATION_SHARE)
    return float(scores.softmax(0)[0])
