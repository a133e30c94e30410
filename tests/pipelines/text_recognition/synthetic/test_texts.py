"""What is written: from word lists that are there, in the proportions asked for, held-out words apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipelines.shared.errors import UserError
from pipelines.text_recognition.charset import CHARACTERS, MAX_LENGTH
from pipelines.text_recognition.synthetic import texts
from pipelines.text_recognition.synthetic.texts import MAKERS, is_held_out, plain, sample_text, word_lists


@pytest.fixture
def dictionaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(texts, "DICTIONARIES", tmp_path)
    word_lists.cache_clear()
    yield tmp_path
    word_lists.cache_clear()


def test_no_word_is_on_both_sides_whatever_its_case(dictionaries: Path) -> None:
    (dictionaries / "words").write_text("\n".join(f"{a}{b}stone" for a in "abcdefgh" for b in "ABCDEFGH"))
    trained, kept = (word_lists(held_out) for held_out in (False, True))
    sides = [
        {word.lower() for words in (*side.english.values(), *side.others.values(), side.everyday) for word in words}
        for side in (trained, kept)
    ]
    assert not sides[0] & sides[1] and len(sides[0]) > 3 * len(sides[1]) > 0
    assert is_held_out("Window") == is_held_out("WINDOW")


def test_a_machine_without_word_lists_is_told_what_to_install(dictionaries: Path) -> None:
    with pytest.raises(UserError, match="apt-get install wamerican-large"):
        word_lists()


@pytest.mark.parametrize(
    ("word", "written"), [("Café", "Cafe"), (" don't\n", "don't"), ("Straße", ""), ("año", "ano"), ("a1", "")]
)
def test_words_lose_accents_and_what_no_label_can_say(word: str, written: str) -> None:
    assert plain(word) == written


@pytest.mark.parametrize("kind", MAKERS)
def test_every_kind_gives_text_that_a_label_can_say(dictionaries: Path, kind: str) -> None:
    (dictionaries / "words").write_text("harbour\nstone\nlamp\nbridge\ncandle\nwinter\nriver\nforest\nBerlin\nOslo\n")
    words, rng = word_lists(), np.random.default_rng(0)
    made = [sample_text(rng, {kind: 1.0}, words) for _ in range(60)]
    assert all(1 <= len(text) <= MAX_LENGTH and set(text) <= set(CHARACTERS) for text in made)
    assert len(set(made)) > 10
    if kind == "number":
        assert all(any(c.isdigit() for c in text) for text in made)
