"""Expressions to numbers: a row per known word, and hashed runs of three letters that carry the unknown ones."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from pipelines.grounding.synthetic.said import words_said
from pipelines.grounding.vocabulary import WORDS

TOKENS = 24  # of an expression, the summary first
ROWS = 512  # of the word embedding
GRAMS = 2048  # buckets of letter runs
MOST_GRAMS = 10  # of a word; the rest of a longer word is not looked at
NOTHING, SUMMARY, UNKNOWN, FIRST = 0, 1, 2, 3  # rows: padding, summary, words not in the vocabulary, the first word
WORD = re.compile(r"[^\W_]+", re.UNICODE)
POSSESSIVE = re.compile(r"['’]s\b")


@dataclass(frozen=True)
class Tokens:
    """A batch of expressions.

    Attributes:
        words: rows, int64 (B, 24).
        grams: buckets, int64 (B, 24, 10), 0 behind the last.
    """

    words: Tensor
    grams: Tensor

    @property
    def valid(self) -> Tensor:
        """Where there is a token, bool (B, 24)."""
        return self.words != NOTHING

    def to(self, device: torch.device | str) -> Tokens:
        """The same on a device."""
        return Tokens(self.words.to(device), self.grams.to(device))


def split(text: str) -> list[str]:
    """Lower-case words of an expression, as many as the network reads; "the man's hat" is the man hat."""
    return every_word(text)[: TOKENS - 1]


def every_word(text: str) -> list[str]:
    """Lower-case words of an expression, however many."""
    return WORD.findall(POSSESSIVE.sub("", text.lower()))


def unknown(text: str) -> list[str]:
    """Words of an expression that no training said, in order, each once; some of them have a row all the same."""
    return list(dict.fromkeys(word for word in split(text) if word not in words_said()))


def tokenize(texts: Sequence[str]) -> Tokens:
    """Expressions to numbers; an empty one has its summary alone."""
    words = torch.zeros(len(texts), TOKENS, dtype=torch.long)
    grams = torch.zeros(len(texts), TOKENS, MOST_GRAMS, dtype=torch.long)
    words[:, 0] = SUMMARY
    for i, text in enumerate(texts):
        for place, word in enumerate(split(text), 1):
            words[i, place] = _rows().get(word, UNKNOWN)
            runs = _runs(word)
            grams[i, place, : len(runs)] = torch.tensor(runs)
    return Tokens(words, grams)


@lru_cache(maxsize=8192)
def _runs(word: str) -> tuple[int, ...]:
    marked = f"<{word}>"
    runs = [marked[i : i + 3] for i in range(max(1, len(marked) - 2))][:MOST_GRAMS]
    return tuple(1 + zlib.crc32(run.encode()) % (GRAMS - 1) for run in runs)


@lru_cache(maxsize=1)
def _rows() -> dict[str, int]:
    assert FIRST + len(WORDS) <= ROWS, len(WORDS)
    return {word: row for row, word in enumerate(WORDS, FIRST)}
