"""Which frames have something to say: one even tone adds nothing, and equal frames are one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pipelines.fusion.options import FusionOptions

EVEN = 1 / 255  # frames whose values differ by less are one tone
GHOST_WEIGHT = 0.02
CLIPPED = (0.02, 0.98)  # luma that may stand for anything below or above
SAMPLE, FEWEST = 65_536, 32  # pixels that two exposures are compared on, at most and at least
FOLLOWS = 0.1  # distance of luma from the common line
SLOPES = (0.5, 2.0)


def informative(images: np.ndarray) -> list[int]:
    """Places of the frames (K, H, W, 3) to be fused: all but even tones, one of equal frames; all if none is more."""
    kept = [k for k, image in enumerate(images) if float(image.max()) - float(image.min()) >= EVEN]
    if kept and all(np.array_equal(images[k], images[kept[0]]) for k in kept[1:]):
        return kept[:1]
    return kept or list(range(len(images)))


def options_for(options: FusionOptions, kept: Sequence[int]) -> FusionOptions:
    """The options with the rows of the frames that are fused."""

    def of_kept(rows: tuple) -> tuple:
        return tuple(rows[k] for k in kept if k < len(rows))

    return replace(
        options,
        gains=of_kept(options.gains),
        tables=of_kept(options.tables),
        table_points=of_kept(options.table_points),
    )


def spread_out(weights: np.ndarray, kept: Sequence[int], count: int) -> np.ndarray:
    """Weights (len(kept), h, w) as (count, h, w): 0 for the frames that were left out."""
    whole = np.zeros((count, *weights.shape[1:]), np.float32)
    whole[list(kept)] = weights
    return whole


@dataclass(frozen=True)
class Ghosts:
    """What has moved between exposures, against the middle one.

    Attributes:
        trust: (K, H, W), 1 where a frame agrees with the reference, else GHOST_WEIGHT.
        cleaned: the frames with the reference, brought to their exposure, where they do not agree.
    """

    trust: np.ndarray
    cleaned: np.ndarray


def find_ghosts(planes: np.ndarray, tolerance: float = 0.15) -> Ghosts:
    """Compare each exposure with the middle one.

    Args:
        planes: luma (K, H, W), 0 to 1, sorted by exposure.
        tolerance: difference of luma, after the frame is brought to the reference's exposure, that is let pass. A
            clipped pixel is blamed only if the reference lies outside everything that clips there.
    """
    reference = planes[len(planes) // 2]
    trust, cleaned = np.ones_like(planes), planes.copy()
    for frame, factor, clean in zip(planes, trust, cleaned, strict=True):
        offset, slope = _exposure_fit(frame, reference)
        expected = np.clip(np.exp(offset + slope * np.log(np.clip(frame, *CLIPPED))), 0, 1)
        too_dark, too_bright = reference < expected - tolerance, reference > expected + tolerance
        has_moved = (too_dark & (frame > CLIPPED[0])) | (too_bright & (frame < CLIPPED[1]))
        factor[has_moved] = GHOST_WEIGHT
        clean[has_moved] = np.exp((np.log(np.clip(reference[has_moved], *CLIPPED)) - offset) / slope)
    return Ghosts(trust, np.clip(cleaned, 0, 1))


def _exposure_fit(frame: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """offset and slope of log(reference) over log(frame), of the pixels that follow one line; power laws are lines.

    The frames' histograms would be simpler to match, but a large thing that moves bends them.
    """
    stride = max(1, frame.size // SAMPLE)
    x, y = frame.reshape(-1)[::stride], reference.reshape(-1)[::stride]
    is_open = (x > CLIPPED[0]) & (x < CLIPPED[1]) & (y > CLIPPED[0]) & (y < CLIPPED[1])
    if is_open.sum() < FEWEST:
        return 0.0, 1.0
    x, y = np.log(x[is_open]), np.log(y[is_open])
    offset, slope = float(np.median(y - x)), 1.0
    for _ in range(3):
        follows = np.abs(np.exp(offset + slope * x) - np.exp(y)) < FOLLOWS
        if follows.sum() < FEWEST or np.ptp(x[follows]) < 0.1:
            break
        slope, offset = (float(value) for value in np.polyfit(x[follows], y[follows], 1))
        slope = min(max(slope, SLOPES[0]), SLOPES[1])
        offset = float(np.median(y[follows] - slope * x[follows]))
    return offset, slope
