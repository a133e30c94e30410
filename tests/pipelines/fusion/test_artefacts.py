"""Each measure rises above 1 for its own fault, and stays below for a plain blend."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.fusion.artefacts import VISIBLE, find_artefacts

HEIGHT, WIDTH = 96, 128
Y, X = np.mgrid[:HEIGHT, :WIDTH]


def frames() -> np.ndarray:
    """Two luma frames: a disc and a bar before a slow slope, faintly textured on the right half."""
    rng = np.random.default_rng(0)
    scene = 0.3 + 0.2 * X / WIDTH + 0.3 * (np.hypot(X - 40, Y - 48) < 20) - 0.2 * (abs(X - 95) < 6)
    scene += 0.05 * (X > 64) * cv2.GaussianBlur(rng.standard_normal(scene.shape), (0, 0), 1.5)
    return np.stack([scene, 0.7 * scene]).astype(np.float32)


def blend() -> np.ndarray:
    return frames().mean(0)


def faulty(name: str) -> np.ndarray:
    fused, rng = blend(), np.random.default_rng(1)
    return {
        "clipped": fused + 0.8 * (X < 30),
        "halo": fused + 4 * (fused - cv2.GaussianBlur(fused, (0, 0), 6)),
        "grid": fused + 0.03 * ((X // 16 + Y // 16) % 2),
        "checker": fused + 0.01 * ((X + Y) % 2),
        "grain": fused + 0.03 * rng.standard_normal(fused.shape),
        "turned": np.where(np.hypot(X - 40, Y - 48) < 20, fused - 0.4, fused),
    }[name].astype(np.float32)


def test_a_plain_blend_and_each_frame_show_nothing() -> None:
    for fused in (blend(), *frames()):
        assert find_artefacts(fused, frames()).score < 0.2


@pytest.mark.parametrize("name", VISIBLE)
def test_a_fault_is_seen_by_its_own_measure(name: str) -> None:
    assert find_artefacts(faulty(name), frames()).scores[name] > 1


@pytest.mark.parametrize("name", ["grid", "checker"])
def test_what_the_frames_show_themselves_is_no_artefact(name: str) -> None:
    pattern = faulty(name) - blend()
    assert find_artefacts(blend() + pattern, frames() + pattern).scores[name] < 0.2


def test_a_tone_over_a_wide_area_is_no_halo() -> None:
    assert find_artefacts(blend() + np.float32(0.2), frames()).scores["halo"] < 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_pixel_that_is_no_number_is_the_worst(value: float) -> None:
    fused = blend()
    fused[3, 4] = value
    assert find_artefacts(fused, frames()).score == np.inf
