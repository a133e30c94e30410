"""Claims about the way down to the network's size and back up."""

from __future__ import annotations

import cv2
import numpy as np

from pipelines.fusion.compose import composed, reduced

RNG = np.random.default_rng(0)


def test_a_small_stack_is_not_reduced_and_a_large_one_keeps_its_means() -> None:
    luma = RNG.random((2, 60, 80), np.float32)
    assert reduced(luma, 60 * 80) is luma
    small = reduced(luma, 1200)
    assert small.shape == (2, 30, 40)
    np.testing.assert_allclose(small[0, 0, 0], luma[0, :2, :2].mean(), atol=1e-6)


def test_at_the_networks_size_the_blend_is_the_weighted_sum_and_the_residual() -> None:
    luma = RNG.random((2, 8, 8), np.float32)
    weights = np.stack([np.full((8, 8), 0.25), np.full((8, 8), 0.75)]).astype(np.float32)
    fused = composed(luma, luma, weights, np.full((8, 8), 0.1, np.float32))
    np.testing.assert_allclose(fused, 0.25 * luma[0] + 0.75 * luma[1] + 0.1, atol=1e-6)


def test_a_larger_picture_keeps_the_detail_of_the_frame_that_is_trusted() -> None:
    luma = RNG.random((2, 128, 128), np.float32)
    small = reduced(luma, 1024)
    weights = np.zeros_like(small)
    weights[1] = 1
    residual = np.full(small.shape[1:], -0.05, np.float32)
    np.testing.assert_allclose(composed(luma, small, weights, residual), luma[1] - 0.05, atol=2e-3)


def test_a_larger_picture_is_blended_as_the_network_does_it() -> None:
    luma = np.stack([np.full((256, 256), 0.2), np.full((256, 256), 0.8)]).astype(np.float32)
    small = reduced(luma, 4096)
    wave = 0.5 + 0.5 * np.sin(np.linspace(0, 4 * np.pi, 256))  # bands would spread it over the whole picture
    share = cv2.resize(np.tile(wave, (256, 1)), small.shape[:0:-1], interpolation=cv2.INTER_AREA).astype(np.float32)
    fused = composed(luma, small, np.stack([1 - share, share]), np.zeros(small.shape[1:], np.float32))
    np.testing.assert_allclose(fused, np.tile(0.2 + 0.6 * wave, (256, 1)), atol=0.1)
