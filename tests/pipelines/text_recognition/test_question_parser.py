from __future__ import annotations

import pytest

from pipelines.shared.errors import UserError
from pipelines.text_recognition.question_parser import parse_question
from pipelines.text_recognition.questions import KINDS, Question


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("What is character 3?", Question("char_at", (3,))),
        ("which letter", None),
        ("What is the third letter?", Question("char_at", (3,))),
        ("what stands at position 12", Question("char_at", (12,))),
        ("Is character 2 a B?", Question("is_char_at", (2, "B"))),
        ("Is the 2nd character a '0'?", Question("is_char_at", (2, "0"))),
        ("How many e?", Question("count", ("e",))),
        ("how many e's are there?", Question("count", ("e",))),
        ("how often does T occur", Question("count", ("T",))),
        ("How many characters?", Question("length")),
        ("how many characters are there in it", Question("length")),
        ("How many letters?", Question("count_kind", ("letters",))),
        ("How many letters are in it?", Question("count_kind", ("letters",))),
        ("How many Digits are there?", Question("count_kind", ("digits",))),
        ("How many e are in it?", Question("count", ("e",))),
        ("How long is it?", Question("length")),
        ("Where is the 2nd o?", Question("find_nth", (2, "o"))),
        ("where is the second O", Question("find_nth", (2, "O"))),
        ("Where is the R?", Question("find_nth", (1, "R"))),
        ("Is there a 0 or an O?", Question("exists", ("0O",))),
        ("is there an x", Question("exists", ("x",))),
        ("Are there any x, y or z?", Question("exists", ("xyz",))),
        ("Is there a ,?", Question("exists", (",",))),
        ("Is there a . or a ,?", Question("exists", (".,",))),
        ("Is there a ',' or a '?'", Question("exists", (",?",))),
        ("Are there any x,y?", None),
        ("How many '?", Question("count", ("'",))),
        ("Is character 2 a ?", Question("is_char_at", (2, "?"))),
        ("Does it start with CO?", Question("starts_with", ("CO",))),
        ("Does it start with the letter C?", Question("starts_with", ("C",))),
        ("starts with C?FF", Question("starts_with", ("C?FF",))),
        ("Does it contain ffe?", Question("contains", ("ffe",))),
        ('does it contain "ffe"', Question("contains", ("ffe",))),
        ("  does   it contain  ffe ? ", Question("contains", ("ffe",))),
    ],
)
def test_questions_in_english_are_understood(text: str, question: Question | None) -> None:
    if question is None:
        with pytest.raises(UserError, match=r"Try: What is character 3|Write: Is there a 0"):
            parse_question(text)
    else:
        assert parse_question(text) == question


def test_every_template_is_understood_as_its_kind() -> None:
    for kind, template in KINDS.items():
        assert parse_question(template).kind == kind
        assert parse_question(template.replace("‹", "").replace("›", "")).kind == kind


@pytest.mark.parametrize(
    "text",
    ["", "who painted it?", "is there a dog or a cat?", "How many ee?", "how many symbols?", "what is character 40?"],
)
def test_what_is_not_understood_is_said(text: str) -> None:
    with pytest.raises(UserError):
        parse_question(text)
