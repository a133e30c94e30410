"""What a reading must obey: characters known beforehand, the length, and which characters may occur at all."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from pipelines.text_recognition.charset import CHARACTERS, CLASSES, EOS, MAX_LENGTH, encode
from pipelines.text_recognition.options import ReadingOptions
from pipelines.text_recognition.pattern import Pattern, parse_pattern

PLACES = MAX_LENGTH + 1  # positions 1 to 26: the last can only be the end


@dataclass(frozen=True)
class Constraint:
    """A pattern and a character set, as masks and as pairs for a condition. The default allows everything."""

    pattern: Pattern = field(default_factory=Pattern)
    characters: str = CHARACTERS

    @classmethod
    def of(cls, options: ReadingOptions) -> Constraint:
        """That of the options of a reading."""
        return cls(parse_pattern(options.pattern), options.allowed)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """(position, character index) of what is known, for a condition."""
        return tuple((position, encode(symbol)[0]) for position, symbol in self.pattern.known)

    def allows(self, word: str) -> bool:
        """Whether a whole word obeys it; what the pattern fixes need not be in the character set."""
        known = dict(self.pattern.known)
        if len(word) < self.pattern.shortest or (len(word) > self.pattern.shortest and not self.pattern.is_open):
            return False
        return all(symbol in known.get(place, self.characters) for place, symbol in enumerate(word, 1))

    def mask(self) -> Tensor:
        """True where a class may stand at a position, bool (26, 95); row 0 is position 1."""
        allowed = torch.zeros(PLACES, CLASSES, dtype=torch.bool)
        allowed[:, encode(self.characters)] = True
        allowed[:, EOS] = True
        allowed[MAX_LENGTH] = False
        allowed[MAX_LENGTH, EOS] = True
        allowed[: self.pattern.shortest, EOS] = False
        if not self.pattern.is_open:
            allowed[self.pattern.shortest :] = False
            allowed[self.pattern.shortest :, EOS] = True
        for position, character in self.pairs:
            allowed[position - 1] = False
            allowed[position - 1, character] = True
        return allowed
