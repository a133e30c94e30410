from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.fusion.field_of_view import find_view, shared_box


def scene(seed: int = 0, size_hw: tuple[int, int] = (300, 420)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    plane = cv2.GaussianBlur(rng.random(size_hw).astype(np.float32), (0, 0), 6)
    plane = (plane - plane.min()) / np.ptp(plane)
    for _ in range(25):
        x, y, width, height = rng.integers(0, 380), rng.integers(0, 260), rng.integers(10, 70), rng.integers(10, 70)
        cv2.rectangle(plane, (int(x), int(y)), (int(x + width), int(y + height)), float(rng.random()), -1)
    return cv2.GaussianBlur(plane, (0, 0), 1)


@pytest.mark.parametrize("task", ["ivis", "mff"])
@pytest.mark.parametrize(("box", "size_wh"), [((40, 220, 60, 330), (180, 120)), ((0, 240, 100, 340), (240, 240))])
def test_the_field_of_view_is_found_to_a_few_pixels(
    task: str, box: tuple[int, int, int, int], size_wh: tuple[int, int]
) -> None:
    whole = scene()
    top, bottom, left, right = box
    part = cv2.resize(whole[top:bottom, left:right], size_wh, interpolation=cv2.INTER_AREA)
    seen = 1 - part if task == "ivis" else part
    matrix = find_view(seen, whole, task)
    assert matrix is not None
    corners = np.array([[0, 0, 1], [size_wh[0] - 1, size_wh[1] - 1, 1]]).T
    step = (right - left) / size_wh[0] / 2 - 0.5  # centre of the first pixel
    expected = np.array([[left + step, right - 1 - step], [top + step, bottom - 1 - step]])
    assert np.abs(matrix @ corners - expected).max() < 3


def test_another_scene_is_not_found() -> None:
    assert find_view(scene(1)[:150, :180], scene(2), "ivis") is None


def test_a_plane_without_edges_is_not_found() -> None:
    assert find_view(np.full((60, 80), 0.5, np.float32), scene(), "ivis") is None


def test_the_shared_box_is_what_every_frame_covers() -> None:
    shifted = np.array([[1.0, 0, 5], [0, 1, -3]])
    assert shared_box((60, 80), [(np.eye(2, 3), (60, 80)), (shifted, (60, 80))]) == (3, 60, 0, 75)
