"""Fast reading by the CTC head: the picture's columns alone, no question is asked (Graves et al. 2006)."""

from __future__ import annotations

from itertools import groupby

import torch
from torch import Tensor

from pipelines.shared.errors import UserError
from pipelines.text_recognition.charset import CLASSES, encode
from pipelines.text_recognition.procedures.reading import Reading
from pipelines.text_recognition.reader import Reader

BLANK = CLASSES


def read_ctc(reader: Reader) -> Reading:
    """The best path, repeats joined and blanks dropped.

    A character has the probabilities of the column that shows it best; they sum to 1 with that of the blank.

    Raises:
        UserError: a pattern is asked for; columns know no positions.
    """
    if reader.constraint.pattern.shortest:
        raise UserError("CTC reads without positions, so it cannot follow a pattern; choose another procedure.")
    columns = _shares(reader)
    return Reading.of_rows([_collapsed(row) for row in columns], reader.device)


def _shares(reader: Reader) -> Tensor:
    """Probabilities by column, (B, columns, 96), of the characters that may occur and the blank."""
    allowed = torch.zeros(CLASSES + 1, dtype=torch.bool, device=reader.device)
    allowed[[*encode(reader.constraint.characters), BLANK]] = True
    logits = reader.network.ctc(reader.visual).float()
    return logits.masked_fill(~allowed, -torch.inf).softmax(-1)


def _collapsed(columns: Tensor) -> list[tuple[int, Tensor]]:
    """(class, distribution) of each run of a class, from (columns, 96)."""
    path = columns.argmax(-1).tolist()
    runs = [(character, list(run)) for character, run in groupby(range(len(path)), key=path.__getitem__)]
    return [
        (character, columns[max(run, key=lambda column: float(columns[column, character])), :CLASSES])
        for character, run in runs
        if character != BLANK
    ]
