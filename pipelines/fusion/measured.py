"""The metrics of a fused picture at a size that takes seconds: for the page, and for the table of a batch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pipelines.shared.images import resized, to_bytes

if TYPE_CHECKING:
    from pipelines.fusion.inputs import FrameSet
    from pipelines.fusion.options import FusionOptions

MOST_MEASURED = 1_000_000  # pixels: the metrics of a larger picture would take minutes, and gigabytes


def measured_size(size_hw: tuple[int, ...]) -> tuple[int, int]:
    """The size at which a picture is measured: its own, or reduced to MOST_MEASURED pixels."""
    return size_within(size_hw, MOST_MEASURED)


def size_within(size_hw: tuple[int, ...], most_pixels: int) -> tuple[int, int]:
    """A size, reduced to about that many pixels where it has more."""
    factor = min(1.0, (most_pixels / (size_hw[0] * size_hw[1])) ** 0.5)
    return round(size_hw[0] * factor), round(size_hw[1] * factor)


def frames_at(frames: FrameSet, size_hw: tuple[int, int]) -> FrameSet:
    """Frames at another size, opaque; the same ones where it is theirs."""
    if frames.images.shape[1:3] == size_hw:
        return frames
    small = [resized(to_bytes(image), size_hw) for image in frames.images]
    return replace(frames, images=np.stack(small).astype(np.float32) / 255, alpha=None)


def measure(fused: np.ndarray, frames: FrameSet, options: FusionOptions) -> dict[str, float]:
    """`score` of a picture, (H, W, 3) uint8, at the size of these frames; they count as the pipeline sees them."""
    from pipelines.fusion.metrics import score
    from pipelines.fusion.polarity import oriented

    sources = [to_bytes(image) for image in oriented(frames.images, options)[0]]
    return score(resized(fused, frames.images.shape[1:3]), sources, options.task)
