"""Textures: repeatable, in range, of any size."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pipelines.shared.synthetic.textures import TEXTURES, collage, fractal_noise, jpeg, random_mask, smooth_field

KINDS = sorted(set(TEXTURES), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("size_hw", [(17, 31), (96, 64)])
def test_texture_is_a_plane_in_range_with_detail(kind: Callable[..., np.ndarray], size_hw: tuple[int, int]) -> None:
    plane = kind(np.random.default_rng(0), size_hw)
    assert plane.shape == size_hw
    assert plane.dtype == np.float32
    assert plane.min() >= 0
    assert plane.max() <= 1
    assert np.abs(np.diff(plane, axis=1)).mean() > 0.01


def test_same_seed_gives_the_same_collage_and_another_seed_another() -> None:
    first, again, other = (collage(np.random.default_rng(seed), (40, 40)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_noise_reaches_single_pixels_and_keeps_its_strength() -> None:
    noise = fractal_noise(np.random.default_rng(0), (128, 96))
    assert 0.5 < noise.std() < 1.6
    assert np.abs(np.diff(noise, axis=0)).mean() > 0.05


def test_smooth_field_and_masks_stay_within_0_and_1() -> None:
    rng = np.random.default_rng(0)
    for plane in (smooth_field(rng, (50, 70)), random_mask(rng, (50, 70), 0.4)):
        assert plane.shape == (50, 70)
        assert plane.min() >= 0
        assert plane.max() <= 1


def test_jpeg_changes_a_picture_only_a_little() -> None:
    picture = collage(np.random.default_rng(0), (64, 64), 2)
    compressed = jpeg(np.random.default_rng(0), picture, 95, 95)
    assert compressed.shape == picture.shape
    assert 0 < np.abs(compressed - picture).mean() < 0.05
