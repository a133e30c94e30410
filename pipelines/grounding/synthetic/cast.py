"""Which things stand in a scene: looks from a small palette, so that most of them have doubles in some respect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from pipelines.grounding.synthetic.colours import LIKE
from pipelines.grounding.synthetic.colours import NAMES as COLOURS
from pipelines.grounding.synthetic.recipes import Recipe
from pipelines.grounding.synthetic.things import (
    CATEGORIES,
    HELD_COLOURS,
    HELD_PATTERNS,
    PATTERNS,
    SIZES,
    UNHOLLOW,
    UNTURNABLE,
    Look,
)

T = TypeVar("T")
TRIES = 30
PALETTES = {
    "alike": ((1, 2), (2, 3)), "mixed": ((3, 4), (3, 4)), "free": ((20, 20), (12, 12)), "lookalike": ((1, 2), (2, 4)),
}  # fmt: skip
SIZE_SHARES, CROWD_SHARES, CROWD = (0.34, 0.4, 0.26), (0.62, 0.36, 0.02), 8
SIMPLE_COLOURS = ("red", "green", "blue", "yellow", "purple", "white")
SIMPLE_CATEGORIES = ("circle", "square", "triangle", "star", "heart", "cross")


def chosen(rng: np.random.Generator, options: Sequence[T]) -> T:
    """One of them, each as likely."""
    return options[int(rng.random() * len(options))]


def drawn(rng: np.random.Generator, shares: Mapping[str, float]) -> str:
    """A name, by relative frequencies."""
    at = rng.random() * sum(shares.values())
    for name, share in shares.items():
        at -= share
        if at < 0:
            return name
    return name


def some(rng: np.random.Generator, options: Sequence[T], span: tuple[int, int]) -> list[T]:
    """Different ones in random order: so many, as far as there are."""
    count = min(int(rng.integers(span[0], span[1] + 1)), len(options))
    return [options[i] for i in rng.permutation(len(options))[:count]]


class Palette:
    """What a scene's things may look like."""

    def __init__(self, rng: np.random.Generator, recipe: Recipe) -> None:
        style = drawn(rng, recipe.casts)
        categories, colours = PALETTES[style]
        self.categories = some(rng, SIMPLE_CATEGORIES[: recipe.categories] or CATEGORIES, categories)
        self.colours = some(rng, SIMPLE_COLOURS[: recipe.colours] or COLOURS, colours)
        if style == "lookalike" or (style == "alike" and rng.random() < 0.3):
            self.colours = _close(rng, self.colours)
        self.patterns = ["plain"]
        if rng.random() < recipe.patterned:
            self.patterns += some(rng, PATTERNS[1:], (1, 2))
        self.has_shiny = rng.random() < recipe.shiny
        self.has_tilted = rng.random() < recipe.tilted
        self.sizes = list(SIZES)
        self.one_size = rng.random() < 0.25  # no size word helps there
        self.usual_size = chosen(rng, SIZES[:2])

    def look(self, rng: np.random.Generator, is_crowded: bool) -> Look:
        """A look that training may show."""
        for _ in range(TRIES):
            look = self._any(rng, is_crowded)
            if not look.is_novel:
                return look
        colours = [name for name in COLOURS if name not in HELD_COLOURS.get(look.category, ())]
        return replace(look, pattern="plain", colour=chosen(rng, colours))

    def _any(self, rng: np.random.Generator, is_crowded: bool) -> Look:
        category, colour, pattern = (chosen(rng, options) for options in (self.categories, self.colours, self.patterns))
        if pattern == "hollow" and category in UNHOLLOW:
            pattern = "plain"
        finish = "shiny" if self.has_shiny and pattern != "hollow" and rng.random() < 0.4 else "matte"
        tilt = None
        if category not in UNTURNABLE:
            tilt = "tilted" if self.has_tilted and rng.random() < 0.4 else "upright"
        size = self.usual_size if self.one_size else _size(rng, is_crowded)
        return Look(category, colour, pattern, finish, size, tilt)

    def admit(self, look: Look) -> None:
        """Let others share the looks of a thing."""
        self.categories = [look.category, *self.categories[:3]]
        self.colours = [look.colour, *self.colours[:3]]
        if look.pattern not in self.patterns:
            self.patterns = ["plain", look.pattern]


def cast(rng: np.random.Generator, recipe: Recipe) -> list[Look]:
    """Looks of a scene's things."""
    palette, count = Palette(rng, recipe), int(rng.integers(recipe.count[0], recipe.count[1] + 1))
    looks: list[Look] = []
    if recipe.is_novel:
        looks.append(_novel(rng, palette))
        palette.admit(looks[0])
    looks += [palette.look(rng, count > CROWD) for _ in range(count - len(looks))]
    return looks


def _close(rng: np.random.Generator, colours: list[str]) -> list[str]:
    """The first colour, and others that are easily taken for it."""
    first = colours[0]
    like = [name for name in LIKE[first] if rng.random() < 0.8] or [LIKE[first][0]]
    return [first, *like[: max(1, len(colours) - 1)]]


def _size(rng: np.random.Generator, is_crowded: bool) -> str:
    shares = CROWD_SHARES if is_crowded else SIZE_SHARES
    at = rng.random()
    return SIZES[0] if at < shares[0] else SIZES[1] if at < shares[0] + shares[1] else SIZES[2]


def _novel(rng: np.random.Generator, palette: Palette) -> Look:
    """A look with a held-out pair: of colour and category mostly, or of pattern and category."""
    is_colour = rng.random() < 0.75
    held = HELD_COLOURS if is_colour else HELD_PATTERNS
    category = chosen(rng, tuple(held))
    value = chosen(rng, held[category])
    base = palette._any(rng, False)
    tilt = None if category in UNTURNABLE else base.tilt or "upright"
    if is_colour:
        pattern = base.pattern if base.pattern != "hollow" or category not in UNHOLLOW else "plain"
        if pattern in HELD_PATTERNS.get(category, ()):
            pattern = "plain"
        return Look(category, value, pattern, base.finish, base.size, tilt)
    colours = [name for name in COLOURS if name not in HELD_COLOURS.get(category, ())]
    finish = "matte" if value == "hollow" else base.finish
    return Look(category, chosen(rng, colours), value, finish, base.size, tilt)
