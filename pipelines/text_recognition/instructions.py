"""Conditions and questions: what the network is told about a word, and what it is asked.

After IGTR (Zheng et al. 2025, arXiv:2401.17851), sections "condition" and "question". A condition is a set of
(character, position) pairs taken as known; it always holds (BOS, 0), so that the empty one is one token. A question has
a kind; questions do not see each other, so any number goes into one pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from pipelines.shared.errors import UserError
from pipelines.text_recognition.charset import BOS, CLASSES, MAX_LENGTH, PAD

CHARACTER, IS, COUNT, PLACE = 0, 1, 2, 3  # Q1 which at i, Q2 is i a c, Q3 how many c, Q4 where is the n-th c
POSITIONS = 28  # rows of the position table: BOS at 0, characters 1 to 25, the last EOS at 26, padding at 27
PAD_POSITION = 27


@dataclass(frozen=True)
class Condition:
    """Characters taken as known.

    Attributes:
        characters, positions: int64, (B, M); the first column is BOS at 0, the order of the others has no meaning.
        valid: bool, (B, M); False where the row has no further token.
    """

    characters: Tensor
    positions: Tensor
    valid: Tensor

    def to(self, device: str | torch.device) -> Condition:
        """The same on another device."""
        return Condition(*(getattr(self, field.name).to(device) for field in fields(self)))


@dataclass(frozen=True)
class Questions:
    """What is asked of each picture; int64, (B, Q) each. Fields that a kind has no use for are not read.

    Attributes:
        kind: CHARACTER, IS, COUNT or PLACE.
        characters: 0 (EOS) to 94, for IS, COUNT and PLACE.
        positions: 1 to 26, for CHARACTER and IS.
        occurrence: from 0, for PLACE: 0 asks for the first.
    """

    kind: Tensor
    characters: Tensor
    positions: Tensor
    occurrence: Tensor

    def to(self, device: str | torch.device) -> Questions:
        """The same on another device."""
        return Questions(*(getattr(self, field.name).to(device) for field in fields(self)))


def empty_condition(batch: int) -> Condition:
    """Nothing is known: BOS alone."""
    return known([()] * batch)


def known(pairs: Sequence[Iterable[tuple[int, int]]]) -> Condition:
    """A condition for each picture from its (position, character index) pairs; rows are padded to the longest.

    Raises:
        UserError: a position outside 1 to 26, or an index that is no character.
    """
    rows = [[(0, BOS), *row] for row in pairs]
    for position, character in (pair for row in rows for pair in row[1:]):
        check(position, character)
    longest = max(len(row) for row in rows)
    padded = torch.tensor([row + [(PAD_POSITION, PAD)] * (longest - len(row)) for row in rows])
    valid = torch.arange(longest) < torch.tensor([[len(row)] for row in rows])
    return Condition(padded[..., 1].contiguous(), padded[..., 0].contiguous(), valid)


def check(position: int, character: int) -> None:
    """Raises UserError where a pair can be neither known nor asked."""
    if not 1 <= position <= MAX_LENGTH + 1:
        raise UserError(f"Position {position} came; characters stand at 1 to {MAX_LENGTH}, the end at most one after.")
    if not 0 <= character < CLASSES:
        raise UserError(f"Character index {character} came; 0 is the end of the word, 1 to {CLASSES - 1} are known.")


def ask_characters(positions: Tensor) -> Questions:
    """Q1: which character stands at each position? (B, Q), 1 to 26."""
    nothing = torch.zeros_like(positions)
    return Questions(torch.full_like(positions, CHARACTER), nothing, positions, nothing)


def ask_is(characters: Tensor, positions: Tensor) -> Questions:
    """Q2: does this character stand at this position? (B, Q) each."""
    return Questions(torch.full_like(positions, IS), characters, positions, torch.zeros_like(positions))


def ask_count(characters: Tensor) -> Questions:
    """Q3: how often does each character occur? (B, Q)."""
    nothing = torch.zeros_like(characters)
    return Questions(torch.full_like(characters, COUNT), characters, nothing, nothing)


def ask_place(characters: Tensor, occurrence: Tensor) -> Questions:
    """Q4: at which position stands each character for the (occurrence + 1)-th time? (B, Q); 0 where it does not."""
    return Questions(torch.full_like(characters, PLACE), characters, torch.zeros_like(characters), occurrence)


def joined(*parts: Questions) -> Questions:
    """Several questions of the same pictures in one pass, one after the other along Q."""
    return Questions(*(torch.cat([getattr(part, field.name) for part in parts], 1) for field in fields(Questions)))
