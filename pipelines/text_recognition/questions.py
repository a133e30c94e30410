"""Questions that a person may ask about a word, and the answer that a text gives to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipelines.shared.errors import UserError
from pipelines.text_recognition.charset import CHARACTERS, MAX_LENGTH
from pipelines.text_recognition.options import CHARSETS
from pipelines.text_recognition.pattern import ANY

KINDS = {
    "char_at": "What is character ‹3›?",
    "is_char_at": "Is character ‹2› a ‹B›?",
    "count": "How many ‹e›?",
    "count_kind": "How many ‹digits›?",
    "exists": "Is there a ‹0› or an ‹O›?",
    "find_nth": "Where is the ‹2›nd ‹o›?",
    "length": "How many characters?",
    "starts_with": "Does it start with ‹C?FF›?",
    "contains": "Does it contain ‹ffe›?",
}
ARGUMENTS: dict[str, tuple[str, ...]] = {  # what a question is about, in order
    "char_at": ("position",),
    "is_char_at": ("position", "character"),
    "count": ("character",),
    "count_kind": ("group",),
    "exists": ("characters",),
    "find_nth": ("occurrence", "character"),
    "length": (),
    "starts_with": ("text",),
    "contains": ("text",),
}
NUMBERS = ("position", "occurrence")
GROUPS = {name: CHARSETS[name] for name in ("letters", "digits")}  # what is counted as a kind


@dataclass(frozen=True)
class Question:
    """A question of a kind of KINDS.

    Attributes:
        arguments: as ARGUMENTS names them; positions and occurrences count from 1. In the text of "starts_with" and
            "contains", "?" is any one character.
    """

    kind: str
    arguments: tuple[int | str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UserError(f"The kind of question is {self.kind!r}; known are {', '.join(KINDS)}.")
        names = ARGUMENTS[self.kind]
        if len(self.arguments) != len(names):
            wanted = ", ".join(names) or "nothing further"
            raise UserError(f"The question {self.kind!r} takes {wanted}; {len(self.arguments)} things came.")
        for name, value in zip(names, self.arguments, strict=True):
            _check(name, value)

    @property
    def number(self) -> int:
        """The position or occurrence, from 1."""
        return next(value for value in self.arguments if isinstance(value, int))

    @property
    def text(self) -> str:
        """The character, characters, group or text asked about."""
        return next(value for value in self.arguments if isinstance(value, str))


def _check(name: str, value: int | str) -> None:
    if name in NUMBERS:
        if not isinstance(value, int) or not 1 <= value <= MAX_LENGTH:
            raise UserError(f"The {name} is {value!r}; it goes from 1 to {MAX_LENGTH}.")
        return
    if name == "group":
        if value not in GROUPS:
            raise UserError(f"The group is {value!r}; counted are {' and '.join(GROUPS)}, or one character.")
        return
    most = 1 if name == "character" else MAX_LENGTH
    if not isinstance(value, str) or not 1 <= len(value) <= most:
        wanted = "one character" if most == 1 else f"1 to {MAX_LENGTH} characters"
        raise UserError(f"The {name} is {value!r}; expected {wanted}.")
    if strangers := sorted(set(value) - set(CHARACTERS)):
        raise UserError(f"The {name} has {''.join(strangers)!r}; only printable ASCII without spaces can be asked for.")
    if name == "text" and not value.strip(ANY):
        raise UserError(f"The text {value!r} has no character to look for.")


def expected(question: Question, reading: str) -> str:
    """The answer that a text gives, in the words of `Answer.text`."""
    return _BY_TEXT[question.kind](question, reading)


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _matches(text: str, reading: str, start: int) -> bool:
    window = reading[start : start + len(text)]
    return len(window) == len(text) and all(a in (ANY, b) for a, b in zip(text, window, strict=True))


def _nth_place(question: Question, reading: str) -> str:
    places = [place for place, symbol in enumerate(reading, 1) if symbol == question.text]
    return str(places[question.number - 1]) if len(places) >= question.number else "none"


def _existing(question: Question, reading: str) -> str:
    return told_existence({symbol: symbol in reading for symbol in question.text})


def told_existence(there: dict[str, bool]) -> str:
    """In words which of some characters are there: "yes" and "no" for a single one, else those that are."""
    if len(there) == 1:
        return _yes(all(there.values()))
    return " and ".join(symbol for symbol, is_there in there.items() if is_there) or "none"


_BY_TEXT: dict[str, Callable[[Question, str], str]] = {
    "char_at": lambda question, reading: reading[question.number - 1 : question.number] or "none",
    "is_char_at": lambda question, reading: _yes(reading[question.number - 1 : question.number] == question.text),
    "count": lambda question, reading: str(reading.count(question.text)),
    "count_kind": lambda question, reading: str(sum(symbol in GROUPS[question.text] for symbol in reading)),
    "exists": _existing,
    "find_nth": _nth_place,
    "length": lambda question, reading: str(len(reading)),
    "starts_with": lambda question, reading: _yes(_matches(question.text, reading, 0)),
    "contains": lambda question, reading: _yes(any(_matches(question.text, reading, i) for i in range(len(reading)))),
}
