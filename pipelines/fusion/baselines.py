"""The classical opponents: a few lines each, no training, offered beside the network and the tables.

All fuse luma and carry chroma by saturation, except `mertens`, which blends RGB. On max and guided filtering: copying
one source scores full marks on VIF and Qabf, so they lead there and lose on SCD; the Laplacian pyramid is the honest
opponent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import cv2
import numpy as np

from pipelines.fusion.bands import Images, Plane, collapse, laplacian_pyramid
from pipelines.fusion.operators import fuse_chroma, luma, rgb_image

LAPLACIAN_LEVELS = 4
BASE_WINDOW_PX = 31
SALIENCY_WINDOW_PX, SALIENCY_SIGMA_PX = 11, 5.0
BASE_GUIDE, DETAIL_GUIDE = (45, 0.3), (7, 1e-6)  # radius in pixels, eps for lumas in 0..1


def average(images: Images) -> Plane:
    """Mean luma. images: (K, H, W, 3) float32 RGB 0..1; gives (H, W, 3) float32 0..1, like every baseline here."""
    return _with_chroma(images, luma(images).mean(axis=0))


def maximum(images: Images) -> Plane:
    """Largest luma per pixel."""
    return _with_chroma(images, luma(images).max(axis=0))


def laplacian(images: Images) -> Plane:
    """Four-level Laplacian pyramid: the coefficient of larger magnitude; half maximum, half mean at the top.

    Source: the pyramid of Burt and Adelson (1983), fused by magnitude as in Toet (1989).
    """
    planes = luma(images)
    levels = max(0, min(LAPLACIAN_LEVELS, int(np.log2(min(planes.shape[1:])))))
    pyramids = zip(*(laplacian_pyramid(plane, levels) for plane in planes), strict=True)
    *details, tops = [np.stack(bands) for bands in pyramids]
    top = 0.5 * tops.max(axis=0) + 0.5 * tops.mean(axis=0)
    return _with_chroma(images, collapse([*(_strongest(bands) for bands in details), top.astype(np.float32)]))


def gff(images: Images) -> Plane:
    """Two scales, a 31x31 mean and the rest, each mixed by guided-filtered maps of the most salient frame.

    Source: guided-filter fusion (Li, Kang and Hu 2013, IEEE TIP 22).
    """
    planes = luma(images)
    bases = np.stack([cv2.blur(plane, (BASE_WINDOW_PX, BASE_WINDOW_PX)) for plane in planes])
    winner = np.stack([_saliency(plane) for plane in planes]).argmax(axis=0)
    masks = [(winner == k).astype(np.float32) for k in range(len(planes))]
    fused = _mix(bases, masks, planes, *BASE_GUIDE) + _mix(planes - bases, masks, planes, *DETAIL_GUIDE)
    return _with_chroma(images, fused)


def mertens(images: Images) -> Plane:
    """OpenCV's exposure fusion with its default weights (contrast, saturation, well-exposedness).

    Source: Mertens, Kautz and Van Reeth (2007).
    """
    # OpenCV works on BGR but treats the channels alike, so RGB goes in and comes out.
    fused = cv2.createMergeMertens().process([np.ascontiguousarray(image * 255) for image in images])
    return np.clip(np.nan_to_num(fused), 0, 1)


BASELINES: Mapping[str, Callable[[Images], Plane]] = MappingProxyType(
    {"average": average, "max": maximum, "laplacian": laplacian, "gff": gff, "mertens": mertens}
)


def guided_filter(plane: Plane, guide: Plane, radius_px: int, eps: float) -> Plane:
    """Edge-preserving smooth of `plane` along `guide`, both (H, W) in 0..1. Source: He, Sun and Tang (2010)."""
    window = (2 * radius_px + 1,) * 2
    # float64: eps = 1e-6 is below the float32 rounding of a variance.
    signal, along = plane.astype(np.float64), guide.astype(np.float64)

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.blur(values, window)

    guide_mean, signal_mean = mean(along), mean(signal)
    slope = (mean(along * signal) - guide_mean * signal_mean) / (mean(along * along) - guide_mean**2 + eps)
    offset = signal_mean - slope * guide_mean
    return (mean(slope) * along + mean(offset)).astype(np.float32)


def _saliency(plane: Plane) -> Plane:
    window = (SALIENCY_WINDOW_PX, SALIENCY_WINDOW_PX)
    return cv2.GaussianBlur(np.abs(cv2.Laplacian(plane, cv2.CV_32F)), window, SALIENCY_SIGMA_PX)


def _mix(parts: Plane, masks: list[Plane], guides: Plane, radius_px: int, eps: float) -> Plane:
    smooth = (guided_filter(mask, guide, radius_px, eps) for mask, guide in zip(masks, guides, strict=True))
    weights = np.clip(np.stack(list(smooth)), 0, None) + 1e-8
    return (weights * parts).sum(axis=0) / weights.sum(axis=0)


def _strongest(bands: Plane) -> Plane:
    """Per pixel the value of largest magnitude, (K, H, W) -> (H, W)."""
    return np.take_along_axis(bands, np.abs(bands).argmax(axis=0)[None], axis=0)[0]


def _with_chroma(images: Images, fused_luma: Plane) -> Plane:
    return rgb_image(np.clip(fused_luma, 0, 1).astype(np.float32), *fuse_chroma(images))
