"""Boxes that a detector offers, and how well each word of each phrase fits them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

MOST_BOXES = 20  # of a phrase
OVERLAP = 0.6  # of two boxes that overlap more, the lesser goes


@dataclass(frozen=True)
class Candidates:
    """What may be meant.

    Attributes:
        boxes: (n, 4) float32, x0, y0, x1, y1 in shares of the picture.
        evidence: phrase -> probability of each of its words, (n, words), 0 to 1; detectors that judge phrases as a
            whole have one column.
        colours: (n, 3) mean colour in CIE Lab, or None where no picture is known.
    """

    boxes: np.ndarray
    evidence: Mapping[str, np.ndarray]
    colours: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def probability(self, phrase: str) -> np.ndarray:
        """Of each box being what the phrase says, (n,): the geometric mean over its words, so that one counts."""
        words = np.clip(self.evidence[phrase], 1e-6, 1)
        return np.exp(np.log(words).mean(1))


def chosen(
    boxes: np.ndarray, evidence: Mapping[str, np.ndarray], most: int = MOST_BOXES
) -> tuple[Candidates, np.ndarray]:
    """The best boxes of each phrase after non-maximum suppression, and their numbers, (n,).

    Boxes that are no boxes (NaN, empty, outside the picture) never count.
    """
    clipped = np.clip(boxes, 0, 1)
    is_sound = np.isfinite(boxes).all(1) & (clipped[:, 2:] > clipped[:, :2]).all(1)
    for words in evidence.values():
        is_sound &= np.isfinite(words).all(1)
    sound = np.flatnonzero(is_sound)
    boxes = clipped[sound].astype(np.float32)
    offered = Candidates(boxes, {phrase: words[sound] for phrase, words in evidence.items()})
    kept = sorted({i for phrase in evidence for i in suppressed(boxes, offered.probability(phrase), most)})
    # what several phrases offer is one box
    best = np.max([offered.probability(phrase) for phrase in evidence], 0) if evidence else np.zeros(len(boxes))
    order = suppressed(boxes[kept], best[kept], len(kept))
    last = np.array([kept[i] for i in order], int)
    return Candidates(boxes[last], {phrase: words[last] for phrase, words in offered.evidence.items()}), sound[last]


def suppressed(boxes: np.ndarray, scores: np.ndarray, most: int) -> list[int]:
    """Numbers of boxes, best first, without those that overlap a better one."""
    kept: list[int] = []
    for i in np.argsort(-scores, kind="stable"):
        if len(kept) == most:
            break
        if not kept or overlaps(boxes[i : i + 1], boxes[kept]).max() <= OVERLAP:
            kept.append(int(i))
    return kept


def overlaps(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (n, 4) with boxes (m, 4): (n, m)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (first, second)]
    return shared / np.maximum(areas[0][:, None] + areas[1][None] - shared, 1e-12)
