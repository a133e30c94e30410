"""Re-identification: characters that the network does not confirm are read again, the others known.

IGTR (arXiv:2401.17851), "RI". Ours: with look-alikes, a character is doubted too if one of its look-alikes gets a
louder yes. The length stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pipelines.text_recognition.charset import CHARACTERS, CLASSES, EOS, PAD
from pipelines.text_recognition.procedures.reading import Reading
from pipelines.text_recognition.reader import Reader
from pipelines.text_recognition.results import Correction

Lookalikes = Mapping[int, tuple[int, ...]]  # class -> classes that look like it


@dataclass(frozen=True)
class _Doubts:
    """Which characters are doubted, bool (B, n), and how sure the network is of each, (B, n), 0 to 1."""

    are: Tensor
    verified: Tensor


def refine(
    reader: Reader, reading: Reading, threshold: float, rounds: int = 1, lookalikes: Lookalikes | None = None
) -> Reading:
    """Read doubtful characters again, `rounds` times over.

    Args:
        threshold: characters whose probability of yes is below it are doubtful, 0 to 1.
    """
    traces: list[tuple[Correction, ...]] = list(reading.traces) or [()] * len(reading)
    for number in range(1, rounds + 1):
        longest = max(reading.lengths, default=0)
        doubts = _doubts(reader, reading, longest, threshold, lookalikes) if longest else None
        if doubts is None or not doubts.are.any():
            break
        again = _read_again(reader, reading, doubts)
        for row in range(len(reading)):
            traces[row] += _corrections(number, reading, again, doubts, row)
        reading = again
    return replace(reading, traces=tuple(traces))


def _doubts(reader: Reader, reading: Reading, longest: int, threshold: float, lookalikes: Lookalikes | None) -> _Doubts:
    classes = reading.classes[:, :longest]
    is_character = (classes != EOS) & (classes != PAD)
    read = classes.clamp_max(CLASSES - 1)
    positions = reader.all_positions(longest)
    verified = reader.verify(read, positions).sigmoid()
    are = verified < threshold
    if lookalikes is not None:
        are |= lookalike_answers(reader, read, lookalikes).amax(-1) > verified
    for position, _ in reader.constraint.pairs:
        are[:, position - 1 : position] = False
    return _Doubts(are & is_character, verified)


def lookalike_answers(reader: Reader, classes: Tensor, lookalikes: Lookalikes) -> Tensor:
    """Probability of yes for each look-alike of each class at its position, (B, n) -> (B, n, most); 0 where is none."""
    most = max(len(others) for others in lookalikes.values())
    table = torch.zeros(CLASSES, most, dtype=torch.long)
    for character, others in lookalikes.items():
        table[character, : len(others)] = torch.tensor(others)
    asked = table.to(classes.device)[classes]  # (B, n, most), 0 is none
    positions = reader.all_positions(classes.shape[1])[..., None].expand_as(asked)
    logits = reader.verify(asked.flatten(1), positions.flatten(1)).view(asked.shape)
    return logits.sigmoid().masked_fill(asked == 0, 0)


def _read_again(reader: Reader, reading: Reading, doubts: _Doubts) -> Reading:
    """Doubtful characters by a new pass in which the sure ones are known; only rows with doubts are asked."""
    rows = doubts.are.any(1).nonzero()[:, 0]
    known = [_sure(reading.classes[row].tolist(), doubts.are[row].tolist()) for row in rows.tolist()]
    some = reader.rows(rows)
    shares = some.characters(some.all_positions(doubts.are.shape[1]), some.condition(known))
    shares[..., EOS] = 0
    shares = shares / shares.sum(-1, keepdim=True).clamp_min(1e-12)
    classes, distribution = reading.classes.clone(), reading.distribution.clone()
    where = torch.zeros_like(classes, dtype=torch.bool)
    where[:, : doubts.are.shape[1]] = doubts.are
    is_again = doubts.are[rows]
    classes[where], distribution[where] = shares.argmax(-1)[is_again], shares[is_again]
    return replace(reading, classes=classes, distribution=distribution)


def _sure(classes: list[int], doubted: list[bool]) -> list[tuple[int, int]]:
    """(position, class) of the characters that are not doubted."""
    pairs = zip(classes, doubted, strict=False)
    return [
        (position, character)
        for position, (character, is_doubted) in enumerate(pairs, 1)
        if not is_doubted and character not in (EOS, PAD)
    ]


def _corrections(number: int, before: Reading, after: Reading, doubts: _Doubts, row: int) -> tuple[Correction, ...]:
    old, new = before.probabilities[row].tolist(), after.probabilities[row].tolist()
    return tuple(
        Correction(
            number,
            place + 1,
            CHARACTERS[int(before.classes[row, place]) - 1],
            CHARACTERS[int(after.classes[row, place]) - 1],
            float(doubts.verified[row, place]),
            old[place],
            new[place],
        )
        for place in doubts.are[row].nonzero()[:, 0].tolist()
    )
