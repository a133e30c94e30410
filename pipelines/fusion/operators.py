"""From weights to a fused picture: table look-up, guided enlargement, and colour.

Three operators share the tables. `paper` looks weights up at 128 pixels and enlarges them with a guided filter; `fast`
does the same with a box filter and blends 8-bit colour directly; `pyramid` looks weights up at full size and blends
the frames' Laplacian pyramids with Gaussian pyramids of the weights, which keeps local contrast over wide exposure
gaps.

Source: MEFLUT (Jiang et al., ICCV 2023); pyramid blending as in exposure fusion (Mertens et al. 2007). Differs:
`pyramid` is not in the paper, and `fast` carries chroma with the luma weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.fusion.bands import TINY, Images, Plane, blend_colour, luma_plane, normalised
from pipelines.fusion.options import OPERATORS

LUMA = (0.299, 0.587, 0.114)
SHORT_SIDE_PX = 128
GUIDED_RADIUS_PX = 2
GUIDED_EPS = 1.0
DARK_LUMA = 8 / 255
STRIP_ROWS = 512


@dataclass(frozen=True)
class TableFusion:
    """A fused picture and what made it.

    Attributes:
        fused: (H, W, 3) RGB; float32 0 to 1, or uint8 where the frames were uint8.
        weights: (K, h, w) float32, sum over K is 1; full size for `pyramid`, short side 128 for the others.
    """

    fused: np.ndarray
    weights: np.ndarray


def fuse_with_tables(
    images: np.ndarray, tables: Plane, operator: str = "pyramid", gains: Sequence[float] | None = None,
    trust: Plane | None = None,
) -> TableFusion:  # fmt: skip
    """Blend exposures with one weight table per frame.

    Args:
        images: (K, H, W, 3) RGB, brightest first; float32 0 to 1 or uint8 0 to 255.
        tables: (K, 256) weights, 0 and up; entry floor(255 * luma).
        operator: one of OPERATORS.
        gains: per-frame exposure gain on the weights in EV; a weight is multiplied by 2**gain.
        trust: (K, h, w) factors of the weights, 0 to 1, of any size: small where something has moved.

    Raises:
        ValueError: an unknown operator, or a table count other than K.
    """
    if operator not in OPERATORS:
        raise ValueError(f'unknown operator "{operator}": expected one of {", ".join(OPERATORS)}')
    if len(tables) != len(images) or (gains is not None and len(gains) not in (0, len(images))):
        raise ValueError(f"{len(images)} frames need as many tables and gains, got {len(tables)} and {gains}")
    scaled = np.abs(np.asarray(tables, np.float32))
    if gains is not None and len(gains):
        scaled = scaled * np.exp2(np.asarray(gains, np.float32))[:, None]
    if len(images) == 1:
        return TableFusion(images[0].copy(), np.ones((1, *images.shape[1:3]), np.float32))
    if operator == "fast":
        return _fuse_fast(images, scaled, trust)
    if operator == "pyramid":
        return _fuse_pyramid(images if images.dtype == np.uint8 else _as_float(images), scaled, trust)
    result = _fuse_paper(_as_float(images), scaled, trust)
    return result if images.dtype != np.uint8 else TableFusion(to_bytes(result.fused), result.weights)


def guided_upsample(
    weight: Plane, guide_low: Plane, guide_high: Plane, radius_px: int = GUIDED_RADIUS_PX, eps: float = GUIDED_EPS
) -> Plane:
    """Enlarge a weight plane along the edges of a guide (fast guided filter).

    Args:
        weight, guide_low: (h, w) float32; the guide 0 to 1, because variances of 0..255 values lose float32 digits.
        guide_high: (H, W) float32, 0 to 1.
        radius_px: half window at low resolution; means at the border are over the part inside.
        eps: added to the guide's variance; the larger, the more it is a plain blur.

    Returns:
        (H, W) float32; may leave 0..1 slightly.
    """
    guide_mean, weight_mean = _box_mean(guide_low, radius_px), _box_mean(weight, radius_px)
    covariance = _box_mean(guide_low * weight, radius_px) - guide_mean * weight_mean
    variance = _box_mean(guide_low * guide_low, radius_px) - guide_mean * guide_mean
    slope = covariance / (variance + np.float32(eps))
    offset = weight_mean - slope * guide_mean
    size_wh = guide_high.shape[1], guide_high.shape[0]
    slope, offset = (cv2.resize(plane, size_wh, interpolation=cv2.INTER_LINEAR) for plane in (slope, offset))
    return slope * guide_high + offset


def reduce_plane(plane: Plane, short_side_px: int = SHORT_SIDE_PX) -> Plane:
    """Bilinear reduction without aliasing to a short side of `short_side_px`; smaller planes come back as they are."""
    from PIL import Image

    factor = short_side_px / min(plane.shape)
    if factor >= 1:
        return plane
    size_wh = max(1, round(plane.shape[1] * factor)), max(1, round(plane.shape[0] * factor))
    return np.asarray(Image.fromarray(plane).resize(size_wh, Image.Resampling.BILINEAR))


def luma(images: np.ndarray) -> Plane:
    """BT.601 luma of RGB, (..., 3) -> (...), float32 on the scale of the input."""
    pixels = np.asarray(images, np.float32)
    # transform: three times as fast as a matrix product with a vector of three.
    return cv2.transform(pixels.reshape(-1, 1, 3), np.array([LUMA], np.float32)).reshape(pixels.shape[:-1])


def fuse_chroma(images: Images, weights: Plane | None = None) -> tuple[Plane, Plane]:
    """Chroma of several frames: their mean, weighted by saturation.

    Args:
        images: (K, H, W, 3) float32 RGB, 0 to 1.
        weights: (K, H, W) luma weights; where a frame is almost black its saturation is mostly noise, and counts for no
            more than its luma weight. None leaves that out.

    Returns:
        Cb, Cr: (H, W) float32 each, centred on 0.5.
    """
    sums = np.zeros((4, *images.shape[1:3]), np.float32)
    for k, image in enumerate(images):
        y, cb, cr = ycc_planes(image)
        for row, plane in ((0, cb), (2, cr)):
            weight = np.abs(plane - 0.5)
            if weights is not None:
                weight = np.where(y < DARK_LUMA, np.minimum(weight, weights[k]), weight)
            weight += TINY
            sums[row] += weight * plane
            sums[row + 1] += weight
    return sums[0] / sums[1], sums[2] / sums[3]


def ycc_planes(image: Plane) -> tuple[Plane, Plane, Plane]:
    """Full-range BT.601 Y, Cb, Cr of (H, W, 3) RGB in 0..1; chroma is centred on 0.5."""
    red, green, blue = cv2.split(np.ascontiguousarray(image))
    y = LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue
    cb = 0.5 - 0.168736 * red - 0.331264 * green + 0.5 * blue
    cr = 0.5 + 0.5 * red - 0.418688 * green - 0.081312 * blue
    return y, cb, cr


def rgb_image(y: Plane, cb: Plane, cr: Plane) -> Plane:
    """RGB (H, W, 3) float32 of Y, Cb, Cr planes, clipped to 0..1."""
    blue_difference, red_difference = cb - np.float32(0.5), cr - np.float32(0.5)
    green = y - 0.344136 * blue_difference - 0.714136 * red_difference
    return np.clip(cv2.merge([y + 1.402 * red_difference, green, y + 1.772 * blue_difference]), 0, 1)


def to_bytes(image: Plane) -> np.ndarray:
    """0..1 to rounded 0..255."""
    pixels = cv2.convertScaleAbs(np.clip(image, 0, 1), alpha=255)  # rounds to even, as np.rint
    return np.asarray(pixels).reshape(image.shape)


def look_up(plane: np.ndarray, table: Plane) -> Plane:
    """Table entry floor(255 * value) for each value of 0..1; the tables are made for floor, not for rounding.

    A uint8 plane holds the entries' numbers already.
    """
    if plane.dtype == np.uint8:
        return cv2.LUT(plane, np.ascontiguousarray(table, np.float32))
    # 1e-4: 8-bit greys arrive as v / 255 and must not fall into the bin below by a rounding of float32.
    codes = np.clip(plane * np.float32(255) + np.float32(1e-4), 0, 255).astype(np.uint8)
    return cv2.LUT(codes, np.ascontiguousarray(table, np.float32))


def _trusted(weights: Plane, trust: Plane | None) -> Plane:
    """Weights (K, h, w) times the trust, brought to their size; in place."""
    if trust is None:
        return weights
    size_wh = weights.shape[2], weights.shape[1]
    for weight, plane in zip(weights, trust, strict=True):
        weight *= cv2.resize(plane, size_wh, interpolation=cv2.INTER_AREA)
    return weights


def _fuse_pyramid(images: np.ndarray, tables: Plane, trust: Plane | None) -> TableFusion:
    weights = np.empty(images.shape[:3], np.float32)
    for weight, image, table in zip(weights, images, tables, strict=True):
        weight[:] = look_up(luma_plane(image), table)
    shares = normalised(_trusted(weights, trust))
    return TableFusion(blend_colour(images, shares), shares)


def _fuse_paper(images: Images, tables: Plane, trust: Plane | None) -> TableFusion:
    lumas = np.stack([luma(image) for image in images])
    reduced = [reduce_plane(plane) for plane in lumas]
    low = _trusted(np.stack([look_up(plane, table) for plane, table in zip(reduced, tables, strict=True)]), trust)
    weights = np.stack([guided_upsample(*planes) for planes in zip(low, reduced, lumas, strict=True)])
    weights = normalised(np.abs(weights, out=weights))
    luma_fused = np.clip(np.einsum("khw,khw->hw", weights, lumas), 0, 1)
    fused = np.empty(images.shape[1:], np.float32)
    for top in range(0, len(fused), STRIP_ROWS):  # pixel by pixel: only the room it takes depends on the strips
        rows = slice(top, top + STRIP_ROWS)
        fused[rows] = rgb_image(luma_fused[rows], *fuse_chroma(images[:, rows], weights[:, rows]))
    return TableFusion(fused, normalised(low))


def _fuse_fast(images: np.ndarray, tables: Plane, trust: Plane | None) -> TableFusion:
    """One weight per pixel for all of RGB, blended in the input's own type; K > 2 frames are taken in turn."""
    height, width = images.shape[1:3]
    low = np.stack([_fast_weight(image, table) for image, table in zip(images, tables, strict=True)])
    low = normalised(_trusted(low, trust))
    fused, total = images[0], cv2.resize(low[0], (width, height), interpolation=cv2.INTER_LINEAR)
    for image, weight in zip(images[1:], low[1:], strict=True):
        enlarged = cv2.resize(weight, (width, height), interpolation=cv2.INTER_LINEAR)
        fused = cv2.blendLinear(fused, image, total, enlarged)
        total = cv2.add(total, enlarged)
    return TableFusion(fused, low)


def _fast_weight(image: np.ndarray, table: Plane) -> Plane:
    height, width = image.shape[:2]
    factor = min(1.0, SHORT_SIDE_PX / min(height, width))
    size_wh = max(1, round(width * factor)), max(1, round(height * factor))
    plane = luma(_as_float(cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA)))
    return _box_mean(look_up(plane, table), GUIDED_RADIUS_PX) + np.float32(TINY)


def _box_mean(plane: Plane, radius_px: int) -> Plane:
    """Mean of a square window; at the border, of the part inside the picture."""
    window = (2 * radius_px + 1,) * 2
    sums = cv2.boxFilter(plane, cv2.CV_32F, window, normalize=False, borderType=cv2.BORDER_CONSTANT)
    counts = cv2.boxFilter(np.ones_like(plane), cv2.CV_32F, window, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return sums / counts


def _as_float(images: np.ndarray) -> Images:
    if images.dtype == np.uint8:
        return np.multiply(images, np.float32(1 / 255), dtype=np.float32)
    return np.asarray(images, np.float32)
