"""Scores of words that were read, beside their labels: the field's accuracy, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from pipelines.text_recognition.datasets import Word
from pipelines.text_recognition.metrics import is_right, one_minus_ned, wilson_interval

Scores = dict[str, float]
LENGTHS = {"len_1_2": (1, 2), "len_3_4": (3, 4), "len_5_6": (5, 6), "len_7_9": (7, 9), "len_10_up": (10, 25)}
HEIGHTS_PX = {"high_under_24": (0, 23), "high_24_48": (24, 48), "high_over_48": (49, 10**6)}
KINDS: dict[str, Callable[[str], bool]] = {
    "upper": str.isupper,
    "title": lambda label: label.istitle() and len(label) > 1,
    "lower": str.islower,
    "digits": str.isdigit,
}


def word_scores(texts: Sequence[str], words: Sequence[Word]) -> Scores:
    """Accuracy without case and marks, its 95 % interval, accuracy with case, and 1 - NED; all 0 to 1."""
    right = sum(is_right(text, word.label) for text, word in zip(texts, words, strict=True))
    low, high = wilson_interval(right, len(words))
    pairs = list(zip(texts, words, strict=True))
    return {
        "accuracy": right / len(words),
        "accuracy_low": low,
        "accuracy_high": high,
        "accuracy_case": _mean([_bare(text) == _bare(word.label) for text, word in pairs]),
        "one_minus_ned": _mean([one_minus_ned(text, word.label) for text, word in pairs]),
    }


def bucket_scores(texts: Sequence[str], words: Sequence[Word]) -> dict[str, Scores]:
    """Accuracy by length, by height and by kind of the label; "n_..." says how many words are in a bucket."""
    right = np.array([is_right(text, word.label) for text, word in zip(texts, words, strict=True)])
    lengths = np.array([len(word.label) for word in words])
    heights = np.array([word.image.shape[0] for word in words])
    groups = {
        "length": {name: (lengths >= low) & (lengths <= high) for name, (low, high) in LENGTHS.items()},
        "height": {name: (heights >= low) & (heights <= high) for name, (low, high) in HEIGHTS_PX.items()},
        "kind": {name: np.array([holds(word.label) for word in words]) for name, holds in KINDS.items()},
    }
    return {
        title: {key: value for name, mask in masks.items() if mask.any()
                for key, value in ((name, float(right[mask].mean())), (f"n_{name}", int(mask.sum())))}
        for title, masks in groups.items()
    }  # fmt: skip


def agreement_scores(texts: Sequence[Sequence[str]], words: Sequence[Word]) -> Scores:
    """How often several procedures agree (rows of `texts`), and how right they are where they do and do not."""
    first = texts[0]
    agreed = np.array([all(is_right(row[index], text) for row in texts) for index, text in enumerate(first)])
    right = np.array([is_right(text, word.label) for text, word in zip(first, words, strict=True)])
    inside, outside = right[agreed], right[~agreed]
    return {
        "share": float(agreed.mean()),
        "accuracy_inside": float(inside.mean()) if len(inside) else float("nan"),
        "accuracy_outside": float(outside.mean()) if len(outside) else float("nan"),
    }


def _bare(text: str) -> str:
    return "".join(symbol for symbol in text if symbol.isascii() and symbol.isalnum())


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
