"""Scores beside the faders: share of the shipped crops of each set that a mix reads right, 0 to 1."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.text_recognition.datasets import Word

SETS = ("clean", "base", "curved", "lowres", "perspective", "digits", "occluded")
TASKS = SETS[2:]
CROPS = 24  # of each set


@functools.cache
def probe_set(name: str, split: str = "test") -> tuple[Word, ...]:
    """The fixed crops of a set; fonts, words and seeds that no training uses. "validation" is to choose scales on."""
    from pipelines.text_recognition.shipped_words import ShippedSet

    return tuple(ShippedSet(name, split).words())


def score_model(model: Any, tasks: Sequence[str] = TASKS, split: str = "test") -> dict[str, float]:
    """Set -> score of a network, on either split."""
    return {name: _accuracy(model, probe_set(name, split)) for name in tasks}


def score_whole(model: Any, tasks: Sequence[str] = TASKS) -> dict[str, float]:
    """The same on 1,000 crops a set, rendered for it. Raises UserError, naming packages, without the fonts."""
    from pipelines.text_recognition.generated import GeneratedSet

    return {name: _accuracy(model, list(GeneratedSet(name).words())) for name in tasks}


def _accuracy(model: Any, words: Sequence[Word]) -> float:
    from pipelines.text_recognition.crops import read_crops
    from pipelines.text_recognition.metrics import is_right
    from pipelines.text_recognition.options import ReadingOptions

    looks = read_crops(model, [word.image for word in words], ReadingOptions())
    texts = (look.reading.texts()[0] for look in looks)
    return sum(is_right(text, word.label) for text, word in zip(texts, words, strict=True)) / len(words)


def store_probe_sets() -> None:
    """Render the shipped crops of every set and split anew. Needs the fonts."""
    from pipelines.text_recognition.generated import rendered
    from pipelines.text_recognition.shipped_words import store_set

    for split in ("test", "validation"):
        for name in SETS:
            store_set(name, split, [rendered(name, split, index) for index in range(CROPS)])


if __name__ == "__main__":
    store_probe_sets()
