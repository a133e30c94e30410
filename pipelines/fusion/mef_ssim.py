"""How much structure of several exposures a fused picture keeps: MEF-SSIM, and a single-scale index with luminance.

Two indices that tables often confuse. `mef_ssim` is the benchmark version: three scales, structure only, so a picture
far too dark can score well. `mef_index` is single-scale, compares with the one frame of the largest variance, and
multiplies by `mef_luminance`. All are differentiable with respect to the fused picture; the frames count as constants.

Everything is a box or Gaussian filter of products of planes; no patch is ever cut out.

Source: MEF-SSIM (Ma, Zeng and Wang 2015, IEEE TIP 24), written from the formulas; the index: MEF-Net (Ma et al. 2020)
and MEFLUT (Jiang et al. 2023), their training objective.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

_Smoother = Callable[[Tensor], Tensor]

PATCH_PX = 11
SCALE_EXPONENTS = (0.0448, 0.2856, 0.3001)  # finest scale first; normalised to sum 1 over the scales that fit
STRUCTURE_CONSTANT = (0.03 * 255) ** 2
INDEX_LUMINANCE_CONSTANT, INDEX_STRUCTURE_CONSTANT = 1e-4, 9e-4  # planes in 0 to 1
WELL_EXPOSED, EXPOSEDNESS_SPREAD = 0.5, 0.2


def mef_ssim(frames: Tensor, fused: Tensor) -> Tensor:
    """MEF-SSIM of each fused picture, -1 to 1, higher is better.

    Args:
        frames: luma of the exposures, (B, K, H, W), 0 to 1.
        fused: luma of the result, (B, H, W), 0 to 1.

    Returns:
        one score per picture, (B,). Pictures under 44 pixels use the scales that hold an 11x11 patch.

    Raises:
        ValueError: a side shorter than 11 pixels.
    """
    frames, fused = frames.detach() * 255, fused.unsqueeze(1) * 255
    exponents = SCALE_EXPONENTS[: _scales_that_fit(fused.shape[-2:])]
    score = torch.ones(len(fused), dtype=fused.dtype, device=fused.device)
    for exponent in exponents:
        quality = _structure_quality(frames, fused).clamp(min=1e-6)  # an inverted structure is no base for a power
        score = score * quality ** (exponent / sum(exponents))
        frames, fused = _halve(frames), _halve(fused)
    return score


def mef_luminance(frames: Tensor, fused: Tensor) -> Tensor:
    """How near the local brightness is to that of the well exposed frames, 0 to 1.

    Args:
        frames: luma, (B, K, H, W), 0 to 1.
        fused: luma, (B, H, W), 0 to 1.

    Returns:
        mean over the picture, (B,).
    """
    means = _gaussian(frames.detach(), sigma_px=PATCH_PX / 6, padding=PATCH_PX // 2)
    weights = _exposedness(means) * _exposedness(means.mean(dim=(2, 3), keepdim=True))
    wanted = (weights * means).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-12)
    found = _gaussian(fused.unsqueeze(1), sigma_px=PATCH_PX / 6, padding=PATCH_PX // 2).squeeze(1)
    likeness = (2 * wanted * found + INDEX_LUMINANCE_CONSTANT) / (wanted**2 + found**2 + INDEX_LUMINANCE_CONSTANT)
    return likeness.mean(dim=(1, 2))


def mef_index(frames: Tensor, fused: Tensor) -> Tensor:
    """Luminance times single-scale structure against the frame of the largest local variance; the training objective.

    Args:
        frames: luma, (B, K, H, W), 0 to 1.
        fused: luma, (B, H, W), 0 to 1.

    Returns:
        mean luminance times mean structure, (B,).
    """
    moments = _Moments(frames.detach(), fused.unsqueeze(1), sigma_px=PATCH_PX / 6, padding=PATCH_PX // 2)
    best = moments.frame_variance.argmax(dim=1, keepdim=True)
    frame_variance = moments.frame_variance.gather(1, best)
    covariance = moments.covariance.gather(1, best)
    structure = (2 * covariance + INDEX_STRUCTURE_CONSTANT) / (
        moments.fused_variance + frame_variance + INDEX_STRUCTURE_CONSTANT
    )
    return mef_luminance(frames, fused) * structure.mean(dim=(1, 2, 3))


class _Moments:
    """Gaussian-weighted variances of frames (B, K, ...) and fused (B, 1, ...), and their covariances (B, K, ...)."""

    def __init__(self, frames: Tensor, fused: Tensor, sigma_px: float, padding: int) -> None:
        frame_mean, fused_mean, square, fused_square, product = (
            _gaussian(plane, sigma_px, padding) for plane in (frames, fused, frames**2, fused**2, frames * fused)
        )
        self.frame_variance = square - frame_mean**2
        self.fused_variance = fused_square - fused_mean**2
        self.covariance = product - frame_mean * fused_mean


def _structure_quality(frames: Tensor, fused: Tensor) -> Tensor:
    """Mean structural likeness of one scale, (B,): fused against the patch that the frames together ask for."""
    mixing, wanted_variance = _wanted_structure(frames)
    centred_fused = fused - fused.mean(dim=(2, 3), keepdim=True).detach()  # smaller squares, less float32 cancellation
    mean = _gaussian(centred_fused, sigma_px=1.5, padding=0)
    variance = _gaussian(centred_fused**2, sigma_px=1.5, padding=0) - mean**2
    centred = _centred(frames)
    products = _gaussian(centred * centred_fused, sigma_px=1.5, padding=0)
    covariances = products - _gaussian(centred, sigma_px=1.5, padding=0) * mean
    covariance = (mixing * covariances).sum(dim=1, keepdim=True)
    quality = (2 * covariance + STRUCTURE_CONSTANT) / (wanted_variance + variance + STRUCTURE_CONSTANT)
    return quality.mean(dim=(1, 2, 3))


@torch.no_grad()
def _wanted_structure(frames: Tensor) -> tuple[Tensor, Tensor]:
    """The wanted patch as a mixture of the frames' patches, and its Gaussian-weighted variance.

    Returns:
        factors a_k, (B, K, h, w), with wanted = sum_k a_k x_k and x_k a patch less its mean; variance, (B, 1, h, w).
    """
    centred = _centred(frames)
    lengths = PATCH_PX * _box_variance(centred).clamp(min=0).sqrt()
    energies = lengths + 1e-3
    total_length = PATCH_PX * _box_variance(centred.sum(dim=1, keepdim=True)).clamp(min=0).sqrt()
    consistency = (total_length / lengths.sum(dim=1, keepdim=True).clamp(min=1e-9)).clamp(0, 1 - 1e-6)
    power = torch.tan(math.pi / 2 * consistency).clamp(max=10)
    shares = torch.softmax(power * torch.log(energies / PATCH_PX), dim=1)
    factors = shares / energies
    mixture_length = PATCH_PX * _quadratic(factors, centred, _box).clamp(min=0).sqrt()
    strongest = energies.amax(dim=1, keepdim=True)
    # A flat stack has no direction to rescale; its mixture stays the zero patch.
    factors = factors * torch.where(mixture_length > 1e-6, strongest / mixture_length.clamp(min=1e-6), 0.0)
    variance = _quadratic(factors, centred, lambda plane: _gaussian(plane, sigma_px=1.5, padding=0))
    return factors, variance.clamp(min=0)


def _quadratic(factors: Tensor, frames: Tensor, smooth: _Smoother) -> Tensor:
    """sum_kl a_k a_l cov(x_k, x_l), (B, 1, h, w), with the moments that `smooth` takes."""
    count = frames.shape[1]
    means = smooth(frames)
    total = torch.zeros_like(factors[:, :1])
    for k in range(count):
        products = smooth(frames[:, k : k + 1] * frames[:, k:]) - means[:, k : k + 1] * means[:, k:]
        terms = factors[:, k : k + 1] * factors[:, k:] * products
        total = total + 2 * terms.sum(dim=1, keepdim=True) - terms[:, :1]
    return total


def _centred(frames: Tensor) -> Tensor:
    return frames - frames.mean(dim=(2, 3), keepdim=True)


def _box_variance(planes: Tensor) -> Tensor:
    return _box(planes**2) - _box(planes) ** 2


def _box(planes: Tensor) -> Tensor:
    """Mean of each 11x11 patch inside the picture, (B, K, H-10, W-10)."""
    rows = functional.avg_pool2d(planes, (PATCH_PX, 1), stride=1)
    return functional.avg_pool2d(rows, (1, PATCH_PX), stride=1)


def _gaussian(planes: Tensor, sigma_px: float, padding: int) -> Tensor:
    """Gaussian mean over 11x11; zeros beyond the border where padding is 5, inside the picture only where it is 0."""
    offsets = torch.arange(PATCH_PX, dtype=planes.dtype, device=planes.device) - PATCH_PX // 2
    kernel = torch.exp(-(offsets**2) / (2 * sigma_px**2))
    kernel = kernel / kernel.sum()
    stacked = planes.reshape(-1, 1, *planes.shape[2:])
    rows = functional.conv2d(stacked, kernel.view(1, 1, -1, 1), padding=(padding, 0))
    smooth = functional.conv2d(rows, kernel.view(1, 1, 1, -1), padding=(0, padding))
    return smooth.reshape(*planes.shape[:2], *smooth.shape[2:])


def _halve(planes: Tensor) -> Tensor:
    """2x2 means; an odd last row or column counts by itself, as with a mirrored border."""
    return functional.avg_pool2d(planes, 2, ceil_mode=True)


def _exposedness(means: Tensor) -> Tensor:
    return torch.exp(-((means - WELL_EXPOSED) ** 2) / (2 * EXPOSEDNESS_SPREAD**2))


def _scales_that_fit(size_hw: tuple[int, int] | torch.Size) -> int:
    if min(size_hw) < PATCH_PX:
        raise ValueError(f"MEF-SSIM needs at least {PATCH_PX} pixels on each side, the picture is {tuple(size_hw)}")
    side, scales = min(size_hw), 0
    while side >= PATCH_PX and scales < len(SCALE_EXPONENTS):
        side, scales = math.ceil(side / 2), scales + 1
    return scales
