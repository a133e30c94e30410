"""What each fusion expert is trained for. All planes (B, H, W), 0 to 1; every loss is a scalar, lower is better."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from pipelines.fusion.mef_ssim import mef_luminance, mef_ssim

GRADIENT_SHARE = 5.0


def gradients(plane: Tensor) -> Tensor:
    """Forward differences in x and y, (B, H, W) -> (B, 2, H-1, W-1)."""
    dx = plane[..., :-1, 1:] - plane[..., :-1, :-1]
    dy = plane[..., 1:, :-1] - plane[..., :-1, :-1]
    return torch.stack([dx, dy], 1)


def strongest_gradients(frames: Tensor) -> Tensor:
    """Signed gradients of whichever frame is stronger at a pixel, (B, K, H, W) -> (B, 2, H-1, W-1).

    Signed and from one source per pixel: the maximum of absolute gradients alone teaches sharpened noise.
    """
    stacked = torch.stack([gradients(frame) for frame in frames.unbind(1)], 1)  # (B, K, 2, h, w)
    best = stacked.square().sum(2, keepdim=True).argmax(1, keepdim=True).expand(-1, 1, 2, -1, -1)
    return torch.gather(stacked, 1, best)[:, 0]


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Mean SSIM with a 7 x 7 uniform window, per image, (B,)."""
    mean = lambda x: F.avg_pool2d(x[:, None], 7, 1)[:, 0]  # noqa: E731
    mean_a, mean_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    score = ((2 * mean_a * mean_b + 1e-4) * (2 * covariance + 9e-4)) / (
        (mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4)
    )
    return score.mean((1, 2))


def intensity_and_gradient(
    fused: Tensor, frames: Tensor, intensity_share: float = 1.0, gradient_share: float = GRADIENT_SHARE
) -> Tensor:
    """|F - max| + share |dF - dM|: the target that lifts detail (CDDFuse 2023, phase 2, with signed gradients).

    The paper's factor of 10 is of Sobel gradients, whose weights sum to 8 times a difference of neighbours.
    """
    intensity = intensity_share * (fused - frames.amax(1)).abs().mean()
    return intensity + gradient_share * (gradients(fused) - strongest_gradients(frames)).abs().mean()


def difference_correlation(fused: Tensor, frames: Tensor) -> Tensor:
    """1 - SCD / 2 of a pair, (B,): what F adds to one source should be the other source.

    SCD is the sum of correlations of differences (Aslantas and Bendes 2015); 0 is best, 2 the worst.
    """
    first, second = frames.unbind(1)
    return 1 - (_correlation(fused - second, first) + _correlation(fused - first, second)) / 2


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson's, over the pixels of each image, (B,); near 0 where either is flat."""
    a, b = (plane.flatten(1) - plane.mean((1, 2))[:, None] for plane in (a, b))
    energy = (a.square().sum(1) + 1e-4) * (b.square().sum(1) + 1e-4)
    return (a * b).sum(1) / energy.sqrt()


def infrared_visible_loss(fused: Tensor, frames: Tensor, gradient_share: float = GRADIENT_SHARE) -> Tensor:
    """Expert `ivis`, without its segmentation term; the last term keeps what only one source shows."""
    similarity = (2 - ssim(fused, frames[:, 0]) - ssim(fused, frames[:, 1])) / 2
    complement = difference_correlation(fused, frames)
    lifted = intensity_and_gradient(fused, frames, gradient_share=gradient_share)
    return lifted + 0.5 * similarity.mean() + 0.1 * complement.mean()


def exposure_loss(fused: Tensor, frames: Tensor, weights: Tensor) -> Tensor:
    """Expert `mef`: structure (MEF-SSIM), brightness (the luminance term of MEFLUT's loss), smooth weights."""
    structure = 1 - mef_ssim(frames, fused).mean()
    brightness = 1 - mef_luminance(frames, fused).mean()
    roughness = gradients(weights.flatten(0, 1)).abs().mean()
    return structure + 0.3 * brightness + 0.05 * roughness


def focus_loss(fused: Tensor, target: Tensor, weights: Tensor, matte: Tensor) -> Tensor:
    """Expert `mff`: supervised by the sharp scene (B, H, W) and the mattes of what is in focus (B, K, H, W)."""
    difference = (fused - target).abs().mean() + 1 - ssim(fused, target).mean()
    return difference + 0.2 * F.binary_cross_entropy(weights.clamp(1e-4, 1 - 1e-4), matte.clamp(0, 1))


def medical_loss(fused: Tensor, frames: Tensor, gradient_share: float = GRADIENT_SHARE) -> Tensor:
    """Expert `med`: intensity and gradient, the structure of the MRI (frame 0), and what only one source shows."""
    structure = 1 - ssim(fused, frames[:, 0]).mean()
    complement = difference_correlation(fused, frames).mean()
    return intensity_and_gradient(fused, frames, 2.0, gradient_share) + 0.25 * structure + 0.8 * complement
