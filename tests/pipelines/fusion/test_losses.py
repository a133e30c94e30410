from __future__ import annotations

import pytest
import torch

from pipelines.fusion import losses


def pair() -> torch.Tensor:
    return torch.rand(1, 2, 48, 48, generator=torch.Generator().manual_seed(3))


def test_the_strongest_gradient_keeps_its_sign_and_comes_from_one_frame() -> None:
    ramp = torch.linspace(0, 1, 8).expand(8, 8)
    frames = torch.stack([1 - ramp, 0.1 * ramp])[None]
    strongest = losses.strongest_gradients(frames)
    assert torch.allclose(strongest[0, 0], torch.full((7, 7), -1 / 7), atol=1e-6)
    assert torch.allclose(strongest[0, 1], torch.zeros(7, 7), atol=1e-6)


def test_ssim_of_a_picture_with_itself_is_one() -> None:
    plane = pair()[:, 0]
    assert torch.allclose(losses.ssim(plane, plane), torch.ones(1), atol=1e-5)


def test_each_loss_is_lower_for_the_better_answer() -> None:
    frames = pair()
    better, worse = frames.amax(1), torch.zeros(1, 48, 48)
    weights = torch.full((1, 2, 48, 48), 0.5)
    assert losses.infrared_visible_loss(better, frames) < losses.infrared_visible_loss(worse, frames)
    assert losses.medical_loss(better, frames) < losses.medical_loss(worse, frames)
    assert losses.exposure_loss(frames.mean(1), frames, weights) < losses.exposure_loss(worse, frames, weights)
    matte = torch.stack([torch.ones(48, 48), torch.zeros(48, 48)])[None]
    right = losses.focus_loss(frames[:, 0], frames[:, 0], matte, matte)
    assert right < losses.focus_loss(frames[:, 0], frames[:, 0], weights, matte)


def test_difference_correlation_is_the_metric_scd() -> None:
    from pipelines.fusion import metrics

    frames = pair()
    fused = frames.mean(1) + 0.1 * frames[:, 0].square()
    loss = losses.difference_correlation(fused, frames)
    scaled = (fused[0].double().numpy() * 255, *(frame.double().numpy() * 255 for frame in frames[0]))
    assert loss.item() == pytest.approx(1 - metrics.scd(*scaled) / 2, abs=1e-4)


def test_a_loss_is_the_stated_sum_of_its_terms() -> None:
    """The factors are part of what an expert is: a change of one is a change of the checkpoints."""
    frames = pair()
    fused, weights = frames.mean(1), torch.full((1, 2, 48, 48), 0.5)
    structure, brightness = 1 - losses.mef_ssim(frames, fused).mean(), 1 - losses.mef_luminance(frames, fused).mean()
    assert losses.exposure_loss(fused, frames, weights).item() == pytest.approx((structure + 0.3 * brightness).item())
    complement = losses.difference_correlation(fused, frames).mean()
    likeness = 1 - losses.ssim(fused, frames[:, 0]).mean()
    rest = losses.intensity_and_gradient(fused, frames, 2.0)
    expected = (rest + 0.25 * likeness + 0.8 * complement).item()
    assert losses.medical_loss(fused, frames).item() == pytest.approx(expected)
    lifted = losses.intensity_and_gradient(fused, frames, gradient_share=40.0)
    similarity = 1 - (losses.ssim(fused, frames[:, 0]) + losses.ssim(fused, frames[:, 1])).mean() / 2
    expected = (lifted + 0.5 * similarity + 0.1 * complement).item()
    assert losses.infrared_visible_loss(fused, frames, 40.0).item() == pytest.approx(expected)
    intensity = (fused - frames.amax(1)).abs().mean()
    steep = (losses.gradients(fused) - losses.strongest_gradients(frames)).abs().mean()
    assert lifted.item() == pytest.approx((intensity + 40 * steep).item())
