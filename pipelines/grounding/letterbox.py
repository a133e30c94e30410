"""A picture on the square canvas that the network reads, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.grounding.augmentation import GREY


@dataclass(frozen=True)
class Letterbox:
    """Where a picture of `width` x `height` pixels lies on a canvas of `side`: edges in canvas pixels."""

    width: int
    height: int
    side: int
    left: int
    top: int
    right: int
    bottom: int

    @staticmethod
    def of(width: int, height: int, side: int) -> Letterbox:
        """Long side fitted, in the middle."""
        scale = side / max(width, height)
        w, h = max(1, round(width * scale)), max(1, round(height * scale))
        left, top = (side - w) // 2, (side - h) // 2
        return Letterbox(width, height, side, left, top, left + w, top + h)

    @property
    def share(self) -> float:
        """Of the canvas that the picture covers, 0 to 1."""
        return (self.right - self.left) * (self.bottom - self.top) / self.side**2

    def place(self, pixels: np.ndarray) -> np.ndarray:
        """Pixels (H, W, 3) uint8 on the canvas, (side, side, 3)."""
        import cv2

        size = (self.right - self.left, self.bottom - self.top)
        is_smaller = self.width > size[0]
        canvas = np.full((self.side, self.side, 3), GREY, np.uint8)
        canvas[self.top : self.bottom, self.left : self.right] = cv2.resize(
            pixels, size, interpolation=cv2.INTER_AREA if is_smaller else cv2.INTER_LINEAR
        )
        return canvas

    def box(self, box: np.ndarray) -> tuple[float, float, float, float]:
        """A box in shares of the canvas to pixels of the picture, x0, y0, x1, y1, within it."""
        low, high = (self.left, self.top) * 2, (self.right, self.bottom) * 2
        size = (self.width, self.height) * 2
        lengths = [(b - a) for a, b in zip(low, high, strict=True)]
        x0, y0, x1, y1 = (
            min(max((float(v) * self.side - a) / length, 0.0), 1.0) * n
            for v, a, length, n in zip(box, low, lengths, size, strict=True)
        )
        return x0, y0, x1, y1

    def map(self, values: np.ndarray, most_pixels: int | None = None) -> np.ndarray:
        """A map over the canvas, (n, n), at the picture's size, float32 (H, W); smaller if that has more pixels."""
        import cv2

        canvas = cv2.resize(values.astype(np.float32), (self.side, self.side), interpolation=cv2.INTER_LINEAR)
        inner = np.ascontiguousarray(canvas[self.top : self.bottom, self.left : self.right])
        factor = min(1.0, ((most_pixels or np.inf) / (self.width * self.height)) ** 0.5)
        size = max(1, round(self.width * factor)), max(1, round(self.height * factor))
        return cv2.resize(inner, size, interpolation=cv2.INTER_LINEAR)
