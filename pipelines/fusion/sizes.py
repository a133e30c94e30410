"""One pixel grid for all frames: reduced, cropped or laid where their edges agree, and never stretched.

A `Fitting` is made once for a set and can be applied again: to the masks of its frames, and to every frame of a clip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipelines.shared.errors import UserError
from pipelines.shared.notice import Notice, info, warning

if TYPE_CHECKING:
    from pipelines.fusion.options import FusionOptions
    from pipelines.shared.images import OpenedImage

SAME_ASPECT = 0.01
VISIBLE = 1  # place of the visible frame in an infrared-visible pair
SMALLEST_PX = 16  # of the area that registered frames share
SIZES_TITLE = "Sizes do not go together"
WHERE = "under “Frames of unlike shape” in the Settings"  # by the words of the page
CROP_INSTEAD = f"Choose “centre crop” {WHERE} instead"


@dataclass(frozen=True)
class View:
    """How one frame comes onto the grid: a box of it (top, bottom, left, right) resized, or all of it warped.

    `matrix` (2 x 3, px) leads from positions on the grid to positions in the frame.
    """

    box: tuple[int, int, int, int]
    matrix: tuple[tuple[float, ...], ...] | None = None


@dataclass(frozen=True)
class Fitting:
    """One `View` per frame onto a grid of `size_wh`, and what is to be said about it."""

    size_wh: tuple[int, int]
    views: tuple[View, ...]
    notices: tuple[Notice, ...] = ()

    def apply(self, index: int, image: np.ndarray) -> np.ndarray:
        """Frame `index`, (h, w) or (h, w, C) float32, on the grid: (H, W) or (H, W, C)."""
        view = self.views[index]
        if view.matrix is not None:
            return warped_onto(image, np.array(view.matrix), self.size_wh)
        top, bottom, left, right = view.box
        return resized(image[top:bottom, left:right], self.size_wh)


def fitting(frames: Sequence[OpenedImage], options: FusionOptions) -> Fitting:
    """The grid of a set and each frame's way onto it.

    Raises:
        UserError: shapes that differ by more than 1 % where `fit` is "ask"; frames that "register" cannot place.
    """
    sizes = [frame.pixels.shape[:2] for frame in frames]
    whole = [(0, height, 0, width) for height, width in sizes]
    if len(set(sizes)) == 1:
        return Fitting(sizes[0][::-1], tuple(View(box) for box in whole))
    keeps_visible = _keeps_visible(options)
    if grid_of(sizes, options):
        return _resized_views(frames, whole, keeps_visible, ())
    if options.fit == "ask":
        raise _refusal(frames)
    if options.fit == "crop":
        aspect = min(width / height for height, width in sizes)
        boxes = [_centre_box(size, aspect) for size in sizes]
        said = warning("The frames had different shapes; they are cropped about the centre.")
        return _resized_views(frames, boxes, keeps_visible, (said,))
    return _registered_views(frames, options.task, _reference(sizes, keeps_visible))


def grid_of(sizes_hw: Sequence[tuple[int, ...]], options: FusionOptions) -> tuple[int, ...] | None:
    """(H, W) of the grid of frames of one shape, which their sizes alone decide; None where shapes differ."""
    aspects = [width / height for height, width in sizes_hw]
    if max(aspects) / min(aspects) - 1 > SAME_ASPECT:
        return None
    return sizes_hw[_reference(sizes_hw, _keeps_visible(options))]


def _keeps_visible(options: FusionOptions) -> bool:
    return options.frame_size == "visible" and options.task == "ivis"


def resized(image: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """By area means where it shrinks, bicubically (clipped to 0..1) where it grows."""
    import cv2

    height, width = image.shape[:2]
    if (width, height) == tuple(size_wh):
        return image
    if size_wh[0] * size_wh[1] <= width * height:
        return cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA)
    return np.clip(cv2.resize(image, size_wh, interpolation=cv2.INTER_CUBIC), 0, 1)


def warped_onto(image: np.ndarray, matrix: np.ndarray, size_wh: tuple[int, int]) -> np.ndarray:
    """Sample `image` at matrix @ (x, y, 1) for each position of a grid; a large frame is reduced first, by area."""
    import cv2

    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))  # frame pixels per grid pixel
    if scale > 1.5:
        size = (max(1, round(image.shape[1] / scale)), max(1, round(image.shape[0] / scale)))
        factors = np.array([size[0] / image.shape[1], size[1] / image.shape[0]])
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        matrix = matrix * factors[:, None]
        matrix[:, 2] += factors / 2 - 0.5  # pixel centres lie at whole numbers
    flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_LINEAR if scale >= 1 else cv2.INTER_CUBIC)
    warped = cv2.warpAffine(image, matrix.astype(np.float32), size_wh, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(warped, 0, 1)


def _reference(sizes: Sequence[tuple[int, ...]], keeps_visible: bool) -> int:
    """The frame whose grid is used."""
    return VISIBLE if keeps_visible else min(range(len(sizes)), key=lambda k: sizes[k][0] * sizes[k][1])


def _resized_views(
    frames: Sequence[OpenedImage], boxes: Sequence[tuple[int, int, int, int]], keeps_visible: bool,
    said: tuple[Notice, ...],
) -> Fitting:  # fmt: skip
    sizes = [(bottom - top, right - left) for top, bottom, left, right in boxes]
    height, width = sizes[_reference(sizes, keeps_visible)]
    grown = [frame.name for frame, size in zip(frames, sizes, strict=True) if size[0] * size[1] < height * width]
    how = f"{grown[0]} is enlarged (bicubic), and" if grown else "The frames had different sizes;"
    text = f"{how} all are used at {width} × {height}."
    return Fitting((width, height), tuple(View(box) for box in boxes), (*said, info(text)))


def _centre_box(size_hw: tuple[int, ...], aspect: float) -> tuple[int, int, int, int]:
    """The centre part with width / height = aspect."""
    height, width = size_hw
    wanted = (round(height * aspect), height) if width / height > aspect else (width, round(width / aspect))
    new_width, new_height = max(1, wanted[0]), max(1, wanted[1])
    left, top = (width - new_width) // 2, (height - new_height) // 2
    return top, top + new_height, left, left + new_width


def _registered_views(frames: Sequence[OpenedImage], task: str, reference: int) -> Fitting:
    from pipelines.fusion.field_of_view import find_view, shared_box
    from pipelines.fusion.operators import luma

    planes = [luma(frame.pixels) for frame in frames]
    matrices = {reference: np.eye(2, 3)}
    for index, plane in enumerate(planes):
        if index == reference:
            continue
        found = find_view(planes[reference], plane, task)
        if found is None:
            raise UserError(
                f"{frames[index].name} could not be laid over {frames[reference].name}: no place was found where their "
                f"edges agree. {CROP_INSTEAD}, or bring frames of one shape.", SIZES_TITLE,
            )  # fmt: skip
        matrices[index] = found
    height, width = planes[reference].shape
    top, bottom, left, right = shared_box((height, width), [(matrices[k], planes[k].shape) for k in matrices])
    if min(bottom - top, right - left) < SMALLEST_PX:
        raise UserError(f"The registered frames share hardly any area. {CROP_INSTEAD}.", SIZES_TITLE)
    size_wh = (right - left, bottom - top)
    views = tuple(_view(frames[k], matrices[k], (left, top), size_wh) for k in range(len(frames)))
    said = [_where(frames[k], frames[reference], matrices[k]) for k in matrices if k != reference]
    used = info(f"The area they share is used at {size_wh[0]} × {size_wh[1]}.")
    return Fitting(size_wh, views, (*said, used))


def _view(frame: OpenedImage, matrix: np.ndarray, origin_xy: tuple[int, int], size_wh: tuple[int, int]) -> View:
    """A plain cut where nothing is resampled."""
    shifted = matrix.copy()
    shifted[:, 2] += matrix[:, :2] @ np.array(origin_xy)
    if np.array_equal(matrix, np.eye(2, 3)):
        left, top = origin_xy
        return View((top, top + size_wh[1], left, left + size_wh[0]))
    height, width = frame.pixels.shape[:2]
    return View((0, height, 0, width), tuple(tuple(float(value) for value in row) for row in shifted))


def _where(frame: OpenedImage, reference: OpenedImage, matrix: np.ndarray) -> Notice:
    scale = 1 / float(np.hypot(matrix[0, 0], matrix[1, 0]))
    x, y = -matrix[:, 2] * scale
    return warning(
        f"{frame.name} is laid over {reference.name} where their edges agree: × {scale:.3f}, its corner at "
        f"{x:+.0f}, {y:+.0f} px. Check it in the checkerboard."
    )


def _refusal(frames: Sequence[OpenedImage]) -> UserError:
    listed = ", ".join(f"{frame.name} {frame.pixels.shape[1]} × {frame.pixels.shape[0]}" for frame in frames)
    return UserError(
        f"The frames have different shapes ({listed}) and are not stretched. Choose “centre crop” or “register” "
        f"{WHERE}, or bring frames of one shape.", SIZES_TITLE,
    )  # fmt: skip
