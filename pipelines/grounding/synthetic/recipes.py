"""What scenes and expressions of each kind are like: the base, the experts, the test sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from pipelines.shared.synthetic.camera import Camera

Shares = Mapping[str, float]
KINDS = ("attribute", "place", "relation", "superlative", "ordinal", "negation", "hops", "plural", "notarget")
SIDES = ("left of", "right of", "above", "below")
SIMPLE_RELATIONS = (*SIDES, "near")
ALL_RELATIONS = (
    *SIMPLE_RELATIONS, "between", "inside", "on", "in front of", "behind", "touching", "pointing at", "pointed at by",
    "same colour as",
)  # fmt: skip
OUTERMOST = ("leftmost", "rightmost", "highest", "lowest")
ALL_PICKS = (*OUTERMOST, "biggest", "smallest", "closest to", "farthest from", "bigger than", "smaller than")


def _shares(**values: float) -> Shares:
    return MappingProxyType(values)


@dataclass(frozen=True)
class Recipe:
    """A kind of scene, and what is asked about it.

    Attributes:
        kinds: kind of expression -> relative frequency.
        count: fewest and most things. casts: how alike the things are. layouts, grounds: kind -> relative frequency.
        categories, colours: so many of the simple ones alone are used, 0 for all.
        patterned, shiny, tilted: share of scenes in which such things occur. aimed: of arrows that point at a thing.
        relations, picks: the ones that are said. ordinals: lowest and highest number.
        contrast: least distance of a thing from the ground in Lab, as far as possible.
        textured: things have a texture. camera: what takes the picture.
        is_novel: the targets show a pair of looks that no training shows, and the words say so.
        is_held: the wording is one that no training says. hops: fewest and most references to other things.
        brief: share of expressions in telegraphic style. spare: share that keeps words it could do without.
    """

    name: str
    kinds: Shares
    count: tuple[int, int] = (3, 10)
    casts: Shares = field(default_factory=lambda: _shares(alike=35, mixed=50, free=15))
    layouts: Shares = field(default_factory=lambda: _shares(scatter=45, cluster=25, rows=20, nested=10))
    grounds: Shares = field(default_factory=lambda: _shares(plain=20, ramp=20, clouds=20, texture=28, bokeh=12))
    categories: int = 0
    colours: int = 0
    patterned: float = 0.5
    shiny: float = 0.3
    tilted: float = 0.3
    aimed: float = 0.3
    relations: tuple[str, ...] = SIMPLE_RELATIONS
    picks: tuple[str, ...] = OUTERMOST
    ordinals: tuple[int, int] = (1, 2)
    contrast: float = 30.0
    textured: bool = False
    camera: Camera | None = None
    is_novel: bool = False
    is_held: bool = False
    hops: tuple[int, int] = (2, 2)
    brief: float = 0.3
    spare: float = 0.4


BASE = Recipe(
    "base",
    _shares(attribute=34, place=17, relation=25, superlative=5, ordinal=6, negation=5, plural=2, notarget=6),
)
FULL = replace(
    BASE, name="full", relations=ALL_RELATIONS, picks=ALL_PICKS, ordinals=(1, 4),
    kinds=_shares(
        attribute=24, place=12, relation=24, superlative=8, ordinal=9, negation=6, hops=7, plural=4, notarget=6
    ),
)  # fmt: skip
ATTRIBUTE = replace(
    BASE, name="attribute", casts=_shares(lookalike=100), count=(5, 10), patterned=0.9, shiny=0.6, tilted=0.6,
    kinds=_shares(attribute=72, negation=14, plural=6, notarget=8),
)  # fmt: skip
RELATION = replace(
    BASE, name="relation", casts=_shares(alike=55, mixed=45), count=(5, 10), relations=ALL_RELATIONS, aimed=0.8,
    layouts=_shares(scatter=32, cluster=34, rows=8, nested=26), patterned=0.35, shiny=0.15, tilted=0.15,
    kinds=_shares(relation=64, hops=26, attribute=2, notarget=8),
)  # fmt: skip
ORDINAL = replace(
    BASE, name="ordinal", casts=_shares(alike=80, mixed=20), count=(5, 11), picks=ALL_PICKS, ordinals=(1, 6),
    layouts=_shares(scatter=38, cluster=7, rows=55), patterned=0.35, shiny=0.15, tilted=0.15,
    kinds=_shares(ordinal=46, superlative=31, plural=15, notarget=8),
)  # fmt: skip
PHOTO = replace(
    BASE, name="photo", grounds=_shares(landscape=30, room=30, collage=25, texture=15), contrast=14.0, textured=True,
    camera=Camera(),
)  # fmt: skip
REFUSE = replace(
    BASE, name="refuse",
    kinds=_shares(attribute=14, place=7, relation=12, superlative=3, ordinal=4, negation=10, notarget=50),
)  # fmt: skip
SIMPLE = replace(
    BASE, name="simple", categories=6, colours=6, count=(3, 6), patterned=0, shiny=0, tilted=0,
    casts=_shares(mixed=50, free=50), layouts=_shares(scatter=100), kinds=_shares(attribute=100),
)  # fmt: skip

_NOT_REFUSED = {"attribute": 34, "place": 17, "relation": 26, "superlative": 5, "ordinal": 7, "negation": 6}
TEST_SETS = (
    replace(BASE, name="val"),
    replace(BASE, name="iid"),
    replace(BASE, name="comp", is_novel=True, patterned=0.6, kinds=_shares(**_NOT_REFUSED)),
    replace(FULL, name="long", kinds=_shares(hops=100), hops=(3, 3), brief=0.0,
            relations=(*SIMPLE_RELATIONS, "between")),
    replace(BASE, name="phrase", is_held=True, kinds=_shares(**_NOT_REFUSED)),
    replace(BASE, name="count", count=(11, 18), casts=_shares(alike=100), ordinals=(5, 8), kinds=_shares(ordinal=100),
            layouts=_shares(scatter=40, rows=60)),
    replace(BASE, name="notarget", kinds=_shares(**{k: v / 2 for k, v in _NOT_REFUSED.items()}, notarget=47.5)),
    replace(BASE, name="multi", kinds=_shares(plural=100)),
    replace(PHOTO, name="photo-hard", grounds=_shares(street=40, table=40, held=20)),
    replace(ATTRIBUTE, name="attr-hard"),
    replace(RELATION, name="rel-hard"),
    replace(ORDINAL, name="ord-hard"),
)  # fmt: skip
EXPERTS = ("attribute", "relation", "ordinal", "photo", "refuse")
TRAINING = (BASE, FULL, ATTRIBUTE, RELATION, ORDINAL, PHOTO, REFUSE, SIMPLE)
RECIPES: Mapping[str, Recipe] = MappingProxyType({recipe.name: recipe for recipe in (*TRAINING, *TEST_SETS)})
