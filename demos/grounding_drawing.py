"""An answer over its picture: translucent masks, thin boxes with labels, heat maps with a dot at their maximum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from demos.drawing import Colour, heat_map
from demos.theme import EXPERT_COLOURS

LEAST_WIDTH_PX, MOST_WIDTH_PX, MOST_HEIGHT_PX = 640, 1280, 820
LABEL_PX = 15
GREYED: Colour = (128, 128, 128)
RIGHT: Colour = (20, 20, 20)
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class Mark:
    """An object to draw.

    Attributes:
        box_xyxy: pixels of the picture.
        mask: bool, (H, W), or None.
        is_dashed: what is not an answer: the nearest candidate, the truth.
    """

    label: str
    colour: Colour
    box_xyxy: tuple[float, float, float, float] | None = None
    mask: np.ndarray | None = None
    is_dashed: bool = False


@dataclass(frozen=True)
class Scenery:
    """What lies over a picture.

    Attributes:
        heats: maps (h, w), 0 to 1, drawn in this order below the marks.
        opacity: of masks and heat maps, 0 to 1.
    """

    marks: Sequence[Mark] = ()
    heats: Sequence[np.ndarray] = field(default_factory=tuple)
    opacity: float = 0.5


def colours_of(phrases: Sequence[str]) -> dict[str, Colour]:
    """A colour for each phrase, told apart with the common colour blindnesses; the ninth begins anew."""
    shades = [tuple(int(code[at : at + 2], 16) for at in (1, 3, 5)) for code in EXPERT_COLOURS]
    return {phrase: shades[at % len(shades)] for at, phrase in enumerate(phrases)}  # type: ignore[misc]


def factor_of(width: int, height: int) -> float:
    """How much a picture is enlarged for the page."""
    enlarged = max(LEAST_WIDTH_PX / width, 1.0)
    return min(enlarged, MOST_WIDTH_PX / width, MOST_HEIGHT_PX / height)


def answer_picture(pixels: np.ndarray, scenery: Scenery) -> np.ndarray:
    """The picture (H, W, 3) uint8 at the size of the page with everything over it, (h, w, 3) uint8."""
    height, width = pixels.shape[:2]
    factor = factor_of(width, height)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    how = Image.Resampling.BICUBIC if factor > 1 else Image.Resampling.LANCZOS
    canvas = np.asarray(Image.fromarray(pixels).resize(size, how), np.float32)
    for heat in scenery.heats:
        canvas = _heated(canvas, heat, scenery.opacity)
    for mark in scenery.marks:
        if mark.mask is not None:
            canvas = _painted(canvas, mark.mask, mark.colour, scenery.opacity)
    picture = Image.fromarray(np.rint(canvas).astype(np.uint8))
    _draw_boxes(picture, scenery.marks, factor)
    return np.asarray(picture)


def _heated(canvas: np.ndarray, heat: np.ndarray, opacity: float) -> np.ndarray:
    """Clear where the map is 0, as strong as `opacity` where it is 1; a dot where it is highest."""
    height, width = canvas.shape[:2]
    full = np.asarray(Image.fromarray(heat.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR))
    full = np.clip(full, 0, 1)
    share = (opacity * np.sqrt(full))[..., None]  # the root: faint second guesses are seen too
    mixed = canvas * (1 - share) + heat_map(full) * share
    row, column = np.unravel_index(int(full.argmax()), full.shape)
    picture = Image.fromarray(np.rint(mixed).astype(np.uint8))
    draw, x, y = ImageDraw.Draw(picture), int(column), int(row)
    draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=(255, 255, 255), outline=(0, 0, 0), width=2)
    return np.asarray(picture, np.float32)


def _painted(canvas: np.ndarray, mask: np.ndarray, colour: Colour, opacity: float) -> np.ndarray:
    height, width = canvas.shape[:2]
    full = np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).resize((width, height), Image.Resampling.BILINEAR))
    share = (opacity * full.astype(np.float32) / 255)[..., None]
    return canvas * (1 - share) + np.array(colour, np.float32) * share


def _draw_boxes(picture: Image.Image, marks: Sequence[Mark], factor: float) -> None:
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(size=LABEL_PX)
    taken: list[tuple[float, float, float, float]] = []
    for mark in marks:
        if mark.box_xyxy is None:
            continue
        corners = _within(mark.box_xyxy, factor, picture.size)
        if mark.is_dashed:
            _dashed(draw, corners, mark.colour)
        else:
            draw.rectangle(corners, outline=mark.colour, width=2)
        if mark.label:
            taken.append(_labelled(draw, mark, corners, font, taken, picture.size))


def _within(
    box: Sequence[float], factor: float, size_wh: tuple[int, int]
) -> tuple[float, float, float, float]:  # fmt: skip
    """A box of the picture on the page, inside it, its corners in order."""
    xs = np.clip((box[0] * factor, box[2] * factor), 0, size_wh[0] - 1)
    ys = np.clip((box[1] * factor, box[3] * factor), 0, size_wh[1] - 1)
    return float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max())


def _dashed(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], colour: Colour, dash: int = 7) -> None:
    left, top, right, bottom = (int(value) for value in box)
    for x in range(left, right, 2 * dash):
        for y in (top, bottom):
            draw.line((x, y, min(x + dash, right), y), fill=colour, width=2)
    for y in range(top, bottom, 2 * dash):
        for x in (left, right):
            draw.line((x, y, x, min(y + dash, bottom)), fill=colour, width=2)


def _labelled(
    draw: ImageDraw.ImageDraw, mark: Mark, box: tuple[float, float, float, float], font: Font,
    taken: Sequence[tuple[float, float, float, float]], size_wh: tuple[int, int],
) -> tuple[float, float, float, float]:  # fmt: skip
    """The label above its box, or below, or within, where no other label is; on a ground of its colour."""
    text = shortened(mark.label, draw, font, size_wh[0] - 8)
    wide, high = draw.textlength(text, font=font) + 8, LABEL_PX + 6
    left = min(max(box[0], 0), max(size_wh[0] - wide, 0))
    tops = [top for top in (box[1] - high, box[3], box[1], box[3] - high) if 0 <= top <= size_wh[1] - high] or [0]
    places = [(left, top, left + wide, top + high) for top in tops]
    place = next((one for one in places if not any(_meet(one, other) for other in taken)), places[0])
    draw.rectangle(place, fill=mark.colour)
    dark = sum(mark.colour) > 420
    draw.text((place[0] + 4, place[1] + 2), text, fill=(0, 0, 0) if dark else (255, 255, 255), font=font)
    return place


def _meet(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def shortened(text: str, draw: ImageDraw.ImageDraw, font: Font, most_px: float) -> str:
    """The text, cut in its middle where it is wider."""
    if draw.textlength(text, font=font) <= most_px:
        return text
    for kept in range(len(text) - 1, 2, -1):
        cut = f"{text[: kept - kept // 3]}…{text[-(kept // 3) :]}"
        if draw.textlength(cut, font=font) <= most_px:
            return cut
    return ""


def cut_out(pixels: np.ndarray, masks: Sequence[np.ndarray]) -> np.ndarray:
    """The objects on clear ground, (H, W, 4) uint8; masks bool (H, W)."""
    alpha = np.zeros(pixels.shape[:2], np.uint8)
    for mask in masks:
        alpha[mask] = 255
    return np.dstack([pixels, alpha])


def legend_shades(colours: Mapping[str, Colour]) -> dict[str, str]:
    """Colours as the page's style sheets want them."""
    return {phrase: f"rgb({r},{g},{b})" for phrase, (r, g, b) in colours.items()}
