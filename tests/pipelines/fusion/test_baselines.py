"""Every classical baseline passes the same claims."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.fusion.baselines import BASELINES, guided_filter
from pipelines.fusion.operators import luma

IMAGES = np.random.default_rng(0).random((3, 60, 70, 3), np.float32)


@pytest.fixture(params=list(BASELINES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("count", [2, 3, 6])
def test_gives_one_picture_in_range(name: str, count: int) -> None:
    images = np.resize(IMAGES, (count, 60, 70, 3))
    fused = BASELINES[name](images)
    assert fused.shape == (60, 70, 3) and fused.dtype == np.float32
    assert fused.min() >= 0 and fused.max() <= 1


def test_identical_frames_give_the_frame_back(name: str) -> None:
    images = 0.2 + 0.6 * np.repeat(IMAGES[:1], 2, axis=0)
    np.testing.assert_allclose(BASELINES[name](images), images[0], atol=2e-3)


def test_the_order_of_frames_changes_nothing(name: str) -> None:
    np.testing.assert_allclose(BASELINES[name](IMAGES), BASELINES[name](IMAGES[::-1].copy()), atol=1e-4)


@pytest.mark.parametrize("size_hw", [(5, 9), (41, 17)])
def test_tiny_and_constant_frames_stay_finite(name: str, size_hw: tuple[int, int]) -> None:
    for greys in ((0.0, 1.0), (0.0, 0.0), (1.0, 1.0)):
        images = np.stack([np.full((*size_hw, 3), grey, np.float32) for grey in greys])
        assert np.isfinite(BASELINES[name](images)).all()


def test_arguments_are_not_altered(name: str) -> None:
    images = IMAGES.copy()
    BASELINES[name](images)
    np.testing.assert_array_equal(images, IMAGES)


def test_average_and_maximum_by_hand() -> None:
    images = np.stack([np.full((8, 8, 3), grey, np.float32) for grey in (0.2, 0.6)])
    assert BASELINES["average"](images).mean() == pytest.approx(0.4, abs=1e-5)
    assert BASELINES["max"](images).mean() == pytest.approx(0.6, abs=1e-5)


def test_laplacian_keeps_the_sharper_frame_of_two_focus_planes() -> None:
    import cv2

    scene = cv2.GaussianBlur(np.random.default_rng(1).random((96, 96, 3), np.float32), (0, 0), 1)
    near, far = scene.copy(), scene.copy()
    near[:, 48:] = cv2.GaussianBlur(scene, (0, 0), 3)[:, 48:]
    far[:, :48] = cv2.GaussianBlur(scene, (0, 0), 3)[:, :48]
    errors = {
        name: np.abs(luma(BASELINES[name](np.stack([near, far]))) - luma(scene)).mean() for name in ("laplacian", "gff")
    }
    blurred = np.abs(luma(np.stack([near, far])).mean(axis=0) - luma(scene)).mean()
    assert max(errors.values()) < 0.5 * blurred


def test_a_guided_filter_with_a_large_eps_is_a_blur_and_with_a_small_one_keeps_edges() -> None:
    step = np.zeros((32, 32), np.float32)
    step[:, 16:] = 1
    kept, blurred = guided_filter(step, step, 3, 1e-6), guided_filter(step, step, 3, 100.0)
    assert np.abs(kept - step).max() < 1e-3
    assert 0.2 < blurred[16, 16] < 0.8
