"""The table operators on luma in torch, for training: the same numbers as their OpenCV twins in `operators`.

Both take frames and per-pixel weights; gradients reach the weights.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from pipelines.fusion.bands import TINY, pyramid_levels
from pipelines.fusion.operators import GUIDED_EPS, GUIDED_RADIUS_PX

_BINOMIAL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)


def pyramid_blend(frames: Tensor, weights: Tensor) -> Tensor:
    """Laplacian-pyramid blend; frames and weights (B, K, H, W) with even sides down to the last level -> (B, H, W).

    Weights are 0 and up and are normalised here. Not clipped: a loss needs the gradient beyond 0 to 1.
    """
    weights = _normalised(weights)
    bands: list[Tensor] = []
    for _ in range(pyramid_levels(tuple(frames.shape[2:]))):
        coarse = halve(frames)
        bands.append((weights * (frames - double(coarse))).sum(dim=1, keepdim=True))
        frames, weights = coarse, halve(weights)
    fused = (weights * frames).sum(dim=1, keepdim=True)
    for band in reversed(bands):
        fused = double(fused) + band
    return fused.squeeze(1)


def guided_blend(frames: Tensor, reduced: Tensor, weights: Tensor) -> Tensor:
    """Blend with low-resolution weights enlarged by the fast guided filter.

    Args:
        frames: (B, K, H, W) luma, 0 to 1.
        reduced: (B, K, h, w), the same at low resolution.
        weights: (B, K, h, w), any sign.

    Returns:
        (B, H, W), within the frames' range.
    """
    guide_mean, weight_mean = _box_mean(reduced), _box_mean(weights)
    covariance = _box_mean(reduced * weights) - guide_mean * weight_mean
    slope = covariance / (_box_mean(reduced * reduced) - guide_mean**2 + GUIDED_EPS)
    offset = weight_mean - slope * guide_mean
    size = frames.shape[2:]
    slope, offset = (functional.interpolate(plane, size, mode="bilinear") for plane in (slope, offset))
    return (_normalised((slope * frames + offset).abs()) * frames).sum(dim=1)


def reduce_planes(frames: Tensor, short_side_px: int) -> Tensor:
    """Bilinear reduction without aliasing, (B, K, H, W) -> (B, K, h, w)."""
    factor = short_side_px / min(frames.shape[2:])
    size = tuple(max(1, round(side * factor)) for side in frames.shape[2:])
    return functional.interpolate(frames, size, mode="bilinear", antialias=True)


def halve(planes: Tensor) -> Tensor:
    """Five-tap binomial blur and decimation by 2, mirrored at the border: OpenCV's `pyrDown`, (B, K, H, W)."""
    kernel = torch.tensor(_BINOMIAL, dtype=planes.dtype, device=planes.device)
    stacked = functional.pad(planes.flatten(0, 1).unsqueeze(1), (2, 2, 2, 2), mode="reflect")
    rows = functional.conv2d(stacked, kernel.view(1, 1, 5, 1), stride=(2, 1))
    small = functional.conv2d(rows, kernel.view(1, 1, 1, 5), stride=(1, 2))
    return small.squeeze(1).unflatten(0, planes.shape[:2])


def double(planes: Tensor) -> Tensor:
    """The enlargement that goes with `halve`, to twice the size: OpenCV's `pyrUp`, (B, K, H, W)."""
    return _double_last(_double_last(planes).transpose(2, 3)).transpose(2, 3)


def _double_last(planes: Tensor) -> Tensor:
    """Twice as wide: binomial taps on zero-filled columns, mirrored on the left, repeated on the right, as OpenCV."""
    left = torch.cat([planes[..., 1:2], planes[..., :-1]], dim=-1)
    right = torch.cat([planes[..., 1:], planes[..., -1:]], dim=-1)
    even, odd = (left + 6 * planes + right) / 8, (planes + right) / 2
    return torch.stack([even, odd], dim=-1).flatten(-2)


def _box_mean(planes: Tensor) -> Tensor:
    window = 2 * GUIDED_RADIUS_PX + 1
    return functional.avg_pool2d(planes, window, stride=1, padding=GUIDED_RADIUS_PX, count_include_pad=False)


def _normalised(weights: Tensor) -> Tensor:
    weights = weights + TINY
    return weights / weights.sum(dim=1, keepdim=True)
