"""The field's metrics: accuracy of boxes at an IoU, mean and overall IoU of masks, and answers to "is there any"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from pipelines.grounding.decode import Found, Raw, Thresholds, box_iou, found_in

ONE = Thresholds(existence=0.0, most=1)


@dataclass(frozen=True)
class Case:
    """An expression with its answer, for scoring.

    Attributes:
        boxes: of the targets, (k, 4), x0, y0, x1, y1, 0 to 1; none if there is no target.
        mask: of all targets, bool (4g, 4g).
        anchors: mask of the reference objects, bool (4g, 4g).
    """

    text: str
    kind: str
    boxes: np.ndarray
    mask: np.ndarray
    anchors: np.ndarray


def single_scores(cases: Sequence[Case], raws: Sequence[Raw], mask_threshold: float = 0.5) -> dict[str, float]:
    """Scores of the cases with one target, whether or not the network believes in it (4.1 of the field's custom)."""
    pairs = [(case, raw, found_in(raw, ONE)[0]) for case, raw in zip(cases, raws, strict=True) if len(case.boxes) == 1]
    if not pairs:
        return {}
    boxes = np.array([box_iou(found.box, case.boxes[0]) for case, _, found in pairs])
    overlaps = np.array([overlap(raw.mask >= mask_threshold, case.mask) for case, raw, _ in pairs])
    hits = [_at(case.mask, found.cell, len(raw.centre)) for case, raw, found in pairs]
    return {
        "n": len(pairs),
        **box_scores(boxes),
        **mask_scores(overlaps),
        "centre_hit": float(np.mean(hits)),
        "consistency": float(np.mean([found.consistency for _, _, found in pairs])),
    }


def box_scores(ious: np.ndarray) -> dict[str, float]:
    """Accuracy of boxes by their IoU with the true ones, (n,), with the 95 % interval of the usual one."""
    low, high = wilson_interval(int((ious >= 0.5).sum()), len(ious))
    rates = {f"acc@{share}": float((ious >= share).mean()) for share in (0.5, 0.75, 0.9)}
    return rates | {"acc@0.5_low": low, "acc@0.5_high": high}


def mask_scores(overlaps: np.ndarray) -> dict[str, float]:
    """Mean and overall IoU of masks, and precision at an IoU, from pixels of intersection and union, (n, 2)."""
    ious = _ratio(overlaps)
    overall = {"mIoU": float(ious.mean()), "oIoU": float(overlaps[:, 0].sum() / max(overlaps[:, 1].sum(), 1))}
    return overall | {f"Pr@{share}": float((ious >= share).mean()) for share in (0.5, 0.7, 0.9)}


def overlap(first: np.ndarray, second: np.ndarray) -> tuple[int, int]:
    """Pixels of intersection and union of two masks."""
    return int((first & second).sum()), int((first | second).sum())


def set_scores(cases: Sequence[Case], raws: Sequence[Raw], thresholds: Thresholds) -> dict[str, float]:
    """Scores for none, one or many targets (gRefCOCO's): N-acc, T-acc, F1 = 1 rate, gIoU, cIoU."""
    found = [found_in(raw, thresholds) for raw in raws]
    is_there = np.array([len(case.boxes) > 0 for case in cases])
    said = np.array([len(objects) > 0 for objects in found])
    overlaps = np.array([
        overlap((raw.mask >= thresholds.mask) & is_said, case.mask)
        for case, raw, is_said in zip(cases, raws, said, strict=True)
    ])  # fmt: skip
    exact = [is_exact(objects, case.boxes) for objects, case in zip(found, cases, strict=True)]
    scores = {"f1": float(np.mean(exact)), "gIoU": float(np.where(is_there, _ratio(overlaps), ~said).mean())}
    scores["cIoU"] = float(overlaps[:, 0].sum() / max(overlaps[:, 1].sum(), 1))
    if not is_there.all():
        scores["N-acc"] = float((~said)[~is_there].mean())
    if is_there.any():
        scores["T-acc"] = float(said[is_there].mean())
    return scores


def anchor_hits(cases: Sequence[Case], raws: Sequence[Raw]) -> dict[str, float]:
    """Share of expressions with a reference object whose anchor map is highest inside one."""
    hits = [
        _at(case.anchors, divmod(int(raw.anchor.argmax()), raw.anchor.shape[1]), len(raw.anchor))
        for case, raw in zip(cases, raws, strict=True)
        if case.anchors.any() and len(case.boxes)
    ]
    return {"n": len(hits), "anchor_hit": float(np.mean(hits))} if hits else {}


def is_exact(found: Sequence[Found], boxes: np.ndarray) -> bool:
    """Whether boxes and targets match one to one at an IoU of 0.5."""
    return exact_boxes([one.box for one in found], boxes)


def exact_boxes(found: Sequence[np.ndarray], boxes: np.ndarray) -> bool:
    """The same of boxes x0, y0, x1, y1 in any unit."""
    if len(found) != len(boxes):
        return False
    if not len(boxes):
        return True
    ious = np.array([[box_iou(one, box) for box in boxes] for one in found])
    return bool((ious[linear_sum_assignment(-ious)] >= 0.5).all())


def wilson_interval(hits: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    share, spread = hits / count, z * z / count
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * (share * (1 - share) / count + spread / (4 * count)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


def _ratio(overlaps: np.ndarray) -> np.ndarray:
    return np.where(overlaps[:, 1] > 0, overlaps[:, 0] / np.maximum(overlaps[:, 1], 1), 0.0)


def _at(mask: np.ndarray, cell: tuple[int, ...], side: int) -> bool:
    """Whether any pixel of a mask lies in a cell of a grid of `side`."""
    step = mask.shape[0] // side
    row, column = (int(n) * step for n in cell)
    return bool(mask[row : row + step, column : column + step].any())
