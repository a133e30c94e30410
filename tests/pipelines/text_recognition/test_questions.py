from __future__ import annotations

from typing import Any

import pytest

from pipelines.shared.errors import UserError
from pipelines.text_recognition.questions import ARGUMENTS, KINDS, Question, expected


@pytest.mark.parametrize(
    ("kind", "arguments", "answer"),
    [
        ("char_at", (3,), "f"), ("char_at", (7,), "none"),
        ("is_char_at", (2, "o"), "yes"), ("is_char_at", (2, "0"), "no"), ("is_char_at", (9, "e"), "no"),
        ("count", ("f",), "2"), ("count", ("z",), "0"),
        ("count_kind", ("letters",), "6"), ("count_kind", ("digits",), "0"),
        ("exists", ("o",), "yes"), ("exists", ("0",), "no"), ("exists", ("0o",), "o"),
        ("exists", ("fo",), "f and o"), ("exists", ("xy",), "none"),
        ("find_nth", (2, "e"), "6"), ("find_nth", (3, "e"), "none"),
        ("length", (), "6"),
        ("starts_with", ("C?ff",), "yes"), ("starts_with", ("ff",), "no"), ("starts_with", ("Coffees",), "no"),
        ("contains", ("ffe",), "yes"), ("contains", ("f?e",), "yes"), ("contains", ("eC",), "no"),
    ],
)  # fmt: skip
def test_a_text_answers_every_question(kind: str, arguments: tuple[Any, ...], answer: str) -> None:
    assert expected(Question(kind, arguments), "Coffee") == answer


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [("smell", ()), ("length", (1,)), ("char_at", ()), ("char_at", (0,)), ("char_at", (26,)), ("char_at", ("3",)),
     ("count", ("ab",)), ("count", ("é",)), ("contains", ("",)), ("contains", ("??",)), ("find_nth", (1, "")),
     ("count_kind", ("runes",))],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(kind: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(UserError):
        Question(kind, arguments)


def test_letters_and_digits_are_counted_apart() -> None:
    asked = (Question("length"), Question("count_kind", ("letters",)), Question("count_kind", ("digits",)))
    assert [expected(question, "A1-B2") for question in asked] == ["5", "2", "2"]


def test_every_kind_names_its_arguments() -> None:
    assert KINDS.keys() == ARGUMENTS.keys()
