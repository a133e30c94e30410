"""A cached scene made new: mirrored with its words, placed and lit anew, with slips of the pen; hues stay."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

SMALLER = 0.3  # share of pictures that are shrunk and placed on grey, as a letter-box does
SLIP, DROPPED = 0.02, 0.02  # shares of words
GREY = 128
OPPOSITE = {
    "left": "right",
    "leftmost": "rightmost",
    "clockwise": "anticlockwise",
    "lefthand": "righthand",
}
OPPOSITE |= {value: key for key, value in OPPOSITE.items()}
_SIDES = re.compile(r"\b(" + "|".join(OPPOSITE) + r")\b", re.IGNORECASE)


@dataclass(frozen=True)
class View:
    """How a picture is shown.

    Attributes:
        is_mirrored: left and right exchanged.
        scale: of its sides, 0 to 1; the rest is grey.
        left, top: where it lies, shares of the canvas.
    """

    is_mirrored: bool = False
    scale: float = 1.0
    left: float = 0.0
    top: float = 0.0

    def boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes (n, 4) as cx, cy, w, h in shares, as they lie in this view; rows of zeros stay so."""
        shown = boxes.copy()
        if self.is_mirrored:
            shown[:, 0] = 1 - shown[:, 0]
        shown *= self.scale
        shown[:, :2] += (self.left, self.top)
        return shown * (boxes[:, 2:3] > 0)

    def picture(self, pixels: np.ndarray, side: int) -> np.ndarray:
        """Pixels (S, S, 3) on a canvas of another side."""
        import cv2

        return self._placed(pixels, side, cv2.INTER_AREA, GREY)

    def ids(self, ids: np.ndarray, side: int) -> np.ndarray:
        """Instance map (S, S) on a canvas of another side."""
        import cv2

        return self._placed(ids, side, cv2.INTER_NEAREST, 0)

    def text(self, text: str) -> str:
        """The expression for this view."""
        return mirrored(text) if self.is_mirrored else text

    def _placed(self, array: np.ndarray, side: int, interpolation: int, fill: int) -> np.ndarray:
        import cv2

        array = array[:, ::-1] if self.is_mirrored else array
        edge = round(self.scale * side)
        small = cv2.resize(np.ascontiguousarray(array), (edge, edge), interpolation=interpolation)
        if edge == side:
            return small
        canvas = np.full((side, side, *array.shape[2:]), fill, np.uint8)
        left, top = min(round(self.left * side), side - edge), min(round(self.top * side), side - edge)
        canvas[top : top + edge, left : left + edge] = small
        return canvas


def draw_view(rng: np.random.Generator) -> View:
    """A view for training."""
    is_mirrored = bool(rng.random() < 0.5)
    if rng.random() >= SMALLER:
        return View(is_mirrored)
    scale = float(rng.uniform(0.75, 1.0))
    left, top = rng.uniform(0, 1 - scale, 2)
    return View(is_mirrored, scale, float(left), float(top))


def mirrored(text: str) -> str:
    """The expression that means the same in a mirrored picture."""
    return _SIDES.sub(lambda found: OPPOSITE[found.group().lower()], text)


def lit(rng: np.random.Generator, pixels: np.ndarray) -> np.ndarray:
    """Other brightness, gamma and noise; hues stay."""
    table = np.linspace(0, 1, 256) ** np.exp(rng.normal(0, 0.12)) * rng.uniform(0.88, 1.08) * 255
    image = table[pixels]
    if rng.random() < 0.3:
        image = image + rng.normal(0, rng.uniform(1, 6), pixels.shape)
    return np.clip(image, 0, 255).astype(np.uint8)


def slipped(rng: np.random.Generator, text: str) -> str:
    """Few words lost, few with two letters exchanged."""
    words = text.split()
    kept = [_typo(rng, word) if rng.random() < SLIP else word for word in words if rng.random() >= DROPPED]
    return " ".join(kept or words)


def _typo(rng: np.random.Generator, word: str) -> str:
    if len(word) < 4:
        return word
    at = int(rng.integers(1, len(word) - 2))
    return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
