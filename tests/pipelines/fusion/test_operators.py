"""Claims about the table operators, their torch twins and the classical baselines."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from pipelines.fusion import differentiable, operators
from pipelines.fusion.bands import blend_bands, normalised
from pipelines.fusion.operators import fuse_with_tables, guided_upsample, to_bytes
from pipelines.fusion.options import OPERATORS

RNG = np.random.default_rng(0)
IMAGES = RNG.random((3, 48, 64, 3), np.float32)
TABLES = RNG.random((3, 256), np.float32) + 0.01


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("size_hw", [(5, 7), (48, 64), (131, 200)])
@pytest.mark.parametrize("count", [1, 2, 6])
def test_shape_range_and_weights(operator: str, size_hw: tuple[int, int], count: int) -> None:
    images = np.random.default_rng(1).random((count, *size_hw, 3), np.float32)
    result = fuse_with_tables(images, np.full((count, 256), 0.5, np.float32), operator)
    assert result.fused.shape == (*size_hw, 3)
    assert result.fused.dtype == np.float32
    assert result.fused.min() >= 0 and result.fused.max() <= 1
    assert result.weights.shape[0] == count
    np.testing.assert_allclose(result.weights.sum(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize("operator", OPERATORS)
def test_identical_frames_give_the_frame_back(operator: str) -> None:
    images = np.repeat(IMAGES[:1], 3, axis=0)
    np.testing.assert_allclose(fuse_with_tables(images, TABLES, operator).fused, images[0], atol=2e-4)


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("greys", [(0.0, 1.0), (0.0, 0.0), (1.0, 1.0)])
def test_black_and_white_frames_stay_finite(operator: str, greys: tuple[float, float]) -> None:
    images = np.stack([np.full((40, 40, 3), grey, np.float32) for grey in greys])
    result = fuse_with_tables(images, np.zeros((2, 256), np.float32), operator)
    assert np.isfinite(result.fused).all() and np.isfinite(result.weights).all()


@pytest.mark.parametrize("operator", OPERATORS)
def test_bytes_in_bytes_out_and_close_to_float(operator: str) -> None:
    frames = to_bytes(IMAGES)
    smooth = cv2.blur(TABLES, (15, 1))  # bytes are looked up by their rounded luma: half an entry off
    from_bytes = fuse_with_tables(frames, smooth, operator).fused
    assert from_bytes.dtype == np.uint8
    from_float = fuse_with_tables(frames.astype(np.float32) / 255, smooth, operator).fused * 255
    assert np.abs(from_bytes - from_float).mean() < 1


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_gain_pulls_towards_its_frame(operator: str) -> None:
    images = np.stack([np.full((32, 32, 3), grey, np.float32) for grey in (0.8, 0.2)])
    tables = np.ones((2, 256), np.float32)
    plain, pulled = (fuse_with_tables(images, tables, operator, gains).fused.mean() for gains in (None, (2, 0)))
    assert plain == pytest.approx(0.5, abs=0.01)
    assert pulled == pytest.approx(0.8 * 0.8 + 0.2 * 0.2, abs=0.01)  # 2 EV: four to one


def test_unknown_operators_and_wrong_counts_are_refused() -> None:
    with pytest.raises(ValueError, match='unknown operator "sharp"'):
        fuse_with_tables(IMAGES, TABLES, "sharp")
    with pytest.raises(ValueError, match="3 frames need as many tables"):
        fuse_with_tables(IMAGES, TABLES[:2], "fast")
    with pytest.raises(ValueError, match="gains"):
        fuse_with_tables(IMAGES, TABLES, "fast", (1.0,))


def test_looking_up_takes_the_floor() -> None:
    greys = np.arange(256, dtype=np.float32) / 255
    table = np.arange(256, dtype=np.float32)
    np.testing.assert_array_equal(operators.look_up(greys, table), table)
    np.testing.assert_array_equal(operators.look_up(np.float32([0.9 / 255, 10.99 / 255]), table), [0, 10])


def test_arguments_are_not_altered() -> None:
    images, tables = IMAGES.copy(), TABLES.copy()
    for operator in OPERATORS:
        fuse_with_tables(images, tables, operator, (1, 0, -1))
    np.testing.assert_array_equal(images, IMAGES)
    np.testing.assert_array_equal(tables, TABLES)


def test_guided_upsampling_of_a_constant_is_that_constant() -> None:
    low, high = RNG.random((16, 20), np.float32), RNG.random((64, 80), np.float32)
    np.testing.assert_allclose(guided_upsample(np.full((16, 20), 0.3, np.float32), low, high), 0.3, atol=1e-5)


def test_guided_upsampling_follows_the_guide_when_eps_is_small() -> None:
    high = np.repeat(np.repeat(RNG.random((16, 20), np.float32), 4, 0), 4, 1)
    low = cv2.resize(high, (20, 16), interpolation=cv2.INTER_AREA)
    sharp = guided_upsample(2 * low + 0.1, low, high, eps=1e-6)
    assert np.abs(sharp - (2 * high + 0.1)).mean() < 0.01


def test_torch_pyramid_equals_the_opencv_one() -> None:
    frames = RNG.random((2, 3, 64, 96), np.float32)
    weights = RNG.random((2, 3, 64, 96), np.float32)
    found = differentiable.pyramid_blend(torch.from_numpy(frames), torch.from_numpy(weights)).numpy()
    expected = np.stack([blend_bands(list(f), normalised(w)) for f, w in zip(frames, weights.copy(), strict=True)])
    np.testing.assert_allclose(found, expected, atol=5e-5)


def test_torch_halving_and_doubling_equal_opencv() -> None:
    plane = RNG.random((32, 48), np.float32)
    stacked = torch.from_numpy(plane)[None, None]
    np.testing.assert_allclose(differentiable.halve(stacked)[0, 0].numpy(), cv2.pyrDown(plane), atol=1e-6)
    np.testing.assert_allclose(differentiable.double(stacked)[0, 0].numpy(), cv2.pyrUp(plane), atol=1e-6)


def test_torch_guided_blend_equals_the_paper_operator_on_luma() -> None:
    grey = np.repeat(RNG.random((2, 160, 200, 1), np.float32), 3, axis=3)
    tables = np.abs(RNG.random((2, 256), np.float32))
    expected = fuse_with_tables(grey, tables, "paper").fused[..., 0]
    luma = operators.luma(grey)
    frames = torch.from_numpy(luma)[None]
    reduced = differentiable.reduce_planes(frames, 128)
    exact = np.stack([operators.reduce_plane(plane) for plane in luma])
    weights = np.stack([operators.look_up(plane, table) for plane, table in zip(exact, tables, strict=True)])
    found = differentiable.guided_blend(frames, reduced, torch.from_numpy(weights)[None])[0].numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_chroma_of_a_grey_frame_does_not_dilute_colour() -> None:
    grey = np.full((8, 8, 3), 0.5, np.float32)
    red = np.zeros((8, 8, 3), np.float32) + np.float32([0.6, 0.3, 0.3])
    cb, cr = operators.fuse_chroma(np.stack([grey, red]))
    _, cb_red, cr_red = operators.ycc_planes(red)
    np.testing.assert_allclose(cb, cb_red, atol=1e-4)
    np.testing.assert_allclose(cr, cr_red, atol=1e-4)


def test_noise_in_an_almost_black_frame_has_no_colour_of_its_own() -> None:
    black = np.zeros((8, 8, 3), np.float32) + np.float32([0.06, 0.0, 0.0])
    bright = np.zeros((8, 8, 3), np.float32) + np.float32([0.5, 0.5, 0.52])
    images, weights = np.stack([bright, black]), np.stack([np.ones((8, 8)), np.zeros((8, 8))]).astype(np.float32)
    free, held = operators.fuse_chroma(images)[1].mean(), operators.fuse_chroma(images, weights)[1].mean()
    assert abs(held - operators.ycc_planes(bright)[2].mean()) < 1e-3 < abs(free - 0.5)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3), (2, 5, 7), (2, 5, 600), (2, 5, 7, 3)])
def test_bytes_are_rounded_in_any_shape(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(2).uniform(-0.2, 1.2, shape).astype(np.float32)
    expected = np.rint(np.clip(values, 0, 1) * np.float32(255)).astype(np.uint8)
    np.testing.assert_array_equal(to_bytes(values), expected)


def test_colour_goes_there_and_back() -> None:
    planes = operators.ycc_planes(IMAGES[0])
    np.testing.assert_allclose(operators.rgb_image(*planes), IMAGES[0], atol=2e-5)
