"""Everything of the text tab that is not the merge: a value that goes into recipes and links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from pipelines.shared.errors import UserError
from pipelines.text_recognition.charset import CHARACTERS, MAX_LENGTH
from pipelines.text_recognition.pattern import parse_pattern

PROCEDURES = {
    "parallel": "Parallel",
    "autoregressive": "Autoregressive",
    "ctc": "CTC",
    "verification": "Verification only",
    "assembly": "Attribute assembly",
}
CHARSETS = {
    "all": CHARACTERS,
    "alphanumeric": CHARACTERS[:62],
    "letters": CHARACTERS[10:62],
    "lower": CHARACTERS[10:36],
    "upper": CHARACTERS[36:62],
    "digits": CHARACTERS[:10],
}
CROP, PHOTO = "crop", "photo"  # what a picture is: one word, or one in which words are looked for first
MODE = "mode"  # names it among the options of a recipe
CUSTOM = "custom:"  # "custom:abc" names its characters
MOST_REFINEMENTS = 3
MOST_WORDS = 5_000


@dataclass(frozen=True)
class ReadingOptions:
    """Settings of one reading.

    Attributes:
        procedure: a name of PROCEDURES.
        refinements: how often doubtful characters are read again, 0 to 3.
        pattern: characters known beforehand, "C?FF??"; a trailing "*" leaves the length open. Empty: nothing is known.
        charset: a name of CHARSETS, or "custom:" and the characters that may occur.
        lexicon: words that the reading is to be one of, if they fit pattern and charset; empty: any word.
        doubt_threshold: characters whose yes-probability is below it are read again, 0 to 1.
        lookalikes: also doubt characters that the network takes for a look-alike, and name those.
    """

    procedure: str = "parallel"
    refinements: int = 0
    pattern: str = ""
    charset: str = "all"
    lexicon: tuple[str, ...] = ()
    doubt_threshold: float = 0.9
    lookalikes: bool = False

    def __post_init__(self) -> None:
        self._check_types()
        if self.procedure not in PROCEDURES:
            raise UserError(f"procedure is {self.procedure!r}; known are {', '.join(PROCEDURES)}.")
        if self.refinements not in range(MOST_REFINEMENTS + 1):
            raise UserError(f"refinements is {self.refinements!r}; it goes from 0 to {MOST_REFINEMENTS}.")
        if not isinstance(self.doubt_threshold, int | float) or not 0 <= self.doubt_threshold <= 1:
            raise UserError(f"doubt_threshold is {self.doubt_threshold!r}; it goes from 0 to 1.")
        parse_pattern(self.pattern)
        if not self.allowed:
            raise UserError("The custom character set is empty; name at least one character.")
        _check_lexicon(self.lexicon)

    def _check_types(self) -> None:
        """A file written by hand may hold a number or nothing where a text belongs: `pattern: 0800` is a number."""
        for name in ("procedure", "pattern", "charset"):
            if not isinstance(value := getattr(self, name), str):
                raise UserError(f"{name} is {value!r}, which is no text; put it in quotes.")
        if not isinstance(self.lookalikes, bool):
            raise UserError(f"lookalikes is {self.lookalikes!r}; it is true or false.")

    @property
    def allowed(self) -> str:
        """The characters that may occur, in the order of CHARACTERS.

        Raises:
            UserError: an unknown name, or a character that the network does not know.
        """
        if self.charset in CHARSETS:
            return CHARSETS[self.charset]
        if not self.charset.startswith(CUSTOM):
            raise UserError(f"charset is {self.charset!r}; known are {', '.join(CHARSETS)}, or custom:abc.")
        named = self.charset.removeprefix(CUSTOM)
        if strangers := sorted(set(named) - set(CHARACTERS)):
            raise UserError(f"The custom character set has {''.join(strangers)!r}, which is not printable ASCII.")
        return "".join(character for character in CHARACTERS if character in named)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form; only what differs from the default."""
        default = ReadingOptions()
        return {key: value for key, value in asdict(self).items() if value != getattr(default, key)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ReadingOptions:
        """Inverse of `to_dict`. Raises UserError on unknown names."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise UserError(f"Unknown reading options {unknown}; known are {sorted(known)}.")
        frozen: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(**frozen)


def split(stated: Mapping[str, Any]) -> tuple[ReadingOptions, str]:
    """The options of a recipe: what a reading takes, and CROP or PHOTO. Raises UserError."""
    mode = stated.get(MODE, CROP)
    if mode not in (CROP, PHOTO):
        raise UserError(f"{MODE} is {mode!r}; known are {CROP} and {PHOTO}.")
    return ReadingOptions.from_dict({key: value for key, value in stated.items() if key != MODE}), mode


def _check_lexicon(words: tuple[str, ...]) -> None:
    if isinstance(words, str) or not isinstance(words, Sequence):
        raise UserError(f"lexicon is {words!r}; give a list of words.")
    if strangers := [word for word in words if not isinstance(word, str)]:
        raise UserError(f"lexicon has {strangers[0]!r}, which is no text; give a list of words, numbers in quotes.")
    if len(words) > MOST_WORDS:
        raise UserError(f"The word list has {len(words):,} words; at most {MOST_WORDS:,} are ranked.")
    for word in words:
        if not 1 <= len(word) <= MAX_LENGTH or set(word) - set(CHARACTERS):
            raise UserError(
                f"{word!r} in the word list: words have 1 to {MAX_LENGTH} characters of printable ASCII, no spaces."
            )
