"""The alphabet and its numbers."""

import pytest

from pipelines.shared.errors import UserError
from pipelines.text_recognition.charset import BOS, CHARACTERS, CLASSES, EOS, PAD, decode, encode, fold


def test_the_published_order_of_classes() -> None:
    assert (CHARACTERS[0], CHARACTERS[10], CHARACTERS[36], CHARACTERS[62]) == ("0", "a", "A", "!")
    assert len(CHARACTERS) == len(set(CHARACTERS)) == CLASSES - 1 == 94
    assert (EOS, BOS, PAD) == (0, 95, 96)


def test_encoding_and_decoding_give_the_text_back() -> None:
    assert decode(encode(CHARACTERS)) == CHARACTERS


def test_decoding_stops_at_the_first_end_and_passes_over_bos_and_pad() -> None:
    assert decode([BOS, *encode("ab"), PAD, *encode("c"), EOS, *encode("d")]) == "abc"


def test_a_character_outside_the_alphabet_is_named() -> None:
    with pytest.raises(UserError, match="'é' in 'Café'"):
        encode("Café")


def test_folding_keeps_letters_and_digits_in_lower_case() -> None:
    assert fold("M.P.H. 7-1") == "mph71"


def test_folding_takes_accents_off_and_leaves_printable_ascii_as_it_was() -> None:
    assert [fold(text) for text in ("Café", "Cafe\u0301", "ZÜRICH", "Straße", "ﬁne", "№")] == [
        "cafe", "cafe", "zurich", "strasse", "fine", "no",
    ]  # fmt: skip
    assert fold(CHARACTERS) == CHARACTERS[:36] + CHARACTERS[10:36]
