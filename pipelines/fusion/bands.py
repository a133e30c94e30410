"""Blending band by band: Laplacian pyramids of the frames, Gaussian pyramids of the weights.

Local contrast survives wide exposure gaps, because every scale is mixed with weights of its own smoothness. Source:
exposure fusion (Mertens et al. 2007) after Burt and Adelson 1983. Differs: a Laplacian pyramid is linear, so each frame
enters as its difference from the last one, one pyramid less; and colour follows the luma's weights, smoothed, instead
of being blended in bands itself.
"""

from __future__ import annotations

import cv2
import numpy as np

Plane = np.ndarray  # float32 where nothing else is said
Images = np.ndarray

COARSEST_PX = 4
CHROMA_SHORT_SIDE_PX = 270  # of the plane on which the weights of colour are smoothed
STRIP_ROWS = 128  # of the work pixel by pixel: full-size pictures of three channels are what memory goes into
TINY = 1e-8
YCC = np.array([[0.299, 0.587, 0.114], [0.5, -0.418688, -0.081312], [-0.168736, -0.331264, 0.5]])  # BT.601, no offset


def blend_colour(images: Images, shares: Plane) -> Images:
    """Luma blended band by band, chroma by the same weights without their detail.

    Args:
        images: (K, H, W, 3) RGB; float32 0 to 1, or uint8.
        shares: (K, H, W) float32, sum over K is 1.

    Returns:
        One picture of the frames' type and shape.
    """
    luma = blend_bands([luma_plane(image) for image in images], shares)
    if images.dtype == np.uint8:
        # threshold: cv2.max takes a picture of one pixel for a scalar and gives four.
        luma = cv2.convertScaleAbs(cv2.threshold(luma, 0, 0, cv2.THRESH_TOZERO)[1])
    weights = [_smoothed(share) for share in shares]
    fused = np.empty_like(images[0])
    for top in range(0, len(fused), STRIP_ROWS):
        rows = slice(top, top + STRIP_ROWS)
        strip = _blend_ycc([image[rows] for image in images], [weight[rows] for weight in weights])
        cv2.insertChannel(luma[rows], strip, 0)
        fused[rows] = _to_rgb(strip)
    return fused


def blend_bands(planes: list[Plane], shares: Plane) -> Plane:
    """Blend planes band by band.

    Args:
        planes: K planes (H, W) of one type.
        shares: (K, H, W) float32, sum over K is 1.

    Returns:
        (H, W) float32 on the scale of the planes, not clipped.
    """
    levels, fused = pyramid_levels(planes[0].shape), None
    for plane, share in zip(planes[:-1], shares[:-1], strict=True):
        bands = laplacian_pyramid(cv2.subtract(plane, planes[-1], dtype=cv2.CV_32F), levels)
        weighted = [cv2.multiply(*pair, dst=pair[0]) for pair in zip(bands, _gaussian(share, levels), strict=True)]
        fused = weighted if fused is None else [cv2.add(a, b, dst=a) for a, b in zip(fused, weighted, strict=True)]
    if fused is None:
        return np.asarray(planes[-1], np.float32)
    return cv2.add(collapse(fused), planes[-1], dtype=cv2.CV_32F)


def pyramid_levels(size_hw: tuple[int, ...]) -> int:
    """How often a picture is halved until its short side is 4 pixels or less."""
    return max(0, int(np.ceil(np.log2(max(min(size_hw), 1) / COARSEST_PX))))


def laplacian_pyramid(image: Plane, levels: int) -> list[Plane]:
    """`levels` bands, finest first, and the coarsest remainder; float32, any channels."""
    bands = []
    for _ in range(levels):
        coarse = cv2.pyrDown(image)
        enlarged = _enlarged(coarse, image)
        # In place here and below: at 4K a fresh array costs more than the arithmetic that fills it.
        bands.append(cv2.subtract(image, enlarged, dst=enlarged))
        image = coarse
    return [*bands, image]


def collapse(bands: list[Plane]) -> Plane:
    """The picture of a Laplacian pyramid."""
    image = bands[-1]
    for band in reversed(bands[:-1]):
        enlarged = _enlarged(image, band)
        image = cv2.add(band, enlarged, dst=enlarged)
    return image


def normalised(weights: Plane) -> Plane:
    """Weights (K, H, W) that sum to 1 over K, equal where all are 0; in place."""
    weights += np.float32(TINY)
    total = weights[0].copy()
    for weight in weights[1:]:
        cv2.add(total, weight, dst=total)
    for weight in weights:
        cv2.divide(weight, total, dst=weight)
    return weights


def luma_plane(image: Images) -> Plane:
    """BT.601 luma of one picture in its own type, uint8 or float32."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def _blend_ycc(images: list[Images], weights: list[Plane]) -> Images:
    """Luma and chroma, (H, W, 3), by weights that need not sum to 1: a running mean; the caller overwrites the luma."""
    fused, total = _to_ycc(images[0]), weights[0]
    for image, weight in zip(images[1:], weights[1:], strict=True):
        fused = cv2.blendLinear(fused, _to_ycc(image), total, weight)
        total = cv2.add(total, weight)
    return fused


def _to_ycc(image: Images) -> Images:
    """Floats by the matrix itself: OpenCV's rounded constants do not lead back to the same colour."""
    return cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb) if image.dtype == np.uint8 else cv2.transform(image, YCC)


def _to_rgb(image: Images) -> Images:
    if image.dtype == np.uint8:
        return cv2.cvtColor(image, cv2.COLOR_YCrCb2RGB)
    picture = cv2.transform(image, np.linalg.inv(YCC))
    return np.clip(picture, 0, 1, out=picture)


def _smoothed(share: Plane) -> Plane:
    """A weight plane without detail."""
    height, width = share.shape
    factor = min(1.0, CHROMA_SHORT_SIDE_PX / min(height, width))
    size_wh = max(1, round(width * factor)), max(1, round(height * factor))
    small = cv2.blur(cv2.resize(share, size_wh, interpolation=cv2.INTER_AREA), (3, 3))
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _gaussian(plane: Plane, levels: int) -> list[Plane]:
    planes = [plane]
    for _ in range(levels):
        planes.append(cv2.pyrDown(planes[-1]))
    return planes


def _enlarged(image: Plane, like: Plane) -> Plane:
    return cv2.pyrUp(image, dstsize=(like.shape[1], like.shape[0]))
