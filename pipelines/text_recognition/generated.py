"""The held-out sets of the word renderer: fonts and words that no training sees, the same crops on every machine that
has the fonts. Without them, the few crops that come with the repository."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipelines.shared.errors import UserError
from pipelines.text_recognition.datasets import Word, spread
from pipelines.text_recognition.probe import SETS
from pipelines.text_recognition.shipped_words import ShippedSet

COUNT = 1000
SEEDS = {"test": 2026, "validation": 2027}


@dataclass(frozen=True)
class GeneratedSet:
    """Crops of one recipe, rendered while they are asked for."""

    name: str
    split: str = "test"
    is_case_sure: bool = True

    def __len__(self) -> int:
        return COUNT

    def words(self, limit: int | None = None) -> Iterator[Word]:
        """The crops with labels and boxes; `limit` of them, spread over the set.

        Raises:
            UserError: too few fonts are installed; it names the packages.
        """
        return (rendered(self.name, self.split, index) for index in spread(COUNT, limit))


def generated_sets(split: str = "test") -> tuple[GeneratedSet | ShippedSet, ...]:
    """A set per recipe: rendered where the fonts are installed, else shipped."""
    kind = GeneratedSet if has_fonts() else ShippedSet
    return tuple(kind(name, split) for name in SETS)


@functools.cache
def has_fonts() -> bool:
    """Whether held-out words can be rendered on this machine."""
    try:
        rendered("clean", "test", 0)
    except UserError:
        return False
    return True


def rendered(name: str, split: str, index: int) -> Word:
    """One crop of a set."""
    from pipelines.text_recognition.synthetic.recipes import RECIPES
    from pipelines.text_recognition.synthetic.render import render

    crop = render((SEEDS[split], SETS.index(name), index), RECIPES[name], held_out=True)
    corners = np.asarray(crop.boxes, np.float32)  # (n, 4, 2)
    return Word(crop.pixels, crop.label, np.concatenate([corners.min(1), corners.max(1)], 1))
