from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.shared.errors import UserError
from pipelines.text_recognition.datasets import Word
from pipelines.text_recognition.shipped_words import ShippedSet, store_set


@pytest.fixture
def words(crops: list[np.ndarray]) -> list[Word]:
    return [Word(crop, f"Word{index}") for index, crop in enumerate(crops)]


def test_crops_come_back_to_the_pixel(words: list[Word], tmp_path: Path) -> None:
    store_set("base", "test", words, tmp_path)
    found = list(ShippedSet("base", "test", tmp_path).words())
    assert [word.label for word in found] == [word.label for word in words]
    assert all((a.image == b.image).all() for a, b in zip(found, words, strict=True))


def test_sets_lie_beside_each_other(words: list[Word], tmp_path: Path) -> None:
    store_set("base", "test", words, tmp_path)
    store_set("curved", "validation", words[:2], tmp_path)
    assert len(ShippedSet("base", "test", tmp_path)) == 5
    assert [word.label for word in ShippedSet("curved", "validation", tmp_path).words(1)] == ["Word0"]


def test_what_is_not_there_is_named(words: list[Word], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are none"):
        len(ShippedSet("base", "test", tmp_path))
    store_set("base", "test", words, tmp_path)
    with pytest.raises(UserError, match=r"No shipped crops of digits/test; there are base/test"):
        list(ShippedSet("digits", "test", tmp_path).words())
