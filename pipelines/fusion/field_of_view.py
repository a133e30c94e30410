"""Where the scene of one frame lies in another of a different field of view: scale and place by their edges.

Edges are compared by direction, as (strength, strength cos 2a, strength sin 2a) against the neighbourhood's strength:
what is an edge in one modality often is a fainter one, or one with its sides swapped, in the other. The reference is
looked for at some forty scales by normalised correlation, then exposures and focus frames are refined by ECC. Pairs of
modalities are not: on them ECC lost as many pixels as it won.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WORK_PX, FINE_PX = 192, 640  # longer side of the reference while it is looked for, and while its place is refined
NEIGHBOURHOOD_PX, FAINT = 8.0, 0.02
SCALE_STEP = 1.04
ZOOM = (0.5, 2.0)  # how far the scales go beyond those that fit width to width or height to height
MARGIN = 0.35  # of the reference that may lie outside the other frame
# What makes a place count: of 24 real pairs of modalities, cut at random, 22 pass; of 48 pairs of unlike scenes none.
EVIDENCE = 1.1  # correlation times clarity, at least
RUNNER_UP, ELSEWHERE_PX = 0.67, 10  # correlation of the next best place over that of the best, at most


@dataclass(frozen=True)
class Sighting:
    """Where a reference was found in another frame at one scale.

    Attributes:
        scale: pixels of the other frame per pixel of the reference, both as they came.
        corner_xy: of the reference's first pixel, in pixels of the other frame.
        correlation: -1 to 1.
        clarity: how far that lies above the mean of all places, in their standard deviations.
        runner_up: correlation of the next best place.
    """

    scale: float
    corner_xy: tuple[float, float] = (0.0, 0.0)
    correlation: float = -1.0
    clarity: float = 0.0
    runner_up: float = 1.0

    @property
    def is_clear(self) -> bool:
        """Whether this is the place, and not just the best of many."""
        stands_alone = self.runner_up <= RUNNER_UP * self.correlation
        return stands_alone and self.correlation * self.clarity >= EVIDENCE

    @property
    def matrix(self) -> np.ndarray:
        """From positions in the reference to positions in the other frame, (2, 3)."""
        return np.array([[self.scale, 0, self.corner_xy[0]], [0, self.scale, self.corner_xy[1]]])


def find_view(reference: np.ndarray, other: np.ndarray, task: str) -> np.ndarray | None:
    """The matrix (2 x 3, float64, px) from positions in `reference` to positions in `other`; None if it is unclear.

    Args:
        reference, other: luma planes (H, W), (h, w), float32, 0 to 1.
    """
    best = sight(reference, other)
    if not best.is_clear:
        return None
    return best.matrix if task in ("ivis", "med") else _refined(reference, other, best.matrix)


def sight(reference: np.ndarray, other: np.ndarray) -> Sighting:
    """The scale and place of highest correlation: all scales first, then finer ones about the best."""
    best = _best(reference, other, _scales(reference, other))
    return _best(reference, other, best.scale * np.linspace(1 / SCALE_STEP, SCALE_STEP, 9))


def shared_box(
    size_hw: tuple[int, int], views: Sequence[tuple[np.ndarray, tuple[int, ...]]]
) -> tuple[int, int, int, int]:
    """The box of a grid that every frame covers: top, bottom, left, right (exclusive); turns are taken to be small.

    Args:
        views: per frame its matrix from the grid, and its (h, w).
    """
    box = np.array([0.0, size_hw[0], 0.0, size_hw[1]])
    for matrix, (height, width) in views:
        back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))[:2]
        corners = np.array([[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]]) @ back.T
        top, bottom = corners[:2, 1].max(), corners[2:, 1].min() + 1
        left, right = corners[[0, 2], 0].max(), corners[[1, 3], 0].min() + 1
        box = np.array([max(box[0], top), min(box[1], bottom), max(box[2], left), min(box[3], right)])
    top, left = (int(np.ceil(value - 1e-6)) for value in box[[0, 2]])
    bottom, right = (int(np.floor(value + 1e-6)) for value in box[[1, 3]])
    return top, bottom, left, right


def _scales(reference: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Pixels of the other frame per pixel of the reference: from half of what fits one side to twice what fits both."""
    ratios = [theirs / ours for theirs, ours in zip(other.shape, reference.shape, strict=True)]
    low, high = min(ratios) * ZOOM[0], max(ratios) * ZOOM[1]
    return np.geomspace(low, high, int(np.ceil(np.log(high / low) / np.log(SCALE_STEP))) + 1)


def _best(reference: np.ndarray, other: np.ndarray, scales: np.ndarray) -> Sighting:
    reduction = max(1.0, max(reference.shape) / WORK_PX)
    template = _directions(_reduced(reference, reduction))
    found = (_at_scale(template, other, float(scale), reduction) for scale in scales)
    return max(found, key=lambda one: one.correlation)


def _at_scale(template: np.ndarray, other: np.ndarray, scale: float, reduction: float) -> Sighting:
    import cv2

    height, width = template.shape[:2]
    scene = _directions(_reduced(other, reduction * scale))
    top, left = round(height * MARGIN), round(width * MARGIN)
    padded = cv2.copyMakeBorder(scene, top, top, left, left, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    if padded.shape[0] < height + 2 or padded.shape[1] < width + 2:
        return Sighting(scale)
    scores = cv2.matchTemplate(padded, template, cv2.TM_CCOEFF_NORMED)
    spread = float(scores.std())
    if not np.isfinite(spread) or spread < 1e-6:
        return Sighting(scale)
    _, best, _, (x, y) = cv2.minMaxLoc(scores)
    per_pixel = other.shape[1] / scene.shape[1], other.shape[0] / scene.shape[0]  # the reduced size is rounded
    corner = ((x - left + 0.5) * per_pixel[0] - 0.5, (y - top + 0.5) * per_pixel[1] - 0.5)
    clarity = (best - float(scores.mean())) / spread
    near = slice(max(0, y - ELSEWHERE_PX), y + ELSEWHERE_PX + 1), slice(max(0, x - ELSEWHERE_PX), x + ELSEWHERE_PX + 1)
    scores[near] = -1
    return Sighting(scale, corner, best, clarity, float(scores.max()))


def _directions(plane: np.ndarray) -> np.ndarray:
    """Edges of a plane as (H, W, 3) float32: strength, and that times cosine and sine of twice the direction."""
    import cv2

    smooth = cv2.GaussianBlur(plane.astype(np.float32), (0, 0), 1.0)
    dx, dy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    strength = cv2.magnitude(dx, dy)
    around = cv2.GaussianBlur(strength, (0, 0), NEIGHBOURHOOD_PX) + FAINT
    twice = np.dstack([dx * dx - dy * dy, 2 * dx * dy]) / (strength[..., None] + 1e-9)
    return np.dstack([strength, twice]) / around[..., None]


def _reduced(plane: np.ndarray, factor: float) -> np.ndarray:
    """By area means for factors above 1, enlarged bilinearly below."""
    import cv2

    size_wh = max(8, round(plane.shape[1] / factor)), max(8, round(plane.shape[0] / factor))
    return cv2.resize(plane, size_wh, interpolation=cv2.INTER_AREA if factor > 1 else cv2.INTER_LINEAR)


def _refined(reference: np.ndarray, other: np.ndarray, coarse: np.ndarray) -> np.ndarray:
    """The coarse matrix after ECC on equalised brightness, if mutual information does not fall by it."""
    from pipelines.fusion.align import ecc, equalised, mutual_information
    from pipelines.fusion.sizes import warped_onto

    plane = _reduced(reference, max(1.0, max(reference.shape) / FINE_PX))
    size_wh = plane.shape[::-1]
    factors = reference.shape[1] / size_wh[0], reference.shape[0] / size_wh[1]
    grid = _on_grid(coarse, *factors)
    placed = warped_onto(other, grid, size_wh)
    step = ecc(equalised(plane), equalised(placed), np.eye(2, 3, dtype=np.float32), is_affine=False)
    if step is None:
        return coarse
    fine = grid @ np.vstack([step, [0, 0, 1]])
    gain = mutual_information(plane, warped_onto(other, fine, size_wh)) - mutual_information(plane, placed)
    return coarse if gain < 0 else _on_grid(fine, 1 / factors[0], 1 / factors[1])


def _on_grid(matrix: np.ndarray, x: float, y: float) -> np.ndarray:
    """The same map from a grid whose pixels are `x` times as wide and `y` times as high."""
    return matrix @ np.array([[x, 0, x / 2 - 0.5], [0, y, y / 2 - 0.5], [0, 0, 1]])
