"""One generated training sample of any fusion task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CLASSES = ("sky", "ground", "vegetation", "building", "vehicle", "person", "other")
SKY, GROUND, VEGETATION, BUILDING, VEHICLE, PERSON, OTHER = range(7)
IGNORE = 255
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # full-range BT.601


@dataclass(frozen=True)
class FusionSample:
    """Frames of one scene, and what is known about it because it was generated.

    images  (K, H, W, 3) float32 RGB 0..1
    roles   (K,) int64: 0 thermal or MRI, 1 visible or CT/PET/SPECT, -1 where frames are of one kind
    labels  (H, W) uint8 class per pixel as in CLASSES, 255 = ignore; None where the task has none
    target  (H, W, 3) float32 0..1, the right answer where it is known (multi-focus)
    matte   (K, H, W) float32 0..1, sums to 1 over frames: which frame is in focus at a pixel (multi-focus)
    """

    images: np.ndarray
    roles: np.ndarray
    labels: np.ndarray | None = None
    target: np.ndarray | None = None
    matte: np.ndarray | None = None

    @property
    def frames(self) -> np.ndarray:
        """Luma of the frames, (K, H, W) float32 0..1."""
        return self.images @ _LUMA


def given(part: np.ndarray | None) -> np.ndarray:
    """A part of a sample that samples of its task have."""
    assert part is not None
    return part


def stack(frames: list[np.ndarray]) -> np.ndarray:
    """Pictures (H, W, 3) or planes (H, W), any float type, as images (K, H, W, 3) float32 clipped to 0..1."""
    colour = [np.repeat(frame[..., None], 3, 2) if frame.ndim == 2 else frame for frame in frames]
    return np.clip(np.stack(colour), 0, 1).astype(np.float32)
