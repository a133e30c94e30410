from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.fusion.align import align, estimate_shift, mutual_information
from pipelines.fusion.inputs import FrameSet


def scene() -> np.ndarray:
    noise = np.random.default_rng(3).random((200, 240)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return (smooth - smooth.min()) / np.ptp(smooth)


def pair(dx: int, dy: int, change=lambda plane: plane) -> FrameSet:
    whole = scene()
    planes = [whole[20:180, 20:220], change(whole[20 + dy : 180 + dy, 20 + dx : 220 + dx])]
    images = np.repeat(np.stack(planes)[..., None], 3, -1).astype(np.float32)
    return FrameSet(images, ("a", "b"), ("", ""), (True, True), (0, 1))


@pytest.mark.parametrize(("dx", "dy"), [(7, -4), (0, 5), (-9, 0)])
def test_a_shift_is_found_to_a_pixel(dx: int, dy: int) -> None:
    frames = pair(dx, dy)
    found = estimate_shift(frames.images[0, ..., 0], frames.images[1, ..., 0])
    assert np.allclose(found, (-dx, -dy), atol=1)


@pytest.mark.parametrize(
    ("task", "change"),
    [("ivis", lambda plane: 1 - plane), ("mef", lambda plane: plane**2), ("mff", lambda plane: plane)],
)
def test_aligned_frames_agree_on_the_area_they_share(task: str, change) -> None:
    moved, (transform,) = align(pair(7, -4, change), task)
    first, other = moved.images[0, 8:-8, 8:-8, 0], moved.images[1, 8:-8, 8:-8, 0]
    assert transform.is_accepted
    assert np.abs(change(first) - other).mean() < 0.03
    assert moved.images.shape[1] < 160 and moved.images.shape[2] < 200


def test_frames_that_have_nothing_in_common_stay_and_it_is_said() -> None:
    noise = np.random.default_rng(5).random((160, 200)).astype(np.float32)
    frames = pair(0, 0, lambda plane: noise)
    moved, (transform,) = align(frames, "ivis")
    assert not transform.is_accepted and "stays" in moved.notices[-1].text
    assert np.array_equal(moved.images, frames.images)


def test_mutual_information_is_highest_for_the_same_plane() -> None:
    plane = scene()
    assert mutual_information(plane, plane) > mutual_information(plane, np.roll(plane, 5, 1)) > 0
