"""Regions of a photograph as level crops, and lines cut into words."""

from __future__ import annotations

import cv2
import numpy as np

SPACE = 0.25  # of the height of the letters: the narrowest gap between two words
APART = 2.0  # times the usual gap between letters, from which a gap is one between words
MARGIN = 0.12  # of the height of the letters, kept on either side of a word
ENOUGH_PX = 64  # of height, at which gaps are measured
EVEN = 1.0  # of the line's height: spread of the blur whose result is taken for the ground
STEADY = 30  # grey levels between letters and ground below which nothing is cut


def rectified(pixels: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """The quadrilateral as a level crop, (h, w, 3) uint8 of its own size.

    Args:
        pixels: (H, W, 3) uint8.
        corners: (4, 2), x and y, clockwise from the top left.
    """
    edges = np.linalg.norm(corners - np.roll(corners, -1, 0), axis=1)
    width, height = (max(1, round(float(edges[pair].mean()))) for pair in ([0, 2], [1, 3]))
    target = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    # Corners are edges of pixels, not their middles.
    matrix = cv2.getPerspectiveTransform((corners - 0.5).astype(np.float32), target - np.float32(0.5))
    return cv2.warpPerspective(pixels, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def cut(corners: np.ndarray, spans: list[tuple[float, float]]) -> list[np.ndarray]:
    """Parts of a quadrilateral between shares of its width, 0 to 1, each as corners (4, 2)."""
    top, bottom = corners[:2], corners[3:1:-1]  # each from left to right
    ends = [np.array([start, start, stop, stop]) for start, stop in spans]
    shares = [np.stack([1 - one, one], 1) for one in ends]
    return [np.concatenate([(share @ top)[[0, 2]], (share @ bottom)[[2, 0]]]).astype(np.float32) for share in shares]


def word_spans(line: np.ndarray) -> list[tuple[float, float]]:
    """Where the words of a level line stand, as shares of its width, left to right; the whole line if it is one word.

    Letters are what differs from the tone along the rim (Otsu's threshold, on evened ground). A gap lies between words
    where it is wide for the height of the letters and against the other gaps, so that letters set wide apart stay one
    word.
    """
    if line.shape[0] > ENOUGH_PX:
        size_wh = (max(1, round(line.shape[1] * ENOUGH_PX / line.shape[0])), ENOUGH_PX)
        line = cv2.resize(line, size_wh, interpolation=cv2.INTER_AREA)
    columns, height = _ink(line)
    filled = np.flatnonzero(columns)
    gaps = np.diff(filled) - 1
    ends = [place for place in np.flatnonzero(gaps > 0) if _parts(gaps[place], gaps[gaps > 0], height)]
    if not ends:
        return [(0.0, 1.0)]
    inner = [[filled[place] + 1, filled[place + 1]] for place in ends]
    margin = [min(MARGIN * height, (stop - start) / 2) for start, stop in inner]
    starts = [0.0, *(stop - room for (_, stop), room in zip(inner, margin, strict=True))]
    stops = [*(start + room for (start, _), room in zip(inner, margin, strict=True)), float(len(columns))]
    return [(start / len(columns), stop / len(columns)) for start, stop in zip(starts, stops, strict=True)]


def _parts(gap: int, gaps: np.ndarray, height: int) -> bool:
    """Whether a gap, in columns, lies between words."""
    narrow = gaps[gaps < SPACE * height]
    usual = float(np.median(narrow)) if len(narrow) else 0.0
    narrower = float(np.sort(gaps)[: max(1, len(gaps) // 2)].mean()) if len(gaps) > 2 else 0.0
    return bool(gap > SPACE * height and gap > APART * max(usual, narrower))


def _ink(line: np.ndarray) -> tuple[np.ndarray, int]:
    """Columns (w,) that hold ink, and the height of the letters in pixels."""
    tones = cv2.cvtColor(line, cv2.COLOR_RGB2GRAY).astype(np.float32)
    ground = cv2.GaussianBlur(tones, (0, 0), EVEN * line.shape[0], borderType=cv2.BORDER_REPLICATE)
    grey = np.clip(tones - ground + 128, 0, 255).astype(np.uint8)
    _, mask = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    is_light = mask > 0
    rim = np.concatenate([is_light[0], is_light[-1], is_light[:, 0], is_light[:, -1]])
    ink = ~is_light if rim.mean() > 0.5 else is_light
    if not ink.any() or ink.all() or abs(float(grey[ink].mean()) - float(grey[~ink].mean())) < STEADY:
        return np.ones(line.shape[1], bool), line.shape[0]
    rows = np.flatnonzero(ink.mean(1) > 0.02)
    height = int(rows[-1] - rows[0] + 1) if len(rows) else line.shape[0]
    return ink.sum(0) > max(1, 0.04 * height), height
