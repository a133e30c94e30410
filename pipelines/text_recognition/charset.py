"""The characters that IGTR reads, and the numbers they go by.

Layout of the published dictionary: EOS, ten digits, lower case, upper case, 32 marks of ASCII, then BOS and PAD. The
classifier has the first 95 as outputs; BOS and PAD are only put in, never read.
"""

from __future__ import annotations

import string
import unicodedata

from pipelines.shared.errors import UserError

CHARACTERS = string.digits + string.ascii_lowercase + string.ascii_uppercase + string.punctuation
EOS, BOS, PAD = 0, 95, 96
CLASSES = 95  # EOS and the characters
SYMBOLS = 97  # CLASSES, BOS and PAD: rows of the embedding
MAX_LENGTH = 25  # characters; stand at positions 1 to 25, EOS after the last, BOS at 0

_INDEX = {character: index for index, character in enumerate(CHARACTERS, 1)}
_FOLDED = frozenset(string.digits + string.ascii_lowercase)


def encode(text: str) -> list[int]:
    """Indices of the characters, 1 to 94, without EOS.

    Raises:
        UserError: a character is outside the alphabet.
    """
    unknown = sorted({character for character in text if character not in _INDEX})
    if unknown:
        raise UserError(
            f"{''.join(unknown)!r} in {text!r} is outside the alphabet: digits, A-Z, a-z and the marks of ASCII are "
            "known; leave out spaces and take the accents off."
        )
    return [_INDEX[character] for character in text]


def decode(indices: list[int]) -> str:
    """Text up to the first EOS; BOS and PAD are passed over."""
    text = []
    for index in indices:
        if index == EOS:
            break
        if index < CLASSES:
            text.append(CHARACTERS[index - 1])
    return "".join(text)


def fold(text: str) -> str:
    """Lower case, accents taken off, nothing but 0-9 and a-z: what the field compares."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in plain if character in _FOLDED)
