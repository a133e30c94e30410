"""What a fused picture shows that none of its frames does: halos, grids, stripes, grain, turned edges, burnt greys.

Measured on luma, against the frames alone: no reference picture is needed. Each measure has a size from which an eye
sees it; a score is the measure in units of that size, so 1 is "just visible" and a picture's score is its worst one.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

Plane = np.ndarray  # (H, W) float32

BLOCK_PX = 16  # of the deepest stage, which pictures are padded to
WIDE_PX = 31  # what is brighter over more than this is a tone, not a halo
STEP = 0.02  # of luma: five grey levels
FLAT = 0.008  # of luma: two grey levels
# A halo and turned edges as strong as the strongest that Laplacian pyramids and OpenCV's exposure fusion leave on
# generated scenes; a chessboard, a grid and grain of a few grey levels where everything else is flat.
VISIBLE = {"clipped": 0.02, "halo": 0.12, "grid": 0.015, "checker": 0.003, "grain": 0.04, "turned": 0.12}


@dataclass(frozen=True)
class Artefacts:
    """Shares and sizes, 0 and up, smaller is better.

    Attributes:
        clipped: share of pixels that fall out of 0..1 by a `STEP` where no frame is near that end.
        halo: by how much the picture leaves the range of all frames around a pixel, smoothed over 5 pixels and without
            what is brighter or darker over a wide area; luma, 99th percentile.
        grid: by how much the usual step from one block of 16 to the next exceeds that within a block, beyond the
            frames' own; luma.
        checker: amplitude of stripes or a chessboard of single pixels, beyond the frames' own; luma.
        grain: texture where every frame is flat, beyond theirs; luma, 99th percentile.
        turned: share of edges, common to all frames, that run the other way.
        is_finite: no pixel is NaN or infinite.
    """

    clipped: float
    halo: float
    grid: float
    checker: float
    grain: float
    turned: float
    is_finite: bool = True

    @property
    def scores(self) -> dict[str, float]:
        """Each measure in units of what is just visible."""
        return {name: getattr(self, name) / limit for name, limit in VISIBLE.items()}

    @property
    def score(self) -> float:
        """The worst of them; infinite where a pixel is."""
        return max(self.scores.values()) if self.is_finite else float("inf")


def find_artefacts(fused: Plane, frames: np.ndarray) -> Artefacts:
    """Compare a fused luma with its frames.

    Args:
        fused: (H, W), not clipped: what leaves 0..1 counts.
        frames: (K, H, W) float32, 0 to 1.
    """
    if not np.isfinite(fused).all():
        return Artefacts(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, is_finite=False)
    fused = fused.astype(np.float32)
    return Artefacts(
        clipped=_clipped(fused, frames),
        halo=_halo(fused, frames),
        grid=_grid(fused, frames),
        checker=_checker(fused, frames),
        grain=_grain(fused, frames),
        turned=_turned(fused, frames),
    )


def _range(frames: np.ndarray, window_px: int) -> tuple[Plane, Plane]:
    """Smallest and largest of all frames in a window around each pixel, (H, W) each."""
    kernel = np.ones((window_px, window_px), np.uint8)
    return cv2.erode(frames.min(0), kernel), cv2.dilate(frames.max(0), kernel)


def _clipped(fused: Plane, frames: np.ndarray) -> float:
    low, high = _range(frames, 3)
    burnt = (fused > 1 + STEP) & (high < 1 - STEP)
    drowned = (fused < -STEP) & (low > STEP)
    return float((burnt | drowned).mean())


def _halo(fused: Plane, frames: np.ndarray) -> float:
    low, high = _range(frames, 5)
    outside = cv2.blur(np.maximum(fused - high, 0) - np.maximum(low - fused, 0), (5, 5))
    return float(np.percentile(np.abs(outside - cv2.blur(outside, (WIDE_PX, WIDE_PX))), 99))


def _grid(fused: Plane, frames: np.ndarray) -> float:
    return max(0.0, _steps(fused) - max(_steps(frame) for frame in frames))


def _steps(plane: Plane) -> float:
    """By how much the usual step between blocks is larger than the usual step within them; luma."""
    return max(_excess(np.diff(plane, axis=1)), _excess(np.diff(plane.T, axis=1)))


def _excess(step: Plane) -> float:
    """Of steps along x, each without the slope that its neighbours go on with; medians leave true edges out."""
    sharp = np.abs(step[:, 1:-1] - (step[:, :-2] + step[:, 2:]) / 2)
    if sharp.shape[1] < 2 * BLOCK_PX:
        return 0.0
    usual = [float(np.median(sharp[:, k::BLOCK_PX])) for k in range(BLOCK_PX)]
    return max(usual) - float(np.median(usual))


def _checker(fused: Plane, frames: np.ndarray) -> float:
    return max(0.0, _alternating(fused) - max(_alternating(frame) for frame in frames))


def _alternating(plane: Plane) -> float:
    """Amplitude of stripes or a chessboard of single pixels in 16 x 16 tiles; luma, median over the tiles."""
    x, y = 1.0 - 2.0 * (np.arange(plane.shape[1]) % 2), 1.0 - 2.0 * (np.arange(plane.shape[0])[:, None] % 2)
    tiles = tuple(max(1, side // BLOCK_PX) for side in plane.shape)
    cut = plane[: tiles[0] * BLOCK_PX, : tiles[1] * BLOCK_PX]
    found = []
    for pattern in (x + 0 * y, y + 0 * x, x * y):
        product = (cut * pattern[: cut.shape[0], : cut.shape[1]]).astype(np.float32)
        found.append(np.median(np.abs(cv2.resize(product, tiles[::-1], interpolation=cv2.INTER_AREA))))
    return float(max(found))


def _grain(fused: Plane, frames: np.ndarray) -> float:
    flat = _texture(frames).max(0) < FLAT
    if flat.mean() < 0.005:
        return 0.0
    return float(max(0.0, np.percentile(_texture(fused[None])[0][flat] - _texture(frames).max(0)[flat], 99)))


def _texture(planes: np.ndarray) -> np.ndarray:
    """Distance of each pixel from the mean of its 5 x 5 neighbours, the largest nearby, (K, H, W)."""
    kernel = np.ones((5, 5), np.uint8)
    return np.stack([cv2.dilate(np.abs(plane - cv2.blur(plane, (5, 5))), kernel) for plane in planes])


def _turned(fused: Plane, frames: np.ndarray) -> float:
    return max(_against(np.diff(fused, axis=axis), np.diff(frames, axis=axis + 1)) for axis in (0, 1))


def _against(step: Plane, known: np.ndarray) -> float:
    """Share of steps larger than STEP in every frame, in one direction, that the fused picture takes the other way."""
    direction = np.sign(known[0])
    common = (known * direction > STEP).all(0)
    return float((step * direction < -STEP)[common].mean()) if common.mean() > 0.005 else 0.0
