"""Attribute assembly: how often each character occurs, then where each of them stands, then they are put together.

Follows from the questions Q3 and Q4 of IGTR (arXiv:2401.17851); reads without ever asking which character is where.
Ours: the characters take their places by an assignment, so that no two stand at one.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from pipelines.shared.errors import UserError
from pipelines.text_recognition.charset import CLASSES, EOS, MAX_LENGTH, encode
from pipelines.text_recognition.procedures.reading import Reading
from pipelines.text_recognition.reader import Reader

Occurrence = tuple[int, int, float]  # class, how many of it came before, probability that there is one


def read_by_assembly(reader: Reader) -> Reading:
    """Two passes of the decoder: counts of all characters, places of those that occur.

    Raises:
        UserError: a pattern is asked for; nothing is asked by position.
    """
    if reader.constraint.pattern.shortest:
        raise UserError(
            "Attribute assembly asks for no position, so it cannot follow a pattern; choose another procedure."
        )
    asked = torch.tensor(encode(reader.constraint.characters))
    counts = reader.counts(asked.expand(len(reader), -1))
    found = [_occurrences(asked.tolist(), row) for row in counts.cpu()]
    places = _places(reader, found)
    return Reading.of_rows([_assembled(*pair) for pair in zip(found, places, strict=True)], reader.device)


def _occurrences(characters: list[int], counts: Tensor) -> list[Occurrence]:
    """What occurs by the most probable counts (characters, 27), the surest 25."""
    at_least = counts.flip(-1).cumsum(-1).flip(-1)  # [n]: n or more
    found = [
        (character, nth, float(at_least[row, nth + 1]))
        for row, character in enumerate(characters)
        for nth in range(int(counts[row].argmax()))
    ]
    return sorted(found, key=lambda occurrence: -occurrence[2])[:MAX_LENGTH]


def _places(reader: Reader, found: list[list[Occurrence]]) -> list[Tensor]:
    """Probabilities of the places of each crop's occurrences, (n, 27) each; short rows are filled up with the end."""
    longest = max(1, *(len(row) for row in found))
    asked = [[*((character, nth) for character, nth, _ in row), *((EOS, 0),) * (longest - len(row))] for row in found]
    pairs = torch.tensor(asked)  # (B, longest, 2)
    shares = reader.places(pairs[..., 0], pairs[..., 1]).cpu()
    return [row[: len(occurrences)] for row, occurrences in zip(shares, found, strict=True)]


def _assembled(found: list[Occurrence], places: Tensor) -> list[tuple[int, Tensor]]:
    """(class, distribution) in reading order: everything at its own place, the whole as probable as can be."""
    if not found:
        return []
    chances = torch.tensor([chance for *_, chance in found])
    joint = (places * chances[:, None])[:, 1 : MAX_LENGTH + 1].clamp_min(1e-12)  # (n, 25)
    rows, columns = linear_sum_assignment(-np.log(joint.numpy()))
    return [
        (found[row][0], _shares(found, joint[:, column])) for column, row in sorted(zip(columns, rows, strict=True))
    ]


def _shares(found: list[Occurrence], at_place: Tensor) -> Tensor:
    """Probability of each class at one place, (95,): the best of its occurrences, at most 1 in all."""
    shares = torch.zeros(CLASSES)
    for (character, *_), chance in zip(found, at_place.tolist(), strict=True):
        shares[character] = max(float(shares[character]), chance)
    return shares / max(1.0, float(shares.sum()))
