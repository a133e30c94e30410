"""Classical proposals: words by the look of their letters, without a network. For where no detector is installed.

Connected components of adaptive thresholds that could be letters are joined where they stand side by side, are alike in
height and tone, and touch closely. Good for clean signs and print; a photograph of foliage or bricks has many things
that stand in rows, words of one or two letters are not seen, nor is text that runs steeply or joins its letters.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.text_recognition.detection import TextRegion, in_order

LONG_SIDE_PX = 1280
WINDOWS_PX = (31, 71)  # of the local mean that ink is held against: small and large letters
CONTRAST = 14  # grey levels below the local mean
LEAST_HEIGHT_PX, MOST_HEIGHT = 8, 0.3  # of a letter; the latter as a share of the picture's height
SLIMMEST, WIDEST = 0.06, 4.0  # width over height of a letter, or of a few that touch
EMPTIEST, FULLEST = 0.12, 0.95  # share of its box that a letter fills
MOST_LETTERS = 3000  # of one threshold; more is a pattern, and would need a table of pairs of gigabytes
FEWEST_LETTERS = 3
GAP = 0.25  # between neighbours, of the taller one's height
OVERLAP, ALIKE = 0.4, 0.4  # of the shorter one's height: how much they share, and against the taller one
TONE = 35  # grey levels between neighbours
UNEVENNESS = 0.45  # most deviation of the heights in a word, as a share of their mean
MARGIN = 0.12  # of the height, around a word
SAME = 0.3  # intersection over union from which two words are one


@dataclass(frozen=True)
class _Letters:
    """What could be letters: boxes (n, 4) as x, y, width, height in pixels, and mean tones (n,)."""

    boxes: np.ndarray
    tones: np.ndarray


def propose_words(pixels: np.ndarray) -> list[TextRegion]:
    """Regions of (H, W, 3) uint8 RGB that look like words; the score is how even they are in height, 0 to 1."""
    factor = min(1.0, LONG_SIDE_PX / max(pixels.shape[:2]))
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    if factor < 1:
        grey = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    grey = cv2.GaussianBlur(grey, (3, 3), 0)
    found = [word for window in WINDOWS_PX for tone in (grey, 255 - grey) for word in _words(_letters(tone, window))]
    return [TextRegion(region.corners / np.float32(factor), region.score) for region in _best(found)]


def _letters(grey: np.ndarray, window: int) -> _Letters:
    """Dark components of a picture that could be letters by their size and shape."""
    dark = cv2.adaptiveThreshold(grey, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV, window, CONTRAST)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(dark)
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
    tones = np.bincount(labels.ravel(), grey.ravel(), len(stats)) / areas
    widths, heights = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    shape, filled = widths / heights, areas / (widths * heights)
    could = (heights >= LEAST_HEIGHT_PX) & (heights <= MOST_HEIGHT * grey.shape[0])
    could &= (shape >= SLIMMEST) & (shape <= WIDEST) & (filled >= EMPTIEST) & (filled <= FULLEST)
    could[0] = False  # the ground
    chosen = np.flatnonzero(could)[:MOST_LETTERS]
    return _Letters(stats[chosen, :4].astype(np.float32), tones[chosen])


def _words(letters: _Letters) -> list[tuple[int, TextRegion]]:
    """Rows of letters, with how many they are."""
    from scipy.sparse.csgraph import connected_components

    if len(letters.boxes) < FEWEST_LETTERS:
        return []
    count, owner = connected_components(_are_neighbours(letters), directed=False)
    groups = [letters.boxes[owner == group] for group in range(count)]
    return [(len(group), _region(group)) for group in groups if _is_word(group)]


def _are_neighbours(letters: _Letters) -> np.ndarray:
    """(n, n) bool: side by side, alike in height and tone."""
    left, top, width, height = letters.boxes.T
    right, bottom = left + width, top + height
    taller, shorter = np.maximum.outer(height, height), np.minimum.outer(height, height)
    shared = np.minimum.outer(bottom, bottom) - np.maximum.outer(top, top)
    gap = np.maximum.outer(left, left) - np.minimum.outer(right, right)
    tones = np.abs(np.subtract.outer(letters.tones, letters.tones))
    return (shorter >= ALIKE * taller) & (shared >= OVERLAP * shorter) & (gap <= GAP * taller) & (tones <= TONE)


def _is_word(boxes: np.ndarray) -> bool:
    return len(boxes) >= FEWEST_LETTERS and float(boxes[:, 3].std() / boxes[:, 3].mean()) <= UNEVENNESS


def _region(boxes: np.ndarray) -> TextRegion:
    left, top, width, height = boxes.T
    points = np.concatenate([np.stack([x, y], 1) for x in (left, left + width) for y in (top, top + height)])
    centre, (first, second), angle = cv2.minAreaRect(points)
    margin = 2 * MARGIN * float(height.mean())
    corners = cv2.boxPoints((centre, (first + margin, second + margin), angle))
    return TextRegion(in_order(corners), 1 - float(height.std() / height.mean()) / UNEVENNESS)


def _best(found: list[tuple[int, TextRegion]]) -> list[TextRegion]:
    """Of words that lie over each other the one with more, and more even, letters."""
    kept: list[TextRegion] = []
    for _, region in sorted(found, key=lambda one: -one[0] * (0.2 + one[1].score)):
        if all(overlap(region.corners, other.corners) < SAME for other in kept):
            kept.append(region)
    return kept


def overlap(first: np.ndarray, second: np.ndarray) -> float:
    """Intersection over union of two convex quadrilaterals (4, 2), 0 to 1."""
    shared = cv2.intersectConvexConvex(first, second)[0]
    union = cv2.contourArea(first) + cv2.contourArea(second) - shared
    return float(shared / union) if union > 0 else 0.0
