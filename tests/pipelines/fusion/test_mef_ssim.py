"""Claims about MEF-SSIM and the index; the plain version in numpy cuts out every patch, as the definition does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipelines.fusion.mef_ssim import mef_index, mef_luminance, mef_ssim


def textured(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def quality_by_patches(frames: np.ndarray, fused: np.ndarray) -> float:
    """One scale of the definition, patch by patch; planes in 0..255."""
    offsets = np.arange(11) - 5
    line = np.exp(-(offsets**2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    values = []
    for top in range(frames.shape[1] - 10):
        for left in range(frames.shape[2] - 10):
            patches = frames[:, top : top + 11, left : left + 11]
            values.append(patch_quality(patches, fused[top : top + 11, left : left + 11], window))
    return float(np.mean(values))


def patch_quality(patches: np.ndarray, fused: np.ndarray, window: np.ndarray) -> float:
    centred = patches - patches.mean(axis=(1, 2), keepdims=True)
    lengths = np.sqrt((centred**2).sum(axis=(1, 2)))
    energies = lengths + 1e-3
    consistency = np.clip(np.sqrt((centred.sum(axis=0) ** 2).sum()) / lengths.sum(), 0, 1 - 1e-6)
    weights = (energies / 11) ** min(np.tan(np.pi / 2 * consistency), 10)
    weights /= weights.sum()
    wanted = (weights / energies)[:, None, None] * centred
    wanted = wanted.sum(axis=0)
    wanted *= energies.max() / np.sqrt((wanted**2).sum())
    mean_wanted, mean_fused = (window * wanted).sum(), (window * fused).sum()
    variances = (window * wanted**2).sum() - mean_wanted**2 + (window * fused**2).sum() - mean_fused**2
    covariance = (window * wanted * fused).sum() - mean_wanted * mean_fused
    constant = (0.03 * 255) ** 2
    return (2 * covariance + constant) / (variances + constant)


@pytest.mark.parametrize("count", [2, 3])
def test_one_scale_equals_the_definition_patch_by_patch(count: int) -> None:
    frames, fused = textured(1, 1, count, 20, 17) * 0.6, textured(2, 1, 20, 17)
    fused = 0.5 * fused + 0.5 * frames.mean(dim=1)
    expected = quality_by_patches(frames[0].numpy() * 255, fused[0].numpy() * 255)  # 17 px: one scale only
    assert mef_ssim(frames, fused).item() == pytest.approx(expected, abs=1e-9)


def test_a_stack_of_equal_frames_scores_one_against_itself() -> None:
    frame = textured(3, 1, 1, 64, 64)
    assert mef_ssim(frame.repeat(1, 3, 1, 1), frame[:, 0]).item() == pytest.approx(1, abs=1e-3)


def test_the_order_of_frames_changes_nothing() -> None:
    frames, fused = textured(4, 1, 3, 50, 60), textured(5, 1, 50, 60)
    for score in (mef_ssim, mef_luminance, mef_index):
        assert score(frames, fused).item() == pytest.approx(score(frames.flip(1), fused).item(), abs=1e-9)


def test_structure_ignores_brightness_and_the_index_does_not() -> None:
    frames = 0.3 + 0.4 * textured(6, 1, 2, 64, 64)
    fused = frames.mean(dim=1)
    darker = fused - 0.25
    assert mef_ssim(frames, darker).item() == pytest.approx(mef_ssim(frames, fused).item(), abs=1e-6)
    assert mef_index(frames, darker).item() < mef_index(frames, fused).item() - 0.05


def test_scores_lie_between_zero_and_one_and_prefer_the_mean_to_noise() -> None:
    frames = textured(7, 2, 2, 48, 48)
    mean, noise = frames.mean(dim=1), textured(8, 2, 48, 48)
    for score in (mef_ssim, mef_luminance, mef_index):
        assert (score(frames, mean) > score(frames, noise)).all()
        assert (score(frames, mean) <= 1).all()


@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_constant_pictures_give_finite_scores_and_gradients(grey: float) -> None:
    frames = torch.full((1, 2, 48, 48), grey)
    fused = torch.full((1, 48, 48), grey, requires_grad=True)
    total = mef_ssim(frames, fused) + mef_index(frames, fused)
    total.sum().backward()
    assert torch.isfinite(total).all()
    assert torch.isfinite(fused.grad).all()


def test_the_gradient_is_that_of_finite_differences() -> None:
    frames, fused = textured(9, 1, 2, 12, 13), textured(10, 1, 12, 13).requires_grad_()
    assert torch.autograd.gradcheck(lambda plane: mef_ssim(frames, plane), fused)
    assert torch.autograd.gradcheck(lambda plane: mef_index(frames, plane), fused)


def test_a_picture_smaller_than_a_patch_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 11 pixels"):
        mef_ssim(torch.zeros(1, 2, 10, 40), torch.zeros(1, 10, 40))


def test_single_precision_agrees_with_double() -> None:
    frames, fused = textured(11, 1, 3, 96, 96), textured(12, 1, 96, 96)
    assert mef_ssim(frames.float(), fused.float()).item() == pytest.approx(mef_ssim(frames, fused).item(), abs=1e-4)
