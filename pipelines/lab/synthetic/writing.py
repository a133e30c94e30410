"""Tasks about writing: digits, letters and short words on signs, drawn in the Hershey fonts that come with OpenCV.

Every function draws one picture of one class: (rng, class number, look) -> (H, W, 3).
"""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.lab.synthetic.canvas import (
    CENTRE,
    SIZE_PX,
    Coverage,
    Picture,
    filled,
    ground_of,
    ink_for,
    paint,
    placed,
    strokes,
)

DIGITS = tuple("0123456789")
LETTERS = tuple("ABEFGHKMRS")
WORDS = ("STOP", "SHOP", "OPEN", "EXIT", "TAXI", "CAFE", "PARK", "BANK")
PLAIN_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX)
WILD_FONTS = (cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX_SMALL,
              cv2.FONT_HERSHEY_SIMPLEX | cv2.FONT_ITALIC)  # fmt: skip
SCRIPT_FONTS = (*WILD_FONTS, cv2.FONT_HERSHEY_SCRIPT_COMPLEX)
SHEET_PX = 96  # writing is drawn large and shrunk


def digit(rng: np.random.Generator, number: int, is_wild: bool) -> Picture:
    """A digit. Wild: serif and italic fonts, turned, slanted, off centre, thin or bold."""
    picture = ground_of(rng, is_wild)
    paint(picture, _written(rng, DIGITS[number], is_wild, WILD_FONTS, 21), ink_for(rng, picture, _contrast(is_wild)))
    return picture


def letter(rng: np.random.Generator, number: int, is_wild: bool) -> Picture:
    """A capital letter. Wild: script too, and thin lines across it."""
    picture = ground_of(rng, is_wild)
    paint(picture, _written(rng, LETTERS[number], is_wild, SCRIPT_FONTS, 21), ink_for(rng, picture, _contrast(is_wild)))
    if is_wild:
        for _ in range(2):
            paint(picture, strokes([rng.uniform(0, SIZE_PX, (2, 2))], 1), rng.random(3))
    return picture


def word(rng: np.random.Generator, number: int, is_wild: bool) -> Picture:
    """A word of four letters. Wild: on a turned plate of its own colour, smaller."""
    picture = ground_of(rng, is_wild)
    if is_wild:
        plate = np.array([(-1, -0.5), (1, -0.5), (1, 0.5), (-1, 0.5)]) * rng.uniform(0.8, 1.1, (4, 2))
        paint(picture, filled([placed(plate, np.full(2, CENTRE), 15.0, rng.uniform(-0.2, 0.2))]), rng.random(3))
    inner = picture[8:-8, 4:-4]
    ink = ink_for(rng, inner, 0.4 if is_wild else 0.5)
    paint(picture, _written(rng, WORDS[number], is_wild, PLAIN_FONTS, 29), ink)
    return picture


def _contrast(is_wild: bool) -> float:
    return 0.3 if is_wild else 0.5


def _written(
    rng: np.random.Generator, text: str, is_wild: bool, wild_fonts: tuple[int, ...], side_px: float
) -> Coverage:
    """Coverage of a text whose longer side is about `side_px`."""
    fonts = wild_fonts if is_wild else PLAIN_FONTS
    font, thickness = fonts[int(rng.integers(len(fonts)))], int(rng.integers(4, 9) if is_wild else 6)
    sheet, length = _sheet(text, font, thickness)
    zoom = side_px / length * (rng.uniform(0.72, 1.05) if is_wild else rng.uniform(0.92, 1.05))
    most_turn, most_slant, most_shift = (0.3, 0.35, 3.0) if is_wild else (0.06, 0.05, 1.5)
    if len(text) > 1:
        most_turn, most_shift = most_turn * 0.6, most_shift * 0.5
    matrix = _matrix(rng, zoom, most_turn, most_slant, most_shift)
    return cv2.warpAffine(cv2.blur(sheet, (3, 3)), matrix, (SIZE_PX, SIZE_PX), flags=cv2.INTER_LINEAR)


def _sheet(text: str, font: int, thickness: int) -> tuple[np.ndarray, int]:
    """The text in the middle of a large sheet, (96, 96) float32, and its longer side in pixels."""
    scale = 2.4 if len(text) == 1 else 1.0
    thickness = thickness if len(text) == 1 else max(1, thickness // 2 - 1)
    (width, height), _ = cv2.getTextSize(text, font, scale, thickness)
    sheet = np.zeros((SHEET_PX, SHEET_PX), np.uint8)
    origin = ((SHEET_PX - width) // 2, (SHEET_PX + height) // 2)
    cv2.putText(sheet, text, origin, font, scale, 255, thickness, cv2.LINE_AA)
    return sheet.astype(np.float32) / 255, max(width, height)


def _matrix(rng: np.random.Generator, zoom: float, turn: float, slant: float, shift: float) -> np.ndarray:
    """Affine map of the sheet onto the picture, (2, 3), its centre onto about the centre."""
    angle, shear = rng.uniform(-turn, turn), rng.uniform(-slant, slant)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = zoom * rotation @ np.array([[1.0, shear], [0.0, 1.0]])
    target = CENTRE + rng.uniform(-shift, shift, 2)
    return np.concatenate([linear, (target - linear @ np.full(2, SHEET_PX / 2))[:, None]], 1)
