"""A generated scene: things of a recipe at their places, painted. Seed and recipe make it again, at any side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.grounding.synthetic.cast import cast, drawn
from pipelines.grounding.synthetic.depth import mended
from pipelines.grounding.synthetic.layout import arranged
from pipelines.grounding.synthetic.paint import Painted, paint
from pipelines.grounding.synthetic.recipes import Recipe
from pipelines.grounding.synthetic.things import Thing

ATTEMPTS = 6


@dataclass(frozen=True)
class Scene:
    """What stands in a picture, and the picture. Thing i has row i of the boxes and number i + 1 in the map.

    Attributes:
        things: in painter's order, the nearest last.
        seed, recipe: what it was made from; the recipe by its name.
    """

    things: tuple[Thing, ...]
    painted: Painted
    seed: tuple[int, ...]
    recipe: str

    @property
    def pixels(self) -> np.ndarray:
        """The picture, uint8 (side, side, 3) RGB."""
        return self.painted.pixels

    @property
    def ids(self) -> np.ndarray:
        """Who is seen where, uint8 (side, side): 0 for the ground."""
        return self.painted.ids

    @property
    def boxes_xyxy(self) -> np.ndarray:
        """Boxes of the visible parts in pixels, float32 (n, 4), right and bottom exclusive."""
        return self.painted.boxes_xyxy

    def to_json(self) -> list[dict[str, Any]]:
        """Each thing with its looks, box in pixels and depth (0 is the farthest)."""
        return [
            _described(i, thing, self.boxes_xyxy[i], self.painted.visible[i]) for i, thing in enumerate(self.things)
        ]


def draw_scene(seed: tuple[int, ...] | int, recipe: Recipe, side: int = 224) -> Scene:
    """The scene of a recipe with that seed, `side` pixels wide and high; the side changes no thing and no place."""
    key = (seed,) if isinstance(seed, int) else tuple(int(number) for number in seed)
    things = placed_things(key, recipe)
    painted = paint(np.random.default_rng([*key, *recipe.name.encode(), 1]), things, recipe, side)
    return Scene(tuple(things), painted, key, recipe.name)


def placed_things(key: tuple[int, ...], recipe: Recipe) -> Sequence[Thing]:
    """Things of the scene with that seed in painter's order; the last attempt stands if none has room for all."""
    rng = np.random.default_rng([*key, *recipe.name.encode(), 0])
    for _ in range(ATTEMPTS):
        things = mended(arranged(rng, drawn(rng, recipe.layouts), cast(rng, recipe), recipe.aimed))
        is_novel = any(thing.look.is_novel for thing in things)
        if len(things) >= recipe.count[0] and is_novel == recipe.is_novel:
            break
    return things


def _described(index: int, thing: Thing, box_xyxy: np.ndarray, visible: float) -> dict[str, Any]:
    look = thing.look
    return {
        "id": index,
        "category": look.category,
        "colour": look.colour,
        "pattern": look.pattern,
        "size": look.size,
        "finish": look.finish,
        "tilt": look.tilt,
        "direction": thing.direction,
        "box_xyxy": [round(float(value), 1) for value in box_xyxy],
        "depth": index,
        "visible": round(float(visible), 3),
    }
