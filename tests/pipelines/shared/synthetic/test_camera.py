"""What a cheap camera does to a picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.shared.synthetic.camera import Camera, photographed, vignette
from pipelines.shared.synthetic.textures import checks, tinted

ALWAYS = Camera(blur_px=0.4, noise=0.0, jpeg=(95, 96), dim=0.0, cast=0.0, share=1.0)


def picture() -> np.ndarray:
    rng = np.random.default_rng(1)
    return np.clip(tinted(rng, checks(rng, (80, 96))), 0, 1)


def taken(camera: Camera, seed: int = 2) -> np.ndarray:
    return photographed(np.random.default_rng(seed), picture(), camera)


def test_a_seed_repeats_and_the_picture_stays_whole() -> None:
    before = picture()
    photographed(np.random.default_rng(2), before, Camera(share=1.0))
    assert (before == picture()).all()
    assert (taken(Camera()) == taken(Camera())).all()
    assert (taken(Camera()) != taken(Camera(), seed=5)).any()


def test_pictures_stay_pictures() -> None:
    for seed in range(20):
        result = taken(Camera(share=0.7), seed)
        assert result.shape == (80, 96, 3) and result.dtype == np.float32
        assert result.min() >= 0 and result.max() <= 1


def test_a_camera_without_effects_changes_nothing() -> None:
    assert (taken(Camera(share=0.0)) == picture()).all()


@pytest.mark.parametrize(
    "change, measure, sign",
    [
        ({"blur_px": 3.0}, lambda p: np.abs(np.diff(p, axis=1)).mean(), -1),
        ({"noise": 40.0}, lambda p: np.abs(np.diff(p, axis=1)).mean(), 1),
        ({"dim": 0.8}, lambda p: p.mean(), -1),
        ({"jpeg": (5, 6)}, lambda p: np.abs(p - taken(ALWAYS)).mean(), 1),
        ({"cast": 0.4}, lambda p: np.ptp(p.mean((0, 1)) / taken(ALWAYS).mean((0, 1))), 1),
    ],
)
def test_each_effect_has_its_dial(change: dict, measure, sign: int) -> None:
    assert sign * (measure(taken(replace(ALWAYS, **change))) - measure(taken(ALWAYS))) > 0.005


def test_a_vignette_is_darkest_in_a_corner() -> None:
    light = vignette(np.random.default_rng(3), (60, 90))
    corners = light[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert light.min() == corners.min() and 0.2 <= light.min() < light.max() <= 1
