"""A reading as a picture: the crop enlarged, a box per character, and where the network looked for one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from demos.drawing import Colour, heat_map

if TYPE_CHECKING:
    from pipelines.text_recognition.results import CharacterReading

# Sure to doubtful, told apart with the common colour blindnesses; the least probability of each step.
STEPS: tuple[tuple[float, Colour], ...] = (
    (0.99, (0, 114, 178)), (0.9, (0, 158, 115)), (0.7, (160, 138, 0)), (0.5, (230, 159, 0)), (0.0, (213, 94, 0)),
)  # fmt: skip
WIDTH_PX, MOST_WIDTH_PX, MOST_HEIGHT_PX = 560, 960, 320
LABEL_PX = 18  # above the crop, for the numbers of the characters
RULER, NUMBER = (43, 45, 52), (255, 255, 255)  # of that strip, on light and on dark pages
HEAT_OPACITY = 0.7


def step_of(probability: float) -> int:
    """Which of STEPS a probability belongs to, 0 the surest."""
    return next(index for index, (least, _) in enumerate(STEPS) if probability >= least or least == 0)


def enlarged(pixels: np.ndarray) -> tuple[np.ndarray, float]:
    """The crop at WIDTH_PX or more, pixels smoothed, and the factor; large crops are reduced to what the page holds."""
    height, width = pixels.shape[:2]
    factor = min(max(WIDTH_PX / width, min(1.0, MOST_WIDTH_PX / width)), MOST_HEIGHT_PX / height)
    size = max(1, round(width * factor)), max(1, round(height * factor))
    how = Image.Resampling.BICUBIC if factor > 1 else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(pixels).resize(size, how)), factor


def evidence_over(pixels: np.ndarray, evidence: np.ndarray) -> np.ndarray:
    """A map (rows, columns) of any scale over a picture (H, W, 3): clear where it is 0, strongest at its maximum."""
    height, width = pixels.shape[:2]
    plane = np.asarray(evidence, np.float32) / max(float(np.max(evidence)), 1e-12)
    smooth = Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC)
    share = np.clip(np.asarray(smooth), 0, 1)
    opacity = (HEAT_OPACITY * share)[..., None]
    return np.rint(pixels * (1 - opacity) + heat_map(share) * opacity).astype(np.uint8)


def reading_picture(
    pixels: np.ndarray, characters: Sequence[CharacterReading], chosen: int | None, has_boxes: bool = True
) -> np.ndarray:
    """The crop with a numbered box per character, (H, W, 3) uint8; the chosen one's evidence lies over it.

    Args:
        chosen: index of the character whose evidence is shown, or None.
    """
    picture, factor = enlarged(pixels)
    if chosen is not None and chosen < len(characters):
        picture = evidence_over(picture, characters[chosen].evidence)
    if not has_boxes:
        return picture
    canvas = Image.new("RGB", (picture.shape[1], picture.shape[0] + LABEL_PX), RULER)
    canvas.paste(Image.fromarray(picture), (0, LABEL_PX))
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=13)
    for index, one in enumerate(characters):
        colour = STEPS[step_of(one.probability)][1]
        left, top, right, bottom = _place(one.box_xyxy, factor, canvas.size)
        thick = 4 if index == chosen else 2
        draw.rectangle((left, top, right, bottom), outline=colour, width=thick)
        draw.text(((left + right) / 2, LABEL_PX / 2), str(index + 1), fill=NUMBER, anchor="mm", font=font)
    return np.asarray(canvas)


def _place(box: Sequence[float], factor: float, size_wh: tuple[int, int]) -> tuple[float, float, float, float]:
    """A box of the crop on the canvas, inside it, its corners in order."""
    width, height = size_wh
    xs = np.clip((box[0] * factor, box[2] * factor), 0, width - 1)
    ys = np.clip((box[1] * factor + LABEL_PX, box[3] * factor + LABEL_PX), LABEL_PX, height - 1)
    return float(xs.min()), float(ys.min()), float(xs.max()), float(ys.max())


def character_at(
    point_xy: tuple[float, float], pixels: np.ndarray, characters: Sequence[CharacterReading]
) -> int | None:
    """The character whose box is nearest to a point of the picture, by the distance from its middle along the word."""
    if not characters:
        return None
    _, factor = enlarged(pixels)
    x, y = point_xy[0] / factor, (point_xy[1] - LABEL_PX) / factor
    boxes = np.array([one.box_xyxy for one in characters])
    middles = np.stack([boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]], 1) / 2
    return int(np.argmin(((middles - (x, y)) ** 2).sum(1)))


def photo_picture(
    photo: np.ndarray, corners: Sequence[np.ndarray], chosen: int | None, labels: Sequence[str] = ()
) -> np.ndarray:
    """A photograph with the outline and the number of each word, in reading order, (H, W, 3) uint8.

    Args:
        labels: what stands behind the numbers, for each word.
    """
    picture = Image.fromarray(photo)
    factor = min(1.0, MOST_WIDTH_PX / picture.width, 2 * MOST_HEIGHT_PX / picture.height)
    picture = picture.resize((max(1, round(picture.width * factor)), max(1, round(picture.height * factor))))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=14)
    for index, quad in enumerate(corners):
        points = [(float(x) * factor, float(y) * factor) for x, y in quad]
        colour = STEPS[-1][1] if index == chosen else STEPS[0][1]
        draw.polygon(points, outline=colour, width=4 if index == chosen else 2)
        left, top = min(x for x, _ in points), min(y for _, y in points)
        name = f"{index + 1} {labels[index]}" if labels else str(index + 1)
        wide = draw.textlength(name, font=font)
        place = max(min(left, picture.width - wide - 3), 3), max(top - 16, 0)
        box = draw.textbbox(place, name, font=font)
        draw.rectangle((box[0] - 3, box[1] - 2, box[2] + 3, box[3] + 2), fill=colour)
        draw.text(place, name, fill=(255, 255, 255), font=font)
    return np.asarray(picture)


def word_at(point_xy: tuple[float, float], photo: np.ndarray, corners: Sequence[np.ndarray]) -> int | None:
    """The word that a point of `photo_picture` lies on; else the one whose middle is nearest."""
    import cv2

    if not len(corners):
        return None
    factor = min(1.0, MOST_WIDTH_PX / photo.shape[1], 2 * MOST_HEIGHT_PX / photo.shape[0])
    quads, point = [np.asarray(quad, np.float32) for quad in corners], np.array(point_xy) / factor
    middles = np.array([quad.mean(0) for quad in quads])
    far = ((middles - point) ** 2).sum(1)
    outside = [cv2.pointPolygonTest(quad, (float(point[0]), float(point[1])), False) < 0 for quad in quads]
    return int(np.lexsort((far, outside))[0])
