"""Colours of lettering and of what it stands on: sign palettes, one hue in two lights, or any two that differ."""

from __future__ import annotations

import cv2
import numpy as np

NAMED = {
    "white": (245, 245, 240), "black": (18, 18, 20), "red": (190, 25, 30), "blue": (20, 60, 150),
    "green": (10, 105, 60), "yellow": (250, 205, 40), "gold": (205, 165, 70), "brown": (105, 65, 35),
    "grey": (130, 130, 128), "orange": (235, 120, 30), "cream": (240, 225, 190), "silver": (190, 195, 200),
    "navy": (20, 30, 70), "pink": (235, 130, 160), "purple": (95, 40, 120), "cyan": (60, 170, 200),
}  # fmt: skip
SIGNS = (
    "white on red", "white on blue", "white on green", "white on black", "black on yellow", "black on white",
    "red on white", "gold on black", "blue on white", "yellow on blue", "yellow on black", "yellow on red",
    "black on cream", "brown on cream", "white on brown", "gold on navy", "green on white", "white on orange",
    "black on silver", "silver on black", "white on grey", "navy on white", "white on purple", "red on black",
    "gold on red", "cream on green", "black on orange", "pink on black", "cyan on black", "white on cyan",
)  # fmt: skip
LEAST_DISTANCE = 30  # in CIE76 units, between letters and ground
FAINT_SHARE = 0.03  # of the pairs may be nearer


def pair(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Colour of the letters and of the ground, float32 (3,) RGB 0..255."""
    is_faint = rng.random() < FAINT_SHARE
    while True:
        chance = rng.random()
        letters, ground = _sign(rng) if chance < 0.45 else _two_lights(rng) if chance < 0.85 else _any_two(rng)
        if is_faint or distance(letters, ground) >= LEAST_DISTANCE:
            return letters, ground


def other(rng: np.random.Generator, colour: np.ndarray) -> np.ndarray:
    """A colour that stands out from another."""
    while True:
        found = _varied(rng, list(NAMED.values())[int(rng.integers(len(NAMED)))], 15)
        if distance(found, colour) >= 1.5 * LEAST_DISTANCE:
            return found


def shade(colour: np.ndarray, factor: float) -> np.ndarray:
    """Darker below 1, towards white above it."""
    return colour * factor if factor <= 1 else 255 - (255 - colour) / factor


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """CIE76 distance of two colours."""
    lab = cv2.cvtColor(np.array([[first / 255, second / 255]], np.float32), cv2.COLOR_RGB2Lab)[0]
    return float(np.linalg.norm(lab[0] - lab[1]))


def _sign(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    letters, ground = SIGNS[int(rng.integers(len(SIGNS)))].split(" on ")
    return _varied(rng, NAMED[letters], 22), _varied(rng, NAMED[ground], 22)


def _two_lights(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Two muted colours of near hues, one dark and one light, as weathered walls and their letters have."""
    hue, chroma = rng.uniform(0, 360), rng.uniform(0, 0.45, 2)
    values = np.sort(rng.uniform(0.05, 1.0, 2))
    if rng.random() < 0.5:
        values = values[::-1]
    hues = (hue + rng.normal(0, 25, 2)) % 360
    hsv = np.array([[(hues[i], chroma[i], values[i]) for i in (0, 1)]], np.float32)
    letters, ground = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0] * 255
    return letters, ground


def _any_two(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.uniform(0, 255, 3).astype(np.float32), rng.uniform(0, 255, 3).astype(np.float32)


def _varied(rng: np.random.Generator, colour: tuple[int, int, int], spread: float) -> np.ndarray:
    return np.clip(np.array(colour, np.float32) + rng.normal(0, spread, 3).astype(np.float32), 0, 255)
