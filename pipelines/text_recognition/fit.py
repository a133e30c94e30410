"""A word crop of any size to the one size the network reads: stretched to 128 x 32."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.shared.errors import UserError

HEIGHT_PX, WIDTH_PX = 32, 128


def fit(image: np.ndarray) -> np.ndarray:
    """Stretch to 128 x 32; averaged where it shrinks, cubic where it grows.

    Args:
        image: uint8 RGB, (H, W, 3).

    Returns:
        float32, (3, 32, 128), 0 to 1.

    Raises:
        UserError: the picture is not uint8 RGB or has no pixels.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise UserError(
            f"A word crop of {image.dtype} {image.shape} came; expected uint8 RGB, (height, width, 3), with at least "
            "one pixel."
        )
    return np.ascontiguousarray(stretch(image, HEIGHT_PX, WIDTH_PX).transpose(2, 0, 1), np.float32) / 255


def stretch(image: np.ndarray, height_px: int, width_px: int) -> np.ndarray:
    """uint8 (H, W, 3) to uint8 (height_px, width_px, 3), one axis after the other, each with the filter it needs."""
    for axis, size in ((0, height_px), (1, width_px)):
        now = image.shape[axis]
        if now == size:
            continue
        target = (image.shape[1], size) if axis == 0 else (size, image.shape[0])
        image = cv2.resize(image, target, interpolation=cv2.INTER_AREA if size < now else cv2.INTER_CUBIC)
    return image
