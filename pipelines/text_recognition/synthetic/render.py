"""The word renderer: (seed, recipe) -> a word crop with its label and the quadrilateral of every character.

The same seed gives the same bytes wherever the same fonts and word lists are installed. Steps in the order of a real
picture: text, face, ink, shape, colours, ground, cover, light, sensor. Departures from the scheme of published
renderers: no photograph lies behind the words (all grounds are generated), and colours come from sign palettes and
from pairs of muted hues instead of photographs' histograms.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipelines.shared.synthetic.fonts import FontFace, FontPool, font_pool
from pipelines.text_recognition.synthetic.colours import pair
from pipelines.text_recognition.synthetic.covers import hide
from pipelines.text_recognition.synthetic.grounds import ground
from pipelines.text_recognition.synthetic.ink import paint
from pipelines.text_recognition.synthetic.lettering import Lettering, can_write, write
from pipelines.text_recognition.synthetic.recipes import RenderRecipe
from pipelines.text_recognition.synthetic.relight import relit
from pipelines.text_recognition.synthetic.sensor import sensed
from pipelines.text_recognition.synthetic.texts import Words, sample_text, word_lists
from pipelines.text_recognition.synthetic.warps import warped

LEAST_FAMILIES = 20
NEIGHBOUR_SHARE = 0.25
ACCENT_SHARE = 0.02
ACCENTS = {
    "e": "éèêë",
    "a": "àâäá",
    "o": "öôó",
    "u": "üúû",
    "i": "îí",
    "n": "ñ",
    "c": "ç",
    "E": "ÉÈ",
    "A": "ÄÀ",
    "O": "Ö",
}
SIDE_MARGIN, TOP_MARGIN = (-0.04, 0.18), (-0.06, 0.35)  # of the text height
NEIGHBOUR_MARGIN = {"above": (0.15, 0.5), "below": (0.15, 0.5), "left": (0.3, 0.9), "right": (0.3, 0.9)}
LEAST_CONTRAST = 24  # grey levels between letters and ground, in the finished crop's own light
MOST_WIDTH_PX = 640
SIGN_FACES = re.compile(r"ocr|dseg|road|segment|mono|plate|digital", re.IGNORECASE)
ATTEMPTS = 20


@dataclass(frozen=True)
class WordCrop:
    """A rendered word.

    Attributes:
        pixels: uint8 (H, W, 3) RGB, in its natural size.
        label: 1 to 25 characters of the alphabet.
        boxes: float32 (n, 4, 2), corners of each character's ink in crop pixels.
        meta: face, shape, what was done to it.
    """

    pixels: np.ndarray
    label: str
    boxes: np.ndarray
    meta: dict[str, str | float]


@lru_cache(maxsize=2)
def pool(held_out: bool) -> FontPool:
    """Faces for training, or those kept for validation and test sets."""
    return font_pool(LEAST_FAMILIES).split(held_out)


def check_installed() -> None:
    """Nothing, where training and held-out crops can be rendered. Raises UserError as `render` does."""
    for held_out in (False, True):
        pool(held_out)
        word_lists(held_out)


def render(seed: Sequence[int], recipe: RenderRecipe, held_out: bool = False) -> WordCrop:
    """One crop.

    Args:
        seed: any integers; crops of different seeds are independent.
        held_out: with fonts and words that no training sees.

    Raises:
        UserError: too few fonts or no word lists are installed; it names the packages.
    """
    faces, words = pool(held_out), word_lists(held_out)
    rng = np.random.default_rng(seed)
    for _ in range(ATTEMPTS):
        crop = _attempt(rng, recipe, faces, words)
        if crop is not None:
            return crop
    raise RuntimeError(f"no legible crop of recipe {recipe.name} in {ATTEMPTS} attempts from seed {tuple(seed)}")


def _attempt(rng: np.random.Generator, recipe: RenderRecipe, faces: FontPool, words: Words) -> WordCrop | None:
    """A crop, or None when the face cannot write the text or nobody could read the result."""
    label, face = sample_text(rng, recipe.texts, words), _face(rng, recipe, faces)
    if face.unicase:
        label = label.upper()
    if not can_write(face, label):
        return None
    turn = _turn(rng, recipe, label)
    beside = _beside(rng, recipe, words) if turn == "level" else {}
    level = write(rng, face, _accented(rng, face, label), beside, stacked=turn == "stacked")
    whole, shape = warped(rng, recipe, level)
    lettering = _cut(rng, recipe, whole, beside)
    if lettering is None:
        return None
    colour, back = pair(rng)
    canvas = ground(rng, lettering.ink.shape, back)
    paint(rng, canvas, lettering.ink, colour, back, recipe.effects)
    covered = hide(rng, canvas, lettering.own, rng.uniform(*recipe.hidden_share)) if recipe.hidden_share else 0.0
    canvas = relit(rng, canvas.clip(0, 255), 1.0)
    if _contrast(canvas, lettering.own) < LEAST_CONTRAST:
        return None
    height = max(float(np.median(np.ptp(lettering.boxes[..., 1], axis=1))), 1.0)
    scale = _scale(rng, recipe, height, lettering.ink.shape[1])
    pixels = sensed(rng, canvas, scale, scale * height, recipe)
    boxes = lettering.boxes * np.float32(scale)
    if turn in ("up", "down"):
        pixels, boxes = turned(pixels, boxes, turn == "up")
    meta: dict[str, str | float] = {
        "face": f"{face.family} {face.style}", "shape": shape, "turn": turn, "covered": covered, "scale": scale
    }  # fmt: skip
    return WordCrop(np.ascontiguousarray(pixels), label, boxes, meta)


def _face(rng: np.random.Generator, recipe: RenderRecipe, faces: FontPool) -> FontFace:
    if rng.random() < recipe.display_share:
        return _sign_faces(faces).pick(rng)
    return faces.pick(rng)


@lru_cache(maxsize=2)
def _sign_faces(faces: FontPool) -> FontPool:
    """Faces of displays, plates and road signs, or all where none is installed."""
    return FontPool(tuple(family for family in faces.families if SIGN_FACES.search(family[0].family)) or faces.families)


def _turn(rng: np.random.Generator, recipe: RenderRecipe, label: str) -> str:
    """Level, or set upright: stacked, or turned to run up or down."""
    if len(label) < 2 or rng.random() >= recipe.turned_share:
        return "level"
    return ("stacked", "up", "down")[int(rng.integers(3))]


def _beside(rng: np.random.Generator, recipe: RenderRecipe, words: Words) -> dict[str, str]:
    """Neighbouring text: mostly one line above or below, now and then a word to the side."""
    if rng.random() >= NEIGHBOUR_SHARE * recipe.clutter:
        return {}
    sides = rng.choice(list(NEIGHBOUR_MARGIN), 1 + int(rng.random() < 0.3), replace=False, p=(0.35, 0.35, 0.15, 0.15))
    texts = (" ".join(sample_text(rng, recipe.texts, words) for _ in range(3)) for _ in sides)
    return dict(zip(map(str, sides), texts, strict=True))


def _accented(rng: np.random.Generator, face: FontFace, label: str) -> str:
    """What is drawn: rarely with an accent, which labels of real pictures leave out."""
    places = [i for i, character in enumerate(label) if character in ACCENTS]
    if not places or rng.random() >= ACCENT_SHARE:
        return label
    at = places[int(rng.integers(len(places)))]
    choices = ACCENTS[label[at]]
    drawn = label[:at] + choices[int(rng.integers(len(choices)))] + label[at + 1 :]
    assert unicodedata.normalize("NFKD", drawn[at])[0] == label[at]
    return drawn if can_write(face, drawn) else label


def _cut(
    rng: np.random.Generator, recipe: RenderRecipe, lettering: Lettering, beside: dict[str, str]
) -> Lettering | None:
    """Cut to the word and a margin, which may be negative; None when nothing of the word is left."""
    points = lettering.boxes.reshape(-1, 2)
    low, high = points.min(0), points.max(0)
    unit = float(np.median(np.ptp(lettering.boxes[..., 1], axis=1)))
    margins = {
        side: float(rng.uniform(*_margin_range(rng, recipe, side, beside))) * unit
        for side in ("left", "above", "right", "below")
    }
    height, width = lettering.ink.shape
    x0, y0 = max(int(low[0] - margins["left"]), 0), max(int(low[1] - margins["above"]), 0)
    x1, y1 = min(int(np.ceil(high[0] + margins["right"])), width), min(int(np.ceil(high[1] + margins["below"])), height)
    if x1 - x0 < 4 or y1 - y0 < 4:
        return None
    ink, own = lettering.ink[y0:y1, x0:x1], lettering.own[y0:y1, x0:x1]
    return Lettering(ink, own, lettering.boxes - np.array([x0, y0], np.float32))


def _margin_range(
    rng: np.random.Generator, recipe: RenderRecipe, side: str, beside: dict[str, str]
) -> tuple[float, float]:
    if side in beside:
        return NEIGHBOUR_MARGIN[side]
    if recipe.hidden_share and rng.random() < 0.12:
        return (-0.35, 0.0)  # partly out of the frame
    return SIDE_MARGIN if side in ("left", "right") else TOP_MARGIN


def _contrast(canvas: np.ndarray, own: np.ndarray) -> float:
    """Mean distance of letters and their surroundings in the channel that shows them best, of 255."""
    letters = own > 127
    if not letters.any() or letters.all():
        return 0.0
    return float(np.abs(canvas[letters].mean(0) - canvas[own < 32].mean(0)).max()) if (own < 32).any() else 0.0


def _scale(rng: np.random.Generator, recipe: RenderRecipe, height: float, width: int) -> float:
    """From working size to the final text height, log-uniform in the recipe's range."""
    wanted = float(np.exp(rng.uniform(*np.log(recipe.text_height_px))))
    return min(wanted / height, MOST_WIDTH_PX / width, 1.5)


def turned(pixels: np.ndarray, boxes: np.ndarray, upwards: bool) -> tuple[np.ndarray, np.ndarray]:
    """Picture and corners turned by 90 degrees: counter-clockwise, so that the word runs upwards, or clockwise."""
    height, width = pixels.shape[:2]
    x, y = boxes[..., 0], boxes[..., 1]
    if upwards:
        return np.rot90(pixels), np.stack([y, width - x], -1).astype(np.float32)
    return np.rot90(pixels, -1), np.stack([height - y, x], -1).astype(np.float32)
