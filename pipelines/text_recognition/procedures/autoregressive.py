"""Autoregressive reading: one character after the other, those before it known (IGTR, arXiv:2401.17851, "AR")."""

from __future__ import annotations

import torch

from pipelines.text_recognition.charset import CLASSES, EOS
from pipelines.text_recognition.constraint import PLACES
from pipelines.text_recognition.procedures.reading import Reading
from pipelines.text_recognition.reader import Reader


def read_autoregressive(reader: Reader) -> Reading:
    """A pass of the decoder for each character. Words that are finished are asked no more.

    What a pattern knows of later positions stays known throughout.
    """
    distribution = torch.zeros(len(reader), PLACES, CLASSES, device=reader.device)
    told: list[list[tuple[int, int]]] = [[] for _ in range(len(reader))]
    unfinished = list(range(len(reader)))
    for position in range(1, PLACES + 1):
        some = reader.rows(unfinished)
        condition = some.condition([told[index] for index in unfinished])
        shares = some.characters(torch.full((len(some), 1), position), condition)[:, 0]
        distribution[unfinished, position - 1] = shares
        for index, character in zip(unfinished, shares.argmax(-1).tolist(), strict=True):
            told[index].append((position, character))
        unfinished = [index for index in unfinished if told[index][-1][1] != EOS]
        if not unfinished:
            break
    return Reading.best(distribution)
