"""A detector that sees the true boxes of a generated scene, and fails as zero-shot detectors do.

It knows nouns and, less surely, looks; it knows nothing of places, orders and relations, and its scores are noisy: of
several things that fit the noun and the looks, any may come first.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from pipelines.grounding.full.candidates import Candidates
from pipelines.grounding.synthetic import lexicon
from pipelines.grounding.synthetic.colours import NAMES as COLOURS

FITS, FITS_NOT, NOISE = 0.55, 0.18, 0.08  # probability of a word that fits, of a look that does not, and their spread
SHIFT = 0.01  # of a box's edges, shares of the picture
BEHIND = {"stripes": "striped", "dots": "dotted", "checks": "checkered"}


@lru_cache(maxsize=1)
def meanings() -> dict[str, tuple[str, str]]:
    """Word -> (field, value) of the things of the world; () for words that fit everything."""
    fields = {
        "colour": COLOURS,
        "pattern": ["plain", "striped", "dotted", "checkered", "hollow"], "finish": ["matte", "shiny"],
        "size": ["small", "medium", "large"], "tilt": ["upright", "tilted"],
    }  # fmt: skip
    table = {word: ("pattern", value) for word, value in BEHIND.items()}
    for field, values in fields.items():
        for value in values:
            table |= {word.split()[0]: (field, value) for word in lexicon.LOOKS.get(value, (value,))}
    table |= {way: ("direction", way) for way in ("left", "right", "up", "down")}
    for category, nouns in lexicon.NOUNS.items():
        if category != "thing":
            table |= {word: ("category", category) for noun in nouns for word in (noun, lexicon.plural_of(noun))}
    return table


def seen(scene, phrases: tuple[str, ...], rng: np.random.Generator) -> Candidates:
    """What the oracle offers for phrases: the boxes of things whose noun fits one of them."""
    side = scene.ids.shape[0]
    boxes = np.asarray(scene.boxes_xyxy, np.float32) / side + rng.normal(0, SHIFT, (len(scene.things), 4))
    evidence = {phrase: np.stack([_word(scene, word, rng) for word in phrase.split()], 1) for phrase in phrases}
    lab = cv2.cvtColor(scene.pixels.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    colours = np.stack([np.median(lab[scene.ids == i + 1], 0) for i in range(len(scene.things))])
    order = rng.permutation(len(boxes))  # a detector's order says nothing
    shuffled = {phrase: words[order] for phrase, words in evidence.items()}
    return Candidates(boxes[order].astype(np.float32), shuffled, colours[order]), order


def _word(scene, word: str, rng: np.random.Generator) -> np.ndarray:
    meaning = meanings().get(word)
    fits = np.array([meaning is None or thing.value(meaning[0]) == meaning[1] for thing in scene.things])
    return np.clip(np.where(fits, FITS, FITS_NOT) + rng.normal(0, NOISE, len(fits)), 0.01, 0.99)
