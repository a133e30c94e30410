"""Alignment of frames, only when asked: median threshold bitmaps, phase correlation and ECC, by what suits the task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.fusion.inputs import FrameSet

ECC_STEPS, ECC_GAIN = 60, 1e-5
MOST_CORRELATED, MOST_REFINED = 250_000, 1_000_000  # pixels at which a shift is looked for, and then refined
SMALLEST_PX = 32
RESPONSE = 0.08  # of phase correlation, below which a shift is a guess


@dataclass(frozen=True)
class Transform:
    """How one frame was moved onto frame 1: a 2 x 3 affine matrix in pixels; `is_accepted` False left it as it was."""

    frame: int
    matrix: tuple[tuple[float, ...], ...]
    is_accepted: bool
    note: str


def align(frames: FrameSet, task: str) -> tuple[FrameSet, tuple[Transform, ...]]:
    """Move every frame onto the first and cut to the area that all share.

    A transform is accepted only if mutual information rises; else the frame stays where it is and the note says so.
    """
    from pipelines.fusion.inputs import Notice
    from pipelines.fusion.operators import luma

    planes = luma(frames.images)
    transforms = tuple(_transform(planes, index, task) for index in range(1, len(planes)))
    accepted = tuple(one for one in transforms if one.is_accepted)
    rejected = tuple(Notice("warning", one.note) for one in transforms if not one.is_accepted)
    aligned = moved(frames, accepted)
    return replace(aligned, notices=aligned.notices + rejected), transforms


def _unshifted(frames: FrameSet) -> tuple:
    return tuple(notice for notice in frames.notices if "Press Align" not in notice.text)


def _transform(planes: np.ndarray, index: int, task: str) -> Transform:
    """The affine that maps frame 1's pixel positions into frame `index`, sampled inversely by warpAffine."""
    first, other = planes[0], planes[index]
    identity = np.eye(2, 3, dtype=np.float32)
    if min(first.shape) < SMALLEST_PX:
        return Transform(index, _rows(identity), False, f"Frame {index + 1} is too small to be aligned.")
    shifts = [estimate_shift(first, other)] + ([_bitmap_shift(first, other)] if task == "mef" else [])
    (a, b), reduction = _reduced((first, other), MOST_REFINED)
    starts = [_rescaled(_moved_by(shift), 1 / reduction) for shift in shifts]
    found = _refined(a, b, max(starts, key=lambda matrix: _gain(a, b, matrix)), task)
    if _gain(a, b, found) <= 0:
        return Transform(index, _rows(identity), False, f"Frame {index + 1}: no better position found; it stays.")
    matrix = _rescaled(found, reduction)
    dx, dy = matrix[:, 2]
    return Transform(index, _rows(matrix), True, f"Frame {index + 1} is moved by {-dx:+.1f}, {-dy:+.1f} px.")


def _refined(first: np.ndarray, other: np.ndarray, start: np.ndarray, task: str) -> np.ndarray:
    """The matrix after ECC on what the frames of a task have in common; the start if it does not converge."""
    common = edge_strength if task in ("ivis", "med") else equalised
    found = ecc(common(first), common(other), start, is_affine=task != "mef")
    return start if found is None else found


def _reduced(planes: Sequence[np.ndarray], most_pixels: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Planes of one size by area means, of at most that many pixels, and how much (x, y) smaller they are."""
    import cv2

    height, width = planes[0].shape
    factor = max(1.0, (height * width / most_pixels) ** 0.5)
    size_wh = (round(width / factor), round(height / factor))
    small = [cv2.resize(plane, size_wh, interpolation=cv2.INTER_AREA) for plane in planes]
    return small, np.array([width, height]) / size_wh


def _rescaled(matrix: np.ndarray, factors_xy: np.ndarray) -> np.ndarray:
    """The same map between planes that are so many times as wide and high; pixel centres lie at whole numbers."""
    grow = np.diag([*factors_xy, 1.0])
    grow[:2, 2] = (factors_xy - 1) / 2
    whole = grow @ np.vstack([matrix, [0, 0, 1]]) @ np.linalg.inv(grow)
    return whole[:2].astype(np.float32)


def estimate_shift(first: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """How far `other` lies from `first` (dx, dy) in px, by phase correlation of gradients; 0, 0 if unclear."""
    import cv2

    if min(first.shape) < SMALLEST_PX:
        return 0.0, 0.0
    small, (x, y) = _reduced((first, other), MOST_CORRELATED)
    window = cv2.createHanningWindow(small[0].shape[::-1], cv2.CV_32F)
    (dx, dy), response = cv2.phaseCorrelate(edge_strength(small[0]), edge_strength(small[1]), window)
    return (dx * x, dy * y) if response > RESPONSE else (0.0, 0.0)


def mutual_information(first: np.ndarray, other: np.ndarray) -> float:
    """Nats between two planes in 0..1, from a 32 x 32 histogram."""
    table = np.histogram2d(first.ravel(), other.ravel(), 32, [[0, 1], [0, 1]])[0] / first.size
    outer = table.sum(1, keepdims=True) @ table.sum(0, keepdims=True)
    seen = table > 0
    return float((table[seen] * np.log(table[seen] / outer[seen])).sum())


def _moved_by(shift: tuple[float, float]) -> np.ndarray:
    return np.array([[1, 0, shift[0]], [0, 1, shift[1]]], np.float32)


def _gain(first: np.ndarray, other: np.ndarray, matrix: np.ndarray) -> float:
    """Rise of mutual information by the move, both measured where it leaves pixels; -1 if that is under half."""
    shifted = _warped(other, _rows(matrix))
    top, bottom, left, right = common_area(first.shape, (Transform(1, _rows(matrix), True, ""),))
    if bottom - top < first.shape[0] // 2 or right - left < first.shape[1] // 2:
        return -1.0
    area = slice(top, bottom), slice(left, right)
    return mutual_information(first[area], shifted[area]) - mutual_information(first[area], other[area])


def _bitmap_shift(first: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Shift between exposures by median threshold bitmaps (Ward 2003)."""
    import cv2

    a, b = ((plane * 255).astype(np.uint8) for plane in (first, other))
    shift = cv2.createAlignMTB().calculateShift(a, b)
    return -float(shift[0]), -float(shift[1])


def ecc(first: np.ndarray, other: np.ndarray, start: np.ndarray, is_affine: bool) -> np.ndarray | None:
    """The matrix (2 x 3, first to other) that maximises the enhanced correlation coefficient; None if it diverges.

    Args:
        start: where the search begins. is_affine: else a turn and a shift alone (Euclidean).

    Source: Evangelidis and Psarakis (2008), as in OpenCV.
    """
    import cv2

    motion = cv2.MOTION_AFFINE if is_affine else cv2.MOTION_EUCLIDEAN
    until = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ECC_STEPS, ECC_GAIN)
    try:
        found = cv2.findTransformECC(first, other, start.copy(), motion, until, None, 5)  # type: ignore[call-overload]
    except cv2.error:
        return None  # it did not converge: the start stands
    return found[1]


def edge_strength(plane: np.ndarray) -> np.ndarray:
    """Gradient strength of a smoothed plane, float32."""
    import cv2

    smooth = cv2.GaussianBlur(plane.astype(np.float32), (0, 0), 1.2)
    return cv2.magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))


def equalised(plane: np.ndarray) -> np.ndarray:
    """(H, W) in 0..1 with a flat histogram, float32: exposures of one scene then look alike."""
    import cv2

    return cv2.equalizeHist((np.clip(plane, 0, 1) * 255).astype(np.uint8)).astype(np.float32) / 255


def _warped(image: np.ndarray, matrix: tuple[tuple[float, ...], ...]) -> np.ndarray:
    import cv2

    size_wh = (image.shape[1], image.shape[0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(image, np.array(matrix, np.float32), size_wh, flags=flags, borderMode=cv2.BORDER_REPLICATE)


def common_area(size_hw: tuple[int, ...], transforms: tuple[Transform, ...]) -> tuple[int, int, int, int]:
    """Rows and columns of frame 1 that every moved frame covers: top, bottom, left, right (exclusive); none: empty."""
    import cv2

    height, width = size_hw[:2]
    whole = np.ones((height, width), np.uint8)
    valid = whole > 0
    for one in transforms:
        flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
        valid &= cv2.warpAffine(whole, np.array(one.matrix, np.float32), (width, height), flags=flags) > 0
    return _filled_box(valid)


def _filled_box(valid: np.ndarray) -> tuple[int, int, int, int]:
    """A large box (top, bottom, left, right) without a pixel that is not valid, in a convex area.

    The whole loses the row or column at its edge with the largest share of other pixels, until none has any. By share
    and not by count: else a wide picture that is turned by 20 degrees loses all its rows.
    """
    top, bottom, left, right = 0, valid.shape[0], 0, valid.shape[1]
    while top < bottom and left < right:
        box = valid[top:bottom, left:right]
        shares = [1 - np.count_nonzero(edge) / len(edge) for edge in (box[0], box[-1], box[:, 0], box[:, -1])]
        worst = int(np.argmax(shares))
        if not shares[worst]:
            break
        top, left = top + (worst == 0), left + (worst == 2)
        bottom, right = bottom - (worst == 1), right - (worst == 3)
    return top, bottom, left, right


def _rows(matrix: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in matrix)


# By hand, and to look at


def manual_transform(
    frame: int, size_hw: tuple[int, int], dx_px: float = 0, dy_px: float = 0, rotation_deg: float = 0, scale: float = 1
) -> Transform:
    """A move set by hand: frame `frame` turned (counter-clockwise) and enlarged about its centre, then shifted.

    Args:
        dx_px, dy_px: positive moves the frame's content right and down.

    Raises:
        UserError: a scale outside 0.5 to 2; a shift of more than half the picture.
    """
    import cv2

    height, width = size_hw
    if not 0.5 <= scale <= 2:
        raise UserError(f"scale {scale:g} is outside 0.5 to 2.")
    if abs(dx_px) > width / 2 or abs(dy_px) > height / 2:
        raise UserError(f"shift {dx_px:g}, {dy_px:g} px is more than half of the {width} × {height} picture.")
    forward = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), rotation_deg, scale)
    forward[:, 2] += np.array([dx_px, dy_px])
    note = f"Frame {frame + 1} is moved by {dx_px:+.1f}, {dy_px:+.1f} px, {rotation_deg:+.1f}°, × {scale:.3g}."
    return Transform(frame, _rows(cv2.invertAffineTransform(forward)), True, note)


def moved(frames: FrameSet, transforms: Sequence[Transform]) -> FrameSet:
    """The frames with these moves applied, cut to the area that all share.

    Raises:
        UserError: a move of a frame that is not there, or no area is shared.
    """
    from pipelines.fusion.inputs import Notice

    images = list(frames.images)
    for one in transforms:
        if not 0 <= one.frame < len(images):
            raise UserError(f"there is no frame {one.frame + 1}; the set has {len(images)}.")
        images[one.frame] = _warped(images[one.frame], one.matrix)
    top, bottom, left, right = common_area(frames.images.shape[1:3], tuple(transforms))
    height, width = frames.images.shape[1:3]
    if bottom - top < min(SMALLEST_PX, height // 2) or right - left < min(SMALLEST_PX, width // 2):
        raise UserError("the moved frames share hardly any area; use smaller moves.")
    cut = np.ascontiguousarray(np.stack(images)[:, top:bottom, left:right])
    notices = tuple(Notice("info", one.note) for one in transforms)
    alpha = _moved_mask(frames.alpha, transforms)
    alpha = None if alpha is None else np.ascontiguousarray(alpha[top:bottom, left:right])
    return replace(frames, images=cut, alpha=alpha, notices=_unshifted(frames) + notices)


def _moved_mask(alpha: np.ndarray | None, transforms: Sequence[Transform]) -> np.ndarray | None:
    """What is opaque where it was and wherever a frame was moved to: whose mask it is, is not known."""
    if alpha is None:
        return None
    return np.minimum.reduce([alpha, *(_warped(alpha, one.matrix) for one in transforms)])


def checkerboard(first: np.ndarray, other: np.ndarray, squares: int = 8) -> np.ndarray:
    """Two images of one size, (H, W, 3) 0..1, in alternate squares, `squares` along the shorter side."""
    height, width = first.shape[:2]
    side = max(1, min(height, width) // squares)
    rows, columns = np.arange(height)[:, None] // side, np.arange(width)[None] // side
    return np.where(((rows + columns) % 2 == 0)[..., None], first, other)


def red_cyan_edges(first: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Edges of the first image in red, of the other in cyan, (H, W, 3) 0..1; where they agree they add up to white."""
    from pipelines.fusion.operators import luma

    red, cyan = (edge_strength(luma(image)) for image in (first, other))
    red, cyan = (edges / max(float(np.percentile(edges, 99)), 1e-6) for edges in (red, cyan))
    return np.clip(np.dstack([red, cyan, cyan]), 0, 1).astype(np.float32)


def blink(first: np.ndarray, other: np.ndarray, path: Path, period_ms: int = 600) -> Path:
    """Write an animation that shows two images (H, W, 3), 0..1, in turn: what is out of place jumps."""
    from PIL import Image

    pictures = [Image.fromarray(np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)) for image in (first, other)]
    pictures[0].save(path, "WEBP", save_all=True, append_images=pictures[1:], duration=period_ms, loop=0, lossless=True)
    return path
