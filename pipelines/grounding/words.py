"""Which words an object's cell looks at, at each depth where language enters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.grounding.tokenizer import split

if TYPE_CHECKING:
    import numpy as np

    from pipelines.grounding.decode import Raw

SUMMARY = "summary"  # what is said of the first token, which stands for the whole expression


def words_of(phrase: str) -> list[str]:
    """The tokens of an expression in words, the summary first."""
    return [SUMMARY, *split(phrase)]


def word_shares(raw: Raw, phrase: str, cell: tuple[int, int]) -> np.ndarray:
    """How much a cell (row, column) looks at each token, (injections, tokens of the phrase); rows sum to 1."""
    row, column = cell
    return raw.words[:, row * raw.centre.shape[1] + column, : len(words_of(phrase))]


def word_map(raw: Raw, depth: int, token: int) -> np.ndarray:
    """How much every cell looks at one token at a depth, (g, g), 0 to 1."""
    return raw.words[depth, :, token].reshape(raw.centre.shape)


def best_cell(raw: Raw) -> tuple[int, int]:
    """The cell where the centre is most likely, whatever the thresholds say."""
    row, column = divmod(int(raw.centre.argmax()), raw.centre.shape[1])
    return row, column
