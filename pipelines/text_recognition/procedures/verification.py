"""Reading by yes and no alone: at each position every character is asked for (IGTR, arXiv:2401.17851, "zero-shot").

Exactly one of the answers is true, so their odds, normalised, are its probabilities: a softmax over the logits of yes.
"""

from __future__ import annotations

import torch

from pipelines.text_recognition.charset import CLASSES, EOS
from pipelines.text_recognition.constraint import PLACES
from pipelines.text_recognition.procedures.reading import Reading
from pipelines.text_recognition.reader import Reader


def read_by_verification(reader: Reader) -> Reading:
    """Left to right, a pass of 95 questions for each position, until every word has its end."""
    distribution = torch.zeros(len(reader), PLACES, CLASSES, device=reader.device)
    allowed = reader.constraint.mask().to(reader.device)
    unfinished = torch.arange(len(reader), device=reader.device)
    for position in range(1, PLACES + 1):
        some = reader.rows(unfinished)
        asked = torch.arange(CLASSES, device=reader.device).expand(len(some), CLASSES)
        logits = some.verify(asked, torch.full_like(asked, position))
        shares = logits.masked_fill(~allowed[position - 1], -torch.inf).softmax(-1)
        distribution[unfinished, position - 1] = shares
        unfinished = unfinished[shares.argmax(-1) != EOS]
        if not len(unfinished):
            break
    return Reading.best(distribution)
