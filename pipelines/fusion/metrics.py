"""What tables of image fusion report: information, contrast, and how much of each source the result keeps.

Everything on grey in 0..255 float64, nothing stretched; colour becomes BT.601 luma, rounded. Higher is better. Constant
pictures give finite numbers. Tables elsewhere silently differ: here MI is in nats, VIF is the pixel-domain version and
VIFF another index, SSIM and VIF are sums over the sources, and `ssim_l2` is SSIM with a data range of 2, as several
papers print it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

Grey = np.ndarray
VIF_MIN_PX = 41
SSIM_MIN_PX = 7
MEF_MIN_PX = 11
VIF_NOISE = 2.0
VIF_EPS = 1e-10
VIFF_NOISE = 0.005 * 255**2
VIFF_EPS = 1e-7
VIFF_SHARES = (1 / 2.15, 0.0, 0.15 / 2.15, 1 / 2.15)  # of the scales, finest first


def score(fused: np.ndarray, sources: Sequence[np.ndarray], task: str) -> dict[str, float]:
    """All metrics of one result.

    Args:
        fused: (H, W) grey 0..255, or (H, W, 3) RGB uint8.
        sources: the frames it came from, same height and width, same conventions.
        task: "mef" adds mef_ssim and mef_index, and viff of two frames, which is what MEFB prints as VIF.

    Returns:
        name -> number. Metrics that the picture is too small for are left out (VIF and VIFF under 41 pixels, SSIM under
        7, MEF-SSIM under 11); scd is defined for two sources and left out otherwise.
    """
    result, frames = grey(fused), [grey(source) for source in sources]
    side = min(result.shape)
    values = {"en": entropy(result), "sd": float(result.std()), "sf": spatial_frequency(result)}
    values["ag"] = average_gradient(result)
    values["mi"] = sum(mutual_information(result, frame) for frame in frames)
    if len(frames) == 2:
        values["scd"] = scd(result, *frames)
    if side >= VIF_MIN_PX:
        values["vif"] = sum(vif(frame, result) for frame in frames)
        if task == "mef" and len(frames) == 2:
            values["viff"] = viff(fused, *sources)
    values["qabf"] = qabf(result, frames)
    if side >= SSIM_MIN_PX:
        values["ssim"], values["ssim_l2"] = (ssim_sum(result, frames, data_range) for data_range in (255, 2))
    if task == "mef" and side >= MEF_MIN_PX:
        values |= _mef_scores(result, frames)
    return values | {"mean": float(result.mean())}


def grey(image: np.ndarray) -> Grey:
    """Rounded BT.601 luma, (H, W) float64 in 0..255."""
    pixels = np.asarray(image, np.float64)
    return np.rint(pixels if pixels.ndim == 2 else pixels @ np.array([0.299, 0.587, 0.114]))


def entropy(image: Grey) -> float:
    """Bits per pixel of the 256-bin histogram."""
    return _nats(np.bincount(_codes(image).ravel(), minlength=256)) / np.log(2)


def spatial_frequency(image: Grey) -> float:
    """Root of the mean squared steps to the left neighbour plus those to the upper one."""
    return float(np.sqrt(_mean_square(np.diff(image, axis=1)) + _mean_square(np.diff(image, axis=0))))


def average_gradient(image: Grey) -> float:
    """Mean of sqrt((gx^2 + gy^2) / 2); central differences, one-sided at the border."""
    if min(image.shape) < 2:
        return 0.0
    down, right = np.gradient(image)
    return float(np.sqrt((down**2 + right**2) / 2).mean())


def mutual_information(first: Grey, second: Grey) -> float:
    """Nats, from the joint 256 x 256 histogram."""
    joint = np.bincount(_codes(first).ravel() * 256 + _codes(second).ravel(), minlength=65536).reshape(256, 256)
    return _nats(joint.sum(axis=0)) + _nats(joint.sum(axis=1)) - _nats(joint)


def scd(fused: Grey, first: Grey, second: Grey) -> float:
    """Sum of correlations of differences (Aslantas and Bendes 2015): corr(F-B, A) + corr(F-A, B)."""
    return _correlation(fused - second, first) + _correlation(fused - first, second)


def vif(reference: Grey, distorted: Grey) -> float:
    """Visual information fidelity in the pixel domain, four scales (Sheikh and Bovik 2006).

    Returns:
        about 0 to 1, above 1 where contrast is raised; 1 where the reference is constant.
    """
    kept = available = 0.0
    for scale in _vif_scales(reference, distorted):
        _, of_distorted, of_reference = _vif_terms(*scale, VIF_NOISE)
        kept, available = kept + float(of_distorted.sum()), available + float(of_reference.sum())
    return kept / available if available > 0 else 1.0


def viff(fused: np.ndarray, first: np.ndarray, second: np.ndarray) -> float:
    """Visual information fidelity for fusion (Han et al. 2013): each pixel counts for the source it kept less of.

    Args:
        fused, first, second: (H, W) or (H, W, 3), 0 to 255; the mean over the channels is taken.

    Returns:
        0 and up.
    """
    channels = (np.atleast_3d(np.asarray(image, np.float64)).transpose(2, 0, 1) for image in (fused, first, second))
    return float(np.mean([_viff_of_plane(*planes) for planes in zip(*channels, strict=True)]))


def _viff_of_plane(fused: Grey, first: Grey, second: Grey) -> float:
    total = 0.0
    scales = zip(VIFF_SHARES, _vif_scales(first, fused), _vif_scales(second, fused), strict=True)
    for share, of_first, of_second in scales:
        terms = [_vif_terms(*scale, VIFF_NOISE) for scale in (of_first, of_second)]
        is_first = terms[0][0] < terms[1][0]
        kept, available = (np.where(is_first, *pair) + VIFF_EPS for pair in list(zip(*terms, strict=True))[1:])
        total += share * float(kept.sum() / available.sum())
    return total


def qabf(fused: Grey, sources: Sequence[Grey]) -> float:
    """How well edges of each source survive, in strength and direction, by strength (Xydeas, Petrovic 2000)."""
    fused_strength, fused_angle = _edges(fused)
    kept = total = 0.0
    for source in sources:
        strength, angle = _edges(source)
        stronger = np.maximum(np.maximum(strength, fused_strength), 1e-12)
        ratio = np.minimum(strength, fused_strength) / stronger
        ratio = np.where(strength == fused_strength, fused_strength, ratio)
        alignment = 1 - np.abs(angle - fused_angle) / (np.pi / 2)
        quality = _sigmoid(ratio, 0.9994, 15, 0.5) * _sigmoid(alignment, 0.9879, 22, 0.8)
        kept, total = kept + float((quality * strength).sum()), total + float(strength.sum())
    return kept / total if total > 0 else 0.0


def ssim_sum(fused: Grey, sources: Sequence[Grey], data_range: float) -> float:
    """Sum over the sources of SSIM: 7x7 uniform window, sample covariance (Wang et al. 2004)."""
    from skimage.metrics import structural_similarity

    return float(sum(structural_similarity(fused, source, data_range=data_range) for source in sources))


def confusion(labels: np.ndarray, found: np.ndarray, classes: int, ignore: int = 255) -> np.ndarray:
    """Pixel counts (classes, classes), rows as labelled, columns as found; labels of `ignore` are left out."""
    counted = labels != ignore
    codes = labels[counted].astype(np.int64) * classes + found[counted]
    return np.bincount(codes, minlength=classes**2).reshape(classes, classes)


def mean_iou(hits: np.ndarray) -> float:
    """Mean intersection over union of the classes that occur in the labels, 0 to 1; 0 where none does."""
    shared = np.diag(hits)
    union = hits.sum(axis=0) + hits.sum(axis=1) - shared
    present = hits.sum(axis=1) > 0
    return float((shared[present] / union[present]).mean()) if present.any() else 0.0


def _mef_scores(fused: Grey, frames: Sequence[Grey]) -> dict[str, float]:
    import torch

    from pipelines.fusion.mef_ssim import mef_index, mef_ssim

    stack = torch.from_numpy(np.stack(frames)[None] / 255).float()
    result = torch.from_numpy(fused[None] / 255).float()
    with torch.no_grad():
        return {"mef_ssim": mef_ssim(stack, result).item(), "mef_index": mef_index(stack, result).item()}


def _vif_scales(reference: Grey, distorted: Grey) -> Iterator[tuple[Grey, Grey, int]]:
    """Both pictures and the window in pixels, at each of four scales, finest first."""
    for scale in range(1, 5):
        window_px = 2 ** (5 - scale) + 1
        if scale > 1:
            reference, distorted = (_valid_gaussian(image, window_px)[::2, ::2] for image in (reference, distorted))
        yield reference, distorted, window_px


def _vif_terms(reference: Grey, distorted: Grey, window_px: int, noise_power: float) -> tuple[Grey, Grey, Grey]:
    """Per pixel of one scale: the gain, the information kept, and what the reference has, decimal logarithms."""

    def smooth(image: Grey) -> Grey:
        return _valid_gaussian(image, window_px)

    mean, distorted_mean = smooth(reference), smooth(distorted)
    variance = np.maximum(smooth(reference**2) - mean**2, 0)
    distorted_variance = np.maximum(smooth(distorted**2) - distorted_mean**2, 0)
    covariance = smooth(reference * distorted) - mean * distorted_mean
    gain = covariance / (variance + VIF_EPS)
    noise = distorted_variance - gain * covariance
    flat, distorted_flat = variance < VIF_EPS, distorted_variance < VIF_EPS
    noise = np.where(flat, distorted_variance, noise)
    noise = np.where(distorted_flat, 0, noise)
    gain = np.where(flat | distorted_flat, 0, gain)
    variance = np.where(flat, 0, variance)
    noise = np.maximum(np.where(gain < 0, distorted_variance, noise), VIF_EPS)
    gain = np.maximum(gain, 0)
    kept = np.log10(1 + gain**2 * variance / (noise + noise_power))
    return gain, kept, np.log10(1 + variance / noise_power)


def _valid_gaussian(image: Grey, window_px: int) -> Grey:
    """Gaussian mean, sigma a fifth of the window, where the window lies inside the picture."""
    margin = window_px // 2
    kernel = cv2.getGaussianKernel(window_px, window_px / 5, cv2.CV_64F)
    smooth = cv2.sepFilter2D(np.ascontiguousarray(image), cv2.CV_64F, kernel, kernel)
    return smooth[margin : smooth.shape[0] - margin, margin : smooth.shape[1] - margin]


def _edges(image: Grey) -> tuple[Grey, Grey]:
    """Sobel strength, and direction in -pi/2..pi/2; zeros beyond the border."""
    across = cv2.Sobel(image, cv2.CV_64F, 1, 0, borderType=cv2.BORDER_CONSTANT)
    down = cv2.Sobel(image, cv2.CV_64F, 0, 1, borderType=cv2.BORDER_CONSTANT)
    angle = np.where(across == 0, np.pi / 2, np.arctan(down / np.where(across == 0, 1, across)))
    return np.hypot(across, down), angle


def _sigmoid(values: Grey, height: float, slope: float, centre: float) -> Grey:
    return height / (1 + np.exp(-slope * (np.minimum(values, 2) - centre)))  # flat long before 2; exp stays finite


def _correlation(first: Grey, second: Grey) -> float:
    first, second = first - first.mean(), second - second.mean()
    norm = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum()) / norm if norm > 1e-9 else 0.0


def _nats(counts: np.ndarray) -> float:
    """Entropy in nats of a histogram."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum())


def _codes(image: Grey) -> np.ndarray:
    return np.clip(np.rint(image), 0, 255).astype(np.int64)


def _mean_square(values: Grey) -> float:
    return float((values**2).mean()) if values.size else 0.0
