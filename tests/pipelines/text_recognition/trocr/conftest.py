"""Tiny random TrOCR checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pipelines.text_recognition.trocr.tiny_trocr import PIECES, store


@pytest.fixture
def pieces() -> list[str]:
    """The vocabulary of the tiny tokenizer: byte pairs, "Ġ" is a blank."""
    return PIECES


@pytest.fixture
def store_trocr() -> Callable[[Path, str, int], Path]:
    """Write a tiny checkpoint of a decoder build to a folder: weights of a seed, tokenizer, image processor."""
    return store
