"""What a rendered word may look like: one record for the base, one for each expert."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

Range = tuple[float, float]
TEXTS = {"word": 45, "name": 20, "number": 10, "code": 5, "pseudo": 10, "random": 5, "token": 5}
SHAPES = {"none": 30, "rotation": 25, "shear": 15, "perspective": 20, "arc": 7, "wave": 3}


@dataclass(frozen=True)
class RenderRecipe:
    """Ranges and shares of one kind of picture.

    Attributes:
        texts, shapes: kind -> relative frequency.
        rotation_deg, shear: largest absolute value. corner_share: how far a corner moves, of the side.
        sagitta_share: of an arc, as a share of the word's width. wave_share: amplitude, of the text height.
        text_height_px: of the finished crop, log-uniform. blur_px: Gaussian sigma at final size.
        jpeg: quality. jpeg_share, noise_share: how many crops get them. noise: deviation, of 255.
        effects: share of crops with a stroke, shadow, glow and the like, times their usual one.
        clutter: share of crops with neighbouring text, times the usual one. margins: False keeps the crop tight.
        hidden_share: how much of the ink something covers, None for nothing.
        turned_share: of words set vertically, stacked or turned by 90 degrees.
        display_share: of crops in display faces that this recipe wants (7-segment, OCR, road signs); 0: chance.
    """

    name: str
    texts: dict[str, float] = field(default_factory=lambda: dict(TEXTS))
    shapes: dict[str, float] = field(default_factory=lambda: dict(SHAPES))
    rotation_deg: float = 8.0
    shear: float = 0.25
    corner_share: Range = (0.0, 0.12)
    sagitta_share: Range = (0.03, 0.15)
    wave_share: Range = (0.05, 0.2)
    text_height_px: Range = (10.0, 48.0)
    blur_px: Range = (0.0, 1.6)
    jpeg: Range = (25.0, 95.0)
    jpeg_share: float = 0.6
    noise: Range = (0.0, 12.0)
    noise_share: float = 0.4
    effects: float = 1.0
    clutter: float = 1.0
    hidden_share: Range | None = None
    turned_share: float = 0.0
    display_share: float = 0.0


BASE = RenderRecipe("base")
RECIPES = {
    recipe.name: recipe
    for recipe in (
        BASE,
        replace(
            BASE, name="clean", shapes={"none": 1}, text_height_px=(24, 48), blur_px=(0, 0.5), jpeg_share=0,
            noise_share=0, effects=0.3, clutter=0.0,
        ),
        replace(
            BASE, name="curved", shapes={"arc": 60, "wave": 15, "rotation": 25}, sagitta_share=(0.15, 0.5),
            wave_share=(0.2, 0.6), rotation_deg=45.0,
        ),
        replace(
            BASE, name="lowres", text_height_px=(6, 12), blur_px=(0.15, 0.5), jpeg=(8, 35), jpeg_share=1.0,
            noise=(2, 25), noise_share=1.0,
        ),
        replace(
            BASE, name="perspective", shapes={"perspective": 60, "shear": 25, "rotation": 15},
            corner_share=(0.15, 0.4), shear=0.7, rotation_deg=30.0,
        ),
        replace(BASE, name="digits", texts={"number": 55, "code": 30, "random": 15}, display_share=0.35),
        replace(BASE, name="occluded", hidden_share=(0.1, 0.4), turned_share=0.2),
    )
}  # fmt: skip
EXPERTS = ("curved", "lowres", "perspective", "digits", "occluded")
