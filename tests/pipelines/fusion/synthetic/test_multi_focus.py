"""Multi-focus stacks: each frame is right where its matte says so."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.fusion.synthetic.multi_focus import disc, focus, multi_focus


@pytest.mark.parametrize("count", [2, 3])
def test_mattes_sum_to_one_and_the_target_is_a_picture(count: int) -> None:
    sample = multi_focus(np.random.default_rng(count), (64, 80), count)
    assert sample.images.shape == (count, 64, 80, 3)
    assert sample.images.dtype == np.float32
    assert sample.matte is not None
    assert sample.matte.shape == (count, 64, 80)
    np.testing.assert_allclose(sample.matte.sum(0), 1, atol=1e-5)
    assert sample.target is not None
    assert sample.target.shape == (64, 80, 3)
    assert np.isfinite(sample.target).all()
    assert sample.target.min() >= 0
    assert sample.target.max() <= 1


def test_same_seed_gives_the_same_stack_and_another_seed_another() -> None:
    first, again, other = (multi_focus(np.random.default_rng(seed), (48, 48), 2).images for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_picking_frames_by_matte_is_nearer_to_the_target_than_the_average() -> None:
    for seed in range(6):
        sample = multi_focus(np.random.default_rng(seed), (96, 96), 2)
        picked = (sample.images * sample.matte[..., None]).sum(0)
        assert np.abs(picked - sample.target).mean() < np.abs(sample.images.mean(0) - sample.target).mean()


def test_far_frame_is_sharp_away_from_the_near_layer() -> None:
    rng = np.random.default_rng(0)
    near, far = rng.random((2, 64, 64, 3), dtype=np.float32)
    matte = np.zeros((64, 64), np.float32)
    matte[:, :20] = 1
    sample = focus(rng, [near, far], [matte, np.ones_like(matte)], 4.0)
    error = np.abs(sample.images - sample.target).mean(-1)
    assert error[1, :, 30:].mean() < 0.02 < 0.1 < error[1, :, :12].mean()
    assert error[0, :, :12].mean() < 0.02 < 0.1 < error[0, :, 30:].mean()


@pytest.mark.parametrize("radius", [1.0, 2.5, 7.0])
def test_defocus_keeps_brightness(radius: float) -> None:
    kernel = disc(radius)
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(kernel, kernel.T)
