"""Exposure stacks: ordered, of wide range, and rich enough in texture to tell good fusion from a plain average."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.fusion.synthetic.exposures import expose, expose_metered, exposures, radiance


@pytest.mark.parametrize("count", [2, 3, 4, 5, 6])
def test_stack_has_count_frames_brightest_first(count: int) -> None:
    for seed in range(5):
        sample = exposures(np.random.default_rng(seed), (48, 64), count)
        assert sample.images.shape == (count, 48, 64, 3)
        assert (np.diff(sample.frames.mean((1, 2))) < 0).all()
        assert sample.roles.tolist() == [-1] * count


def test_values_are_finite_float32_in_0_to_1() -> None:
    images = exposures(np.random.default_rng(3), (48, 64), 3).images
    assert images.dtype == np.float32
    assert np.isfinite(images).all()
    assert images.min() >= 0
    assert images.max() <= 1


def test_same_seed_gives_the_same_stack_and_another_seed_another() -> None:
    first, again, other = (exposures(np.random.default_rng(seed), (48, 48), 2).images for seed in (7, 7, 8))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_scenes_span_more_stops_than_one_frame_holds() -> None:
    stops = []
    for seed in range(10):
        light = np.log2(radiance(np.random.default_rng(seed), (64, 64)).mean(2))
        stops.append(np.ptp(light))
    assert np.median(stops) > 9


def test_no_frame_alone_shows_everything() -> None:
    clipped = [exposures(np.random.default_rng(seed), (64, 64), 2).frames[0] for seed in range(10)]
    assert np.mean([(frame > 0.98).mean() for frame in clipped]) > 0.05


def test_scenes_have_fine_texture() -> None:
    details = []
    for seed in range(10):
        frames = exposures(np.random.default_rng(seed), (64, 64), 2).frames
        details.append(np.abs(np.diff(frames, axis=2)).max(0).mean())
    assert np.mean(details) > 0.04


def test_bias_moves_the_exposure() -> None:
    scene = radiance(np.random.default_rng(1), (48, 48))
    dark, light = (expose(np.random.default_rng(2), scene, 2, 3.0, bias).frames.mean() for bias in (-1.0, 1.0))
    assert dark < light


def test_a_metered_exposure_puts_the_mean_of_the_light_at_middle_grey() -> None:
    even = np.full((32, 32, 3), 7.0, np.float32)
    middle = expose_metered(np.random.default_rng(3), even, 3, 2.0, 0.0).frames[1]
    assert 0.18 ** (1 / 2.0) * 0.9 < middle.mean() < 0.18 ** (1 / 2.6)


def test_a_meter_sees_lights_and_lets_the_rest_go_dark() -> None:
    lit = np.full((48, 48, 3), 1.0, np.float32)
    lit[:8, :8] = 200.0
    metered, centred = (
        np.median(shot(np.random.default_rng(4), lit, 3, 2.0, 0.0).frames[1]) for shot in (expose_metered, expose)
    )
    assert metered < centred
