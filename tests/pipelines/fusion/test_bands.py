"""Claims about blending band by band."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.fusion import bands

RNG = np.random.default_rng(0)
IMAGES = RNG.random((3, 48, 64, 3), np.float32)
SHARES = bands.normalised(RNG.random((3, 48, 64), np.float32))


def test_a_pyramid_collapses_to_its_picture() -> None:
    for height, width in ((48, 64), (33, 57), (4, 4)):
        image = RNG.random((height, width), np.float32)
        levels = bands.pyramid_levels((height, width))
        pyramid = bands.laplacian_pyramid(image, levels)
        assert len(pyramid) == levels + 1
        np.testing.assert_allclose(bands.collapse(pyramid), image, atol=1e-5)


@pytest.mark.parametrize("side", [1, 4, 5, 8, 9, 33, 600])
def test_a_pyramid_ends_at_four_pixels_or_less_and_no_sooner(side: int) -> None:
    sides = [len(band) for band in bands.laplacian_pyramid(np.zeros((side, 700)), bands.pyramid_levels((side, 700)))]
    assert sides[-1] <= 4 and all(longer > 4 for longer in sides[:-1])


def test_differences_from_one_frame_give_what_a_pyramid_of_each_gives() -> None:
    planes = IMAGES[..., 0]
    levels = bands.pyramid_levels(planes.shape[1:])
    mixed = [np.zeros_like(band) for band in bands.laplacian_pyramid(planes[0], levels)]
    for plane, share in zip(planes, SHARES, strict=True):
        pyramid = bands.laplacian_pyramid(plane, levels)
        mixed = [m + b * g for m, b, g in zip(mixed, pyramid, bands._gaussian(share, levels), strict=True)]
    np.testing.assert_allclose(bands.blend_bands(list(planes), SHARES), bands.collapse(mixed), atol=1e-5)


@pytest.mark.parametrize("chosen", [0, 1, 2])
def test_one_sided_weights_choose_that_frame(chosen: int) -> None:
    weights = np.zeros((3, 48, 64), np.float32)
    weights[chosen] = 1
    np.testing.assert_allclose(bands.blend_bands(list(IMAGES[..., 0]), weights), IMAGES[chosen, ..., 0], atol=1e-4)
    np.testing.assert_allclose(bands.blend_colour(IMAGES, weights), IMAGES[chosen], atol=2e-4)


def test_colour_keeps_the_luma_of_the_bands_and_greys_stay_grey() -> None:
    greys = np.repeat(0.25 + 0.5 * IMAGES[..., :1], 3, axis=-1)
    fused = bands.blend_colour(greys, SHARES)
    assert np.ptp(fused, axis=-1).max() < 1e-5
    np.testing.assert_allclose(fused[..., 0], bands.blend_bands(list(greys[..., 0]), SHARES), atol=1e-5)


def test_the_colour_of_a_patch_is_that_of_the_frame_that_is_trusted_there() -> None:
    red, blue = np.float32([0.8, 0.2, 0.2]), np.float32([0.2, 0.2, 0.8])
    images = np.stack([np.full((64, 64, 3), colour) for colour in (red, blue)])
    shares = np.zeros((2, 64, 64), np.float32)
    shares[0, :, :32], shares[1, :, 32:] = 1, 1
    fused = bands.blend_colour(images, shares)
    np.testing.assert_allclose(fused[:, :8].mean((0, 1)), red, atol=0.03)
    np.testing.assert_allclose(fused[:, -8:].mean((0, 1)), blue, atol=0.03)


def test_inputs_are_not_altered_and_bytes_stay_bytes() -> None:
    images, shares = np.uint8(IMAGES * 255), SHARES.copy()
    fused = bands.blend_colour(images, shares)
    assert fused.dtype == np.uint8
    np.testing.assert_array_equal(shares, SHARES)
    np.testing.assert_array_equal(images, np.uint8(IMAGES * 255))
    assert np.abs(fused / 255 - bands.blend_colour(np.float32(images) / 255, shares)).max() < 0.02


@pytest.mark.parametrize("rows", [1, 7, 32])
def test_the_height_of_the_strips_changes_no_pixel(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, in_bytes = bands.blend_colour(IMAGES, SHARES), bands.blend_colour(np.uint8(IMAGES * 255), SHARES)
    monkeypatch.setattr(bands, "STRIP_ROWS", rows)
    np.testing.assert_allclose(bands.blend_colour(IMAGES, SHARES), whole, atol=2e-7)
    np.testing.assert_array_equal(bands.blend_colour(np.uint8(IMAGES * 255), SHARES), in_bytes)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (2, 1)])
def test_a_picture_of_one_pixel_is_a_picture(size: tuple[int, int]) -> None:
    images = np.full((2, *size, 3), 100, np.uint8)
    fused = bands.blend_colour(images, np.full((2, *size), 0.5, np.float32))
    np.testing.assert_array_equal(fused, images[0])
