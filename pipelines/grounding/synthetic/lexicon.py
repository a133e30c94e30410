"""What things, looks, places and relations are called: the usual words first, and words that training never says."""

from __future__ import annotations

Words = dict[str, tuple[str, ...]]

NOUNS: Words = {
    "circle": ("circle", "ball", "disc", "sphere"), "square": ("square", "box", "block"),
    "rectangle": ("rectangle", "bar"), "triangle": ("triangle",), "star": ("star",), "heart": ("heart",),
    "ring": ("ring", "hoop"), "cross": ("cross", "plus"), "diamond": ("diamond", "rhombus"), "hexagon": ("hexagon",),
    "crescent": ("crescent", "moon"), "arrow": ("arrow",), "mug": ("mug", "cup"), "house": ("house", "home"),
    "car": ("car", "auto"), "tree": ("tree",), "fish": ("fish",), "lamp": ("lamp", "light"), "key": ("key",),
    "mushroom": ("mushroom",), "thing": ("thing", "object", "shape", "item"),
}  # fmt: skip
HELD_NOUNS: Words = {
    "circle": ("orb", "disk"), "square": ("cube", "tile"), "rectangle": ("oblong", "beam"), "ring": ("loop", "band"),
    "diamond": ("lozenge", "kite"), "mug": ("teacup", "beaker"), "house": ("cottage", "building"),
    "car": ("automobile", "vehicle"), "tree": ("fir", "treetop"), "lamp": ("lampshade", "lantern"),
    "mushroom": ("toadstool", "fungus"), "crescent": ("halfmoon", "sickle"), "arrow": ("arrowhead", "pointer"),
    "thing": ("element", "figure"),
}  # fmt: skip

LOOKS: Words = {
    "green": ("green", "green", "lime"), "teal": ("teal", "cyan", "turquoise"), "purple": ("purple", "violet"),
    "grey": ("grey", "gray"), "red": ("red", "red", "red", "scarlet"),
    "plain": ("plain", "solid"), "striped": ("striped", "stripy"), "dotted": ("dotted", "spotted"),
    "checkered": ("checkered", "checked"), "hollow": ("hollow", "outlined", "empty"),
    "matte": ("matte", "dull", "flat"), "shiny": ("shiny", "glossy"),
    "small": ("small", "little", "tiny"), "medium": ("medium", "medium sized", "mid sized"),
    "large": ("large", "big", "huge"), "upright": ("upright", "straight"),
    "tilted": ("tilted", "slanted", "rotated", "turned"),
}  # fmt: skip
HELD_LOOKS: Words = {
    "red": ("crimson", "reddish"), "green": ("greenish", "emerald"), "blue": ("bluish", "navy"),
    "yellow": ("yellowish", "golden"), "purple": ("purplish", "lilac"), "pink": ("pinkish", "rose"),
    "grey": ("greyish", "silver"), "brown": ("brownish", "chocolate"), "orange": ("orangey", "tangerine"),
    "teal": ("tealish", "aqua"), "black": ("blackish", "ebony"), "white": ("whitish", "snowy"),
    "striped": ("striping", "banded"), "dotted": ("polkadotted", "speckled"), "checkered": ("chequered", "chessboard"),
    "shiny": ("shining", "gleaming"), "small": ("smallish", "mini"), "large": ("largish", "giant"),
    "tilted": ("tilting", "leaning"), "hollow": ("hollowed", "unfilled"),
}  # fmt: skip
BEHIND_NOUN: Words = {
    "striped": ("with stripes",), "dotted": ("with dots",), "checkered": ("with checks",),
    "left": ("pointing left", "pointing to the left"), "right": ("pointing right", "pointing to the right"),
    "up": ("pointing up",), "down": ("pointing down",),
}  # fmt: skip
WITHOUT: Words = {"striped": ("without stripes",), "dotted": ("without dots",), "checkered": ("without checks",)}

BRIEF_PLACES: Words = {
    "left": ("left", "on left", "left side"), "right": ("right", "on right", "right side"),
    "top": ("top", "at top", "up top"), "bottom": ("bottom", "at bottom", "down low"),
    "middle": ("middle", "in middle", "centre", "center"),
    "top left": ("top left", "upper left", "top left corner"),
    "top right": ("top right", "upper right", "top right corner"),
    "bottom left": ("bottom left", "lower left", "bottom left corner"),
    "bottom right": ("bottom right", "lower right", "bottom right corner"),
}  # fmt: skip
PLACES: Words = {
    "left": ("on the left", "on the left side", "at the left edge", "on the left of the {picture}",
             "on the left hand side"),
    "right": ("on the right", "on the right side", "at the right edge", "on the right of the {picture}",
              "on the right hand side"),
    "top": ("at the top", "in the upper part of the {picture}", "at the top of the {picture}", "near the top edge"),
    "bottom": ("at the bottom", "in the lower part of the {picture}", "at the bottom of the {picture}",
               "near the bottom edge"),
    "middle": ("in the middle", "in the centre", "in the middle of the {picture}", "in the center of the {picture}"),
    "top left": ("in the top left corner", "in the top left", "at the upper left",
                 "in the upper left of the {picture}"),
    "top right": ("in the top right corner", "in the top right", "at the upper right",
                  "in the upper right of the {picture}"),
    "bottom left": ("in the bottom left corner", "in the bottom left", "at the lower left",
                    "in the lower left of the {picture}"),
    "bottom right": ("in the bottom right corner", "in the bottom right", "at the lower right",
                     "in the lower right of the {picture}"),
}  # fmt: skip
HELD_PLACES: Words = {
    "left": ("towards the left of the {picture}", "within the left third"),
    "right": ("towards the right of the {picture}", "within the right third"),
    "top": ("towards the top", "up high in the {picture}"),
    "bottom": ("towards the bottom", "down low in the {picture}"),
    "middle": ("around the middle", "close to the centre of the {picture}"),
    **{f"{row} {side}": (f"towards the {row} {side}", f"in the {row} {side} quarter")
       for row in ("top", "bottom") for side in ("left", "right")},
}  # fmt: skip
PICTURES = ("picture", "image")

BRIEF_RELATIONS: Words = {
    "left of": ("left of", "on left of"), "right of": ("right of", "on right of"), "above": ("above", "over"),
    "below": ("below", "under", "beneath"), "near": ("near", "next to", "by", "beside"), "between": ("between",),
    "inside": ("inside", "in", "within"), "on": ("on", "on top of", "atop"), "in front of": ("in front of", "covering"),
    "behind": ("behind",), "touching": ("touching",), "pointing at": ("pointing at", "pointing to"),
    "pointed at by": ("pointed at by",), "same colour as": ("same colour as", "same color as", "coloured like"),
    "bigger than": ("bigger than", "larger than"), "smaller than": ("smaller than",),
    "closest to": ("closest to", "nearest to"), "farthest from": ("farthest from", "furthest from"),
}  # fmt: skip
RELATIONS: Words = {
    **BRIEF_RELATIONS,
    "left of": ("to the left of", "left of", "on the left of", "on the left side of"),
    "right of": ("to the right of", "right of", "on the right of", "on the right side of"),
    "below": ("below", "under", "underneath", "beneath"),
    "near": ("near", "next to", "beside", "close to", "by"), "between": ("between", "in between"),
    "behind": ("behind", "just behind"), "pointing at": ("pointing at", "pointing to", "pointing towards"),
    "same colour as": ("of the same colour as", "with the same color as", "that has the same colour as"),
}  # fmt: skip
HELD_RELATIONS: Words = {
    "left of": ("off to the left of", "on the left hand of"),
    "right of": ("off to the right of", "on the right hand of"),
    "above": ("higher up than", "somewhere above"), "below": ("lower down than", "somewhere below"),
    "near": ("adjacent to", "alongside"), "between": ("halfway between", "somewhere between"),
}  # fmt: skip

PICKS: Words = {
    "leftmost": ("leftmost", "far left"), "rightmost": ("rightmost", "far right"),
    "highest": ("highest", "topmost", "uppermost"), "lowest": ("lowest", "bottommost"),
    "biggest": ("biggest", "largest"), "smallest": ("smallest",),
}  # fmt: skip
HELD_PICKS: Words = {
    "leftmost": ("outermost left", "extreme left"), "rightmost": ("outermost right", "extreme right"),
    "highest": ("top", "very highest"), "lowest": ("bottom", "very lowest"),
}  # fmt: skip
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
COUNTS = ("no", "one", "two", "three", "four")


def plural_of(noun: str) -> str:
    """Several of them."""
    return noun + "es" if noun.endswith(("s", "x", "sh")) else noun + "s"
