"""Hint patterns: "C?FF??" fixes characters and the length; a trailing "*" leaves the length open.

"?" stands for any one character. A backslash takes "?", "*" or itself literally: a price tag reads "\\?9\\*".
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.shared.errors import UserError
from pipelines.text_recognition.charset import CHARACTERS, MAX_LENGTH

ANY, OPEN, ESCAPE = "?", "*", "\\"


@dataclass(frozen=True)
class Pattern:
    """What is known of a word before it is read.

    Attributes:
        known: (position, character) pairs, positions from 1, ascending.
        shortest: the word has at least so many characters.
        is_open: it may have more.
    """

    known: tuple[tuple[int, str], ...] = ()
    shortest: int = 0
    is_open: bool = True


def parse_pattern(text: str) -> Pattern:
    """Read a pattern; an empty one knows nothing.

    Raises:
        UserError: a "*" that is not at the end, an unfinished escape, an unknown character, or too many of them.
    """
    if not text:
        return Pattern()
    slots, is_open = _slots(text)
    if len(slots) > MAX_LENGTH:
        raise UserError(f"The pattern {text!r} has {len(slots)} places; a word has at most {MAX_LENGTH}.")
    if strangers := sorted({slot for slot in slots if slot is not None and slot not in CHARACTERS}):
        raise UserError(f"The pattern has {''.join(strangers)!r}; only printable ASCII without spaces can be read.")
    known = tuple((position, slot) for position, slot in enumerate(slots, 1) if slot is not None)
    return Pattern(known, len(slots), is_open)


def _slots(text: str) -> tuple[list[str | None], bool]:
    """The places of a pattern, None where anything may stand, and whether it ends open."""
    slots: list[str | None] = []
    marks = iter(enumerate(text))
    for index, mark in marks:
        if mark == OPEN:
            if index != len(text) - 1:
                raise UserError(f'The pattern {text!r}: "*" stands at the end only; "?" is any one character.')
            return slots, True
        if mark == ESCAPE:
            _, literal = next(marks, (0, ""))
            if not literal:
                raise UserError(f"The pattern {text!r} ends in a backslash; write two for the character itself.")
            slots.append(literal)
        else:
            slots.append(None if mark == ANY else mark)
    return slots, False
