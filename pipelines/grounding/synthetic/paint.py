"""Paints a scene: ground, shadows, things back to front, light, and the camera. Things are drawn at twice the size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.grounding.synthetic.colours import draw_colour, second_colour, to_lab
from pipelines.grounding.synthetic.cutout import Cutout, Light, cut_out
from pipelines.grounding.synthetic.depth import hidden_shares
from pipelines.grounding.synthetic.grounds import ground
from pipelines.grounding.synthetic.patterns import PATTERNS
from pipelines.grounding.synthetic.recipes import Recipe
from pipelines.grounding.synthetic.things import Thing
from pipelines.shared.synthetic.camera import photographed
from pipelines.shared.synthetic.surfaces import mottled
from pipelines.shared.synthetic.textures import to_bytes

SHADOWED, LINED = 0.65, 0.2  # share of scenes


@dataclass(frozen=True)
class Painted:
    """A picture, and where the things are in it. Things in painter's order: a later one hides an earlier one.

    Attributes:
        pixels: uint8 (side, side, 3) RGB.
        ids: uint8 (side, side), 0 or the index plus 1 of the thing that is seen there.
        boxes_xyxy: float32 (n, 4), boxes of the visible parts in pixels, right and bottom exclusive.
        covered: float32 (n, n), share of thing i that lies under thing j, 0 to 1, whatever else lies above both.
        visible: float32 (n,), share of each thing that is seen, 0 to 1.
    """

    pixels: np.ndarray
    ids: np.ndarray
    boxes_xyxy: np.ndarray
    covered: np.ndarray
    visible: np.ndarray


def paint(rng: np.random.Generator, things: Sequence[Thing], recipe: Recipe, side: int = 224) -> Painted:
    """The things, in painter's order, on a ground of the recipe and through its camera; `side` in pixels."""
    light = draw_light(rng, recipe, side)
    picture = ground(rng, recipe, side, thing_colours(things))
    cutouts = [cut_out(thing, side, light) for thing in things]
    for cutout in cutouts:
        cast_shadow(picture, cutout, light)
        lay(picture, cutout)
    picture *= ramp_of_light(rng, side)[..., None]
    if recipe.camera is not None:
        picture = photographed(rng, picture, recipe.camera)
    return Painted(to_bytes(picture), *located(cutouts, side))


def draw_light(rng: np.random.Generator, recipe: Recipe, side: int) -> Light:
    """How the things of one scene are lit."""
    turn = float(rng.uniform(np.pi, 2 * np.pi))  # from above
    texture = None
    if recipe.textured:
        texture = 1 + np.float32(rng.uniform(0.1, 0.4)) * (mottled(rng, (side, side), 10, 5) - np.float32(0.5))
    return Light(
        direction=(float(np.cos(turn)), float(np.sin(turn))),
        relief=float(rng.uniform(0, 0.12)),
        has_line=bool(rng.random() < LINED),
        texture=texture,
        shadow=float(rng.uniform(0.15, 0.5)) if rng.random() < SHADOWED else 0.0,
        throw=float(rng.uniform(0.005, 0.03)),
        softness=float(rng.uniform(0.006, 0.02)),
    )


def thing_colours(things: Sequence[Thing]) -> np.ndarray:
    """Colours of things in Lab, main ones and those of their patterns, float32 (n, 3)."""
    main = [(thing, draw_colour(np.random.default_rng(thing.seed), thing.look.colour)) for thing in things]
    second = [second_colour(colour) for thing, colour in main if thing.look.pattern in PATTERNS]
    return to_lab(np.stack([*(colour for _, colour in main), *second]))


def lay(picture: np.ndarray, cutout: Cutout) -> None:
    """Lay a thing on a picture, in place."""
    part = picture[cutout.place]
    part *= (1 - cutout.alpha)[..., None]
    part += cutout.paint


def cast_shadow(picture: np.ndarray, cutout: Cutout, light: Light) -> None:
    """Darken what lies behind a thing, away from the light, in place."""
    if light.shadow == 0:
        return
    side = picture.shape[0]
    sigma = max(light.softness * side, 0.5)
    margin = int(2.5 * sigma) + 1
    padded = cv2.copyMakeBorder(cutout.alpha, margin, margin, margin, margin, cv2.BORDER_CONSTANT)
    soft = cv2.GaussianBlur(padded, (0, 0), sigma)
    left, top = (round(-towards * light.throw * side) - margin for towards in light.direction)
    top, left = top + cutout.place[0].start, left + cutout.place[1].start
    bottom, right = min(top + soft.shape[0], side), min(left + soft.shape[1], side)
    soft = soft[max(-top, 0) : bottom - top, max(-left, 0) : right - left]
    picture[max(top, 0) : bottom, max(left, 0) : right] *= (1 - np.float32(light.shadow) * soft)[..., None]


def ramp_of_light(rng: np.random.Generator, side: int) -> np.ndarray:
    """Slightly more light on one side of the picture than on the other, float32 (side, side), about 1."""
    turn, strength = float(rng.uniform(0, 2 * np.pi)), float(rng.uniform(0, 0.1))
    x = np.linspace(-1, 1, side, dtype=np.float32)
    return 1 + np.float32(strength) * (x * np.float32(np.cos(turn)) + x[:, None] * np.float32(np.sin(turn)))


def located(cutouts: Sequence[Cutout], side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """ids, boxes_xyxy, covered and visible of `Painted`."""
    ids = np.zeros((side, side), np.uint8)
    masks = [cutout.mask for cutout in cutouts]
    for number, (cutout, mask) in enumerate(zip(cutouts, masks, strict=True), 1):
        ids[cutout.place][mask] = number
    boxes, visible = np.zeros((len(cutouts), 4), np.float32), np.zeros(len(cutouts), np.float32)
    for i, (cutout, mask) in enumerate(zip(cutouts, masks, strict=True)):
        seen = ids[cutout.place] == i + 1
        visible[i] = np.count_nonzero(seen) / max(int(np.count_nonzero(mask)), 1)
        boxes[i] = _box(seen, cutout)
    return ids, boxes, hidden_shares([cutout.place for cutout in cutouts], masks), visible


def _box(seen: np.ndarray, cutout: Cutout) -> tuple[int, int, int, int]:
    top, left = cutout.place[0].start, cutout.place[1].start
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    if not len(rows):
        return left, top, left, top
    return left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1
