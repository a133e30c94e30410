"""Measures of text recognition: word accuracy and its interval, edit distance, area under the curve, overlap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipelines.text_recognition.charset import fold


def is_right(read: str, label: str) -> bool:
    """The field's comparison: without case and accents, nothing but 0-9 and a-z."""
    return fold(read) == fold(label)


def is_comparable(label: str) -> bool:
    """Whether `is_right` can judge it: not where letters would be lost that the alphabet does not have (Cyrillic)."""
    if label.isascii():
        return True
    return bool(fold(label)) and all(fold(character) for character in label if character.isalnum())


def wilson_interval(right: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share, 0 to 1 (Wilson 1927)."""
    from scipy.stats import binomtest

    interval = binomtest(right, count).proportion_ci(0.95, "wilson")
    return float(interval.low), float(interval.high)


def edit_distance(first: str, second: str) -> int:
    """Insertions, deletions and replacements between two texts (Levenshtein 1966)."""
    above = list(range(len(second) + 1))
    for row, symbol in enumerate(first, 1):
        line = [row]
        for column, other in enumerate(second, 1):
            line.append(min(above[column] + 1, line[-1] + 1, above[column - 1] + (symbol != other)))
        above = line
    return above[-1]


def one_minus_ned(read: str, label: str) -> float:
    """1 less the edit distance of the folded texts over the longer length; 1 where both are empty."""
    first, second = fold(read), fold(label)
    return 1 - edit_distance(first, second) / max(len(first), len(second), 1)


def area_under_curve(true_scores: Sequence[float], false_scores: Sequence[float]) -> float:
    """Chance that a true one scores above a false one (ROC AUC), by ranks."""
    from scipy.stats import mannwhitneyu

    statistic = mannwhitneyu(true_scores, false_scores, method="asymptotic").statistic
    return float(statistic / (len(true_scores) * len(false_scores)))


def overlap(first_xyxy: np.ndarray, second_xyxy: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes, (n, 4) and (n, 4) -> (n,), 0 to 1."""
    low = np.maximum(first_xyxy[:, :2], second_xyxy[:, :2])
    high = np.minimum(first_xyxy[:, 2:], second_xyxy[:, 2:])
    shared = np.prod(np.clip(high - low, 0, None), 1)
    areas = sum(np.prod(boxes[:, 2:] - boxes[:, :2], 1) for boxes in (first_xyxy, second_xyxy))
    return np.asarray(shared / np.maximum(areas - shared, 1e-9))
