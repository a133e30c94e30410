from __future__ import annotations

from pipelines.text_recognition.charset import CLASSES, EOS, decode, encode
from pipelines.text_recognition.constraint import Constraint
from pipelines.text_recognition.options import ReadingOptions


def allowed(position: int, **options: str) -> str:
    """The characters that may stand there; "." for the end."""
    row = Constraint.of(ReadingOptions(**options)).mask()[position - 1]
    return "".join("." if index == EOS else decode([index]) for index in range(CLASSES) if row[index])


def test_without_a_pattern_everything_may_stand_anywhere_but_behind_the_longest_word() -> None:
    assert len(allowed(1)) == len(allowed(25)) == CLASSES
    assert allowed(26) == "."


def test_a_character_set_leaves_the_end_possible() -> None:
    assert allowed(1, charset="digits") == ".0123456789"


def test_a_pattern_fixes_characters_and_length() -> None:
    assert [allowed(place, pattern="C?F", charset="custom:ab") for place in (1, 2, 3, 4, 5)] == [
        "C", "ab", "F", ".", ".",
    ]  # fmt: skip


def test_an_open_pattern_leaves_the_length_open() -> None:
    assert [allowed(place, pattern="C?*", charset="custom:ab") for place in (1, 2, 3, 26)] == ["C", "ab", ".ab", "."]


def test_what_is_known_goes_into_the_condition() -> None:
    assert Constraint.of(ReadingOptions(pattern="?9*")).pairs == ((2, encode("9")[0]),)


def test_whole_words_are_allowed_as_their_positions_are() -> None:
    """Held against the mask, position by position, the end too."""
    for options in ({}, {"charset": "lower"}, {"pattern": "C?F"}, {"pattern": "C?F*", "charset": "lower"}):
        constraint = Constraint.of(ReadingOptions(**options))
        for word in ("CaF", "Caf", "CAF", "CaFe", "Ca", "caf", "a" * 25):
            classes = [*encode(word), EOS]
            by_mask = all(constraint.mask()[place, one] for place, one in enumerate(classes))
            assert constraint.allows(word) == by_mask, (options, word)
