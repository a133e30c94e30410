"""What is told about each character beside its probability: alternatives, verification, box, evidence, look-alikes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pipelines.text_recognition.charset import CHARACTERS, CLASSES, EOS
from pipelines.text_recognition.constraint import Constraint
from pipelines.text_recognition.crops import Look, batches
from pipelines.text_recognition.igtr import IGTR
from pipelines.text_recognition.lookalikes import LOOKALIKES
from pipelines.text_recognition.options import ReadingOptions
from pipelines.text_recognition.procedures.refinement import lookalike_answers
from pipelines.text_recognition.reader import Reader
from pipelines.text_recognition.results import CharacterReading, Scored
from pipelines.text_recognition.views import box_turned_back, turned_back

ALTERNATIVES = 5


def described(
    network: IGTR, looks: Sequence[Look], sizes_wh: Sequence[tuple[int, int]], options: ReadingOptions
) -> list[tuple[CharacterReading, ...]]:
    """The characters of each crop; `sizes_wh` are those of the crops as they came in."""
    with torch.inference_mode():
        return [
            characters
            for some in batches(len(looks))
            for characters in _described(network, looks[some], sizes_wh[some], options)
        ]


def _described(
    network: IGTR, looks: Sequence[Look], sizes_wh: Sequence[tuple[int, int]], options: ReadingOptions
) -> list[tuple[CharacterReading, ...]]:
    lengths = [look.reading.lengths[0] for look in looks]
    longest = max(lengths)
    if not longest:
        return [()] * len(looks)
    reader = Reader(network, torch.cat([look.visual for look in looks]))
    classes = torch.cat([look.reading.classes for look in looks])[:, :longest].clamp_max(CLASSES - 1)
    boxes, evidence = (part.cpu().numpy() for part in reader.located(longest))
    verified = reader.verify(classes, reader.all_positions(longest)).sigmoid().cpu().numpy()
    similar = lookalike_answers(reader, classes, LOOKALIKES).cpu().numpy() if options.lookalikes else None
    given = set() if options.lexicon else {position for position, _ in Constraint.of(options).pattern.known}

    def character(row: int, place: int) -> CharacterReading:
        look, shares = looks[row], looks[row].reading.distribution[0, place]
        read = int(classes[row, place])
        return CharacterReading(
            symbol=CHARACTERS[read - 1],
            probability=min(float(shares[read]), 1.0),
            alternatives=_alternatives(shares, read),
            verified=float(verified[row, place]),
            box_xyxy=box_turned_back(tuple(boxes[row, place].tolist()), look.turn, sizes_wh[row]),
            evidence=np.ascontiguousarray(turned_back(evidence[row, place], look.turn)),
            lookalikes=() if similar is None else _lookalikes(read, similar[row, place]),
            is_given=place + 1 in given,
        )

    return [tuple(character(row, place) for place in range(length)) for row, length in enumerate(lengths)]


def _alternatives(shares: Tensor, read: int) -> tuple[Scored, ...]:
    """The most probable other characters, from the probabilities (95,) of one position."""
    others = shares.clone()
    others[[EOS, read]] = 0
    best = others.topk(ALTERNATIVES)
    return tuple(
        (CHARACTERS[index - 1], chance)
        for index, chance in zip(best.indices.tolist(), best.values.tolist(), strict=True)
        if chance > 0
    )


def _lookalikes(read: int, yes: np.ndarray) -> tuple[Scored, ...]:
    pairs = zip(LOOKALIKES.get(read, ()), yes.tolist(), strict=False)
    return tuple((CHARACTERS[index - 1], chance) for index, chance in sorted(pairs, key=lambda pair: -pair[1]))
