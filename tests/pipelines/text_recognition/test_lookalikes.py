from __future__ import annotations

from pipelines.text_recognition.charset import CHARACTERS, encode
from pipelines.text_recognition.lookalikes import LOOKALIKES


def alike(character: str) -> str:
    (index,) = encode(character)
    return "".join(sorted(CHARACTERS[other - 1] for other in LOOKALIKES.get(index, ())))


def test_every_letter_looks_like_its_other_case() -> None:
    assert all(character.swapcase() in alike(character) for character in CHARACTERS if character.isalpha())


def test_likeness_is_mutual_and_never_with_itself() -> None:
    for index, others in LOOKALIKES.items():
        assert index not in others
        assert all(index in LOOKALIKES[other] for other in others)


def test_zeros_and_ones_have_theirs() -> None:
    assert alike("0") == "DOQo" and alike("1") == "!Iil|" and alike("%") == ""
