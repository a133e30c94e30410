"""What a scene is made of: things with looks and places. Lengths are shares of the picture's side."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipelines.grounding.synthetic.colours import NAMES as COLOURS
from pipelines.shared.synthetic.sprites import SPRITES

CATEGORIES = tuple(SPRITES)
PATTERNS = ("plain", "striped", "dotted", "checkered", "hollow")
FINISHES = ("matte", "shiny")
SIZES = ("small", "medium", "large")
DIRECTIONS = ("left", "right", "up", "down")
FIELDS = ("category", "colour", "pattern", "finish", "size", "tilt", "direction")
VALUES = {
    "category": CATEGORIES, "colour": COLOURS, "pattern": PATTERNS, "finish": FINISHES, "size": SIZES,
    "tilt": ("upright", "tilted"), "direction": DIRECTIONS,
}  # fmt: skip

SIDE_SHARE = {"small": 0.125, "medium": 0.185, "large": 0.274}  # root of the box's area: areas 1 : 2.2 : 4.8
AREA_SPREAD = 0.15
UNTURNABLE = ("circle", "ring", "hexagon", "star", "cross", "arrow")  # unseen, or it means something
UNHOLLOW = ("ring", "key")  # an outline of them says nothing, or is too thin
LOPSIDED = ("mug", "house", "car", "fish", "key", "crescent")  # look the other way half of the time

# Pairs that no training shows, about a tenth of the 240 of colour and of the 80 of pattern.
HELD_COLOURS = {
    "star": ("purple",), "ring": ("green",), "cross": ("orange", "white"), "heart": ("yellow",), "arrow": ("brown",),
    "house": ("pink", "teal"), "circle": ("black",), "square": ("red",), "rectangle": ("purple",),
    "triangle": ("grey",), "diamond": ("blue", "brown"), "hexagon": ("white",), "crescent": ("teal",),
    "mug": ("orange",), "car": ("yellow", "grey"), "tree": ("red",), "fish": ("green", "black"), "lamp": ("blue",),
    "key": ("pink",), "mushroom": ("white",),
}  # fmt: skip
HELD_PATTERNS = {
    "car": ("dotted",), "fish": ("striped",), "star": ("checkered",), "heart": ("striped",), "square": ("dotted",),
    "mug": ("checkered",), "triangle": ("hollow",), "tree": ("dotted",),
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """How a thing looks. `tilt` and `direction` are None where the category has none; `direction` is of arrows."""

    category: str
    colour: str
    pattern: str = "plain"
    finish: str = "matte"
    size: str = "medium"
    tilt: str | None = None

    @property
    def is_novel(self) -> bool:
        """Whether training shows no such pair of colour or pattern and category."""
        return self.has_novel_colour or self.pattern in HELD_PATTERNS.get(self.category, ())

    @property
    def has_novel_colour(self) -> bool:
        """Whether training shows no such pair of colour and category."""
        return self.colour in HELD_COLOURS.get(self.category, ())


@dataclass(frozen=True)
class Thing:
    """A thing at its place.

    Attributes:
        x, y: middle of its box before turning.
        side: root of its box's area; it follows from the size, 15 % of the area more or less.
        angle_deg: clockwise; an arrow at 0 points right.
        stretch: width over the usual width. is_mirrored: it looks the other way.
        seed: of its exact colour, pattern and texture.
    """

    look: Look
    x: float
    y: float
    side: float
    angle_deg: float = 0.0
    stretch: float = 1.0
    is_mirrored: bool = False
    seed: int = 0

    @property
    def direction(self) -> str | None:
        """Where an arrow points, if that is clear."""
        if self.look.category != "arrow":
            return None
        nearest = round(self.angle_deg / 90) * 90
        return ("right", "down", "left", "up")[nearest // 90 % 4] if abs(self.angle_deg - nearest) <= 22 else None

    def value(self, field: str) -> str | None:
        """One of FIELDS; None where it has none or is not clear."""
        return self.direction if field == "direction" else getattr(self.look, field)


def mirrored(thing: Thing) -> Thing:
    """The thing as a mirror beside the picture shows it."""
    if thing.look.category == "arrow":  # the same above and below its axis
        return replace(thing, x=1 - thing.x, angle_deg=180 - thing.angle_deg)
    return replace(thing, x=1 - thing.x, angle_deg=-thing.angle_deg, is_mirrored=not thing.is_mirrored)
