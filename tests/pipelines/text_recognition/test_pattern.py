from __future__ import annotations

import pytest

from pipelines.shared.errors import UserError
from pipelines.text_recognition.pattern import Pattern, parse_pattern


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("", Pattern()),
        ("C?FF??", Pattern(((1, "C"), (3, "F"), (4, "F")), 6, False)),
        ("C?FF??*", Pattern(((1, "C"), (3, "F"), (4, "F")), 6, True)),
        ("*", Pattern((), 0, True)),
        (r"\?9\*", Pattern(((1, "?"), (2, "9"), (3, "*")), 3, False)),
        (r"a\\", Pattern(((1, "a"), (2, "\\")), 2, False)),
        ("?" * 25, Pattern((), 25, False)),
    ],
)
def test_a_pattern_says_what_is_known(text: str, pattern: Pattern) -> None:
    assert parse_pattern(text) == pattern


@pytest.mark.parametrize(
    ("text", "word"), [("a*b", "end only"), ("a\\", "backslash"), ("Caf é", "é"), ("?" * 26, "26 places")]
)
def test_a_pattern_that_makes_no_sense_is_refused(text: str, word: str) -> None:
    with pytest.raises(UserError, match=word):
        parse_pattern(text)
