"""From a text and a face to ink: glyph by glyph on one plane, with the quadrilateral of every character."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from PIL import ImageFont

from pipelines.shared.synthetic.fonts import FontFace, open_font

EM_PX = 48
PAD = 0.9  # of an em, around the word: room for neighbours, strokes and warps


@dataclass(frozen=True)
class Lettering:
    """Ink of a word and of what stands beside it.

    Attributes:
        ink: (H, W) uint8, everything that is written.
        own: (H, W) uint8, the word alone.
        boxes: (n, 4, 2) float32, quadrilateral of each character's ink: top left, top right, bottom right, bottom left.
    """

    ink: np.ndarray
    own: np.ndarray
    boxes: np.ndarray


@lru_cache(maxsize=40_000)
def glyph(path: str, character: str) -> tuple[np.ndarray, int, int, float]:
    """Ink (h, w) uint8, its left and top from the pen's place at the ascender, and the advance, in px at EM_PX."""
    font = open_font(path, EM_PX)
    mask, (left, top) = font.getmask2(character, "L", anchor="ls")
    ink = np.asarray(mask, np.uint8).reshape(mask.size[::-1]) if min(mask.size) else np.zeros((0, 0), np.uint8)
    return ink, int(left), int(top), float(font.getlength(character))


def can_write(face: FontFace, text: str) -> bool:
    """Whether every character leaves ink, and none the box that stands for a missing glyph."""
    missing = glyph(face.path, "\uffff")[0].tobytes()
    return all((ink := glyph(face.path, c)[0]).size and ink.tobytes() != missing for c in set(text))


def write(
    rng: np.random.Generator, face: FontFace, text: str, beside: dict[str, str], stacked: bool = False
) -> Lettering:
    """Draw the text and its neighbours.

    Args:
        beside: "above", "below", "left", "right" -> what is written there.
        stacked: characters one below the other.
    """
    tracking = _tracking(rng) * EM_PX
    jitter = 0.04 * EM_PX * (rng.random() < 0.15)
    tilt = 4.0 if rng.random() < 0.08 else 0.0
    marks = list(_stack(face, text) if stacked else _line(face, text, tracking))
    marks = [(_tilted(rng, ink, tilt), x + 0.0, y + rng.normal(0, 1) * jitter) for ink, x, y in marks]
    extra = [mark for side, words in beside.items() for mark in _neighbour(rng, face, words, side, marks, tracking)]
    every = marks + extra
    left = int(np.floor(min(x for _, x, _ in marks) - PAD * EM_PX))
    top = int(np.floor(min(y for _, _, y in marks) - PAD * EM_PX))
    right = int(np.ceil(max(x + ink.shape[1] for ink, x, _ in marks) + PAD * EM_PX))
    bottom = int(np.ceil(max(y + ink.shape[0] for ink, _, y in marks) + PAD * EM_PX))
    own = np.zeros((bottom - top, right - left), np.uint8)
    boxes = np.stack([_paste(own, ink, x - left, y - top) for ink, x, y in marks])
    whole = own.copy() if extra else own
    for ink, x, y in every[len(marks) :]:
        _paste(whole, ink, x - left, y - top)
    return Lettering(whole, own, boxes)


def _tracking(rng: np.random.Generator) -> float:
    """Extra advance in em: mostly none, sometimes tight or wide."""
    chance = rng.random()
    if chance < 0.7:
        return 0.0
    return float(rng.uniform(-0.06, 0)) if chance < 0.8 else float(rng.uniform(0.05, 0.6) ** 1.5)


def _line(face: FontFace, text: str, tracking: float) -> list[tuple[np.ndarray, float, float]]:
    font, pen, marks = open_font(face.path, EM_PX), 0.0, []
    for index, character in enumerate(text):
        ink, left, top, advance = glyph(face.path, character)
        if ink.size:
            marks.append((ink, pen + left, float(top)))
        following = text[index + 1 : index + 2]
        kerning = _kerning(font, face.path, character + following) if following else 0.0
        pen += advance + kerning + tracking
    return marks


@lru_cache(maxsize=40_000)
def _pair_length(path: str, pair: str) -> float:
    return float(open_font(path, EM_PX).getlength(pair))


def _kerning(font: ImageFont.FreeTypeFont, path: str, pair: str) -> float:
    return _pair_length(path, pair) - glyph(path, pair[0])[3] - glyph(path, pair[1])[3]


def _stack(face: FontFace, text: str) -> list[tuple[np.ndarray, float, float]]:
    marks, y = [], 0.0
    for character in text:
        ink = glyph(face.path, character)[0]
        marks.append((ink, -ink.shape[1] / 2, y))
        y += ink.shape[0] + 0.12 * EM_PX
    return marks


def _tilted(rng: np.random.Generator, ink: np.ndarray, degrees: float) -> np.ndarray:
    if not degrees:
        return ink
    height, width = ink.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(rng.uniform(-degrees, degrees)), 1.0)
    return cv2.warpAffine(cv2.copyMakeBorder(ink, 2, 2, 2, 2, cv2.BORDER_CONSTANT), turn, (width + 4, height + 4))


def _neighbour(
    rng: np.random.Generator, face: FontFace, text: str, side: str, own: list, tracking: float
) -> list[tuple[np.ndarray, float, float]]:
    """Another line above or below, or a word to the left or right, at the distance that print would have."""
    marks = _line(face, text, tracking)
    if not marks:
        return []
    left, right = min(x for _, x, _ in own), max(x + ink.shape[1] for ink, x, _ in own)
    end = max(x + ink.shape[1] for ink, x, _ in marks)
    gap = float(rng.uniform(0.25, 0.5)) * EM_PX
    shift = {
        "above": (rng.uniform(left - end / 2, right - end / 2), -rng.uniform(0.78, 1.1) * EM_PX),
        "below": (rng.uniform(left - end / 2, right - end / 2), rng.uniform(0.78, 1.1) * EM_PX),
        "left": (left - gap - end, 0.0),
        "right": (right + gap, 0.0),
    }[side]
    return [(ink, x + float(shift[0]), y + float(shift[1])) for ink, x, y in marks]


def _paste(plane: np.ndarray, ink: np.ndarray, x: float, y: float) -> np.ndarray:
    """Lay ink on the plane as far as it reaches; gives the quadrilateral of the ink."""
    x0, y0 = round(x), round(y)
    height, width = ink.shape
    rows = slice(max(y0, 0), min(y0 + height, plane.shape[0]))
    columns = slice(max(x0, 0), min(x0 + width, plane.shape[1]))
    if rows.start < rows.stop and columns.start < columns.stop:
        part = ink[rows.start - y0 : rows.stop - y0, columns.start - x0 : columns.stop - x0]
        np.maximum(plane[rows, columns], part, out=plane[rows, columns])
    return np.array([(x0, y0), (x0 + width, y0), (x0 + width, y0 + height), (x0, y0 + height)], np.float32)
