"""Head slices: grey MRI first, and a second modality that differs as its kind says."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.fusion.synthetic.medical import KINDS, PALETTES, medical, palette, phantom


@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_pictures_and_only_activity_is_coloured(kind: str) -> None:
    sample = medical(np.random.default_rng(1), (64, 80), kind)
    assert sample.images.shape == (2, 64, 80, 3)
    assert sample.images.dtype == np.float32
    assert np.isfinite(sample.images).all()
    assert sample.images.min() >= 0
    assert sample.images.max() <= 1
    assert sample.roles.tolist() == [0, 1]
    spread = np.ptp(sample.images, axis=-1).max((1, 2))
    assert spread[0] == 0
    assert (spread[1] > 0.2) == (kind != "ct")


def test_same_seed_gives_the_same_slice_and_another_seed_another() -> None:
    first, again, other = (medical(np.random.default_rng(seed), (48, 48)).images for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_skull_is_bright_in_ct_and_dark_in_mri() -> None:
    for seed in range(5):
        tissues = phantom(np.random.default_rng(seed), (96, 96))
        skull = tissues.skull > 0.99
        ct, mri = tissues.mix(0.2, 1.0, 0.2, 0.3, 0.3, 0.3), tissues.mix(0.7, 0.05, 0.1, 0.5, 0.7, 0.3)
        assert skull.sum() > 50
        assert ct[skull].mean() > 0.8 > 0.2 > mri[skull].mean()


def test_tissue_shares_never_exceed_one() -> None:
    tissues = phantom(np.random.default_rng(3), (64, 64))
    total = tissues.scalp + tissues.skull + tissues.fluid + tissues.grey + tissues.white
    assert total.max() < 1.01
    assert total.min() > -0.01


@pytest.mark.parametrize("name", sorted(PALETTES))
def test_palette_runs_from_its_first_to_its_last_colour(name: str) -> None:
    colours = palette(np.array([[0.0, 1.0]], np.float32), name)
    np.testing.assert_allclose(colours[0], [PALETTES[name][0], PALETTES[name][-1]], atol=1e-6)
