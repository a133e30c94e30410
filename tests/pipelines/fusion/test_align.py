from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines.fusion.align import (
    Transform,
    align,
    blink,
    checkerboard,
    common_area,
    ecc,
    estimate_shift,
    manual_transform,
    moved,
    mutual_information,
    red_cyan_edges,
)
from pipelines.fusion.inputs import FrameSet
from pipelines.shared.errors import UserError


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


@pytest.mark.parametrize("task", ["ivis", "mef", "mff"])
def test_large_frames_are_refined_at_a_megapixel_and_lie_right_all_the_same(
    monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    seen = []
    monkeypatch.setattr(
        "pipelines.fusion.align.ecc", lambda a, *rest, **how: seen.append(a.size) or ecc(a, *rest, **how)
    )
    first = cv2.resize(scene(), (1600, 1300), interpolation=cv2.INTER_CUBIC)
    placed = cv2.getRotationMatrix2D((800, 650), 0.4, 1.0)
    placed[:, 2] += 17.3, -9.6
    other = cv2.warpAffine(first, placed, (1600, 1300), borderMode=cv2.BORDER_REFLECT)
    images = np.repeat(np.stack([first, other])[..., None], 3, -1).astype(np.float32)
    _, (transform,) = align(FrameSet(images, ("a", "b"), ("", ""), (True, True), (0, 1)), task)
    corners = np.array([[50, 50, 1], [1550, 50, 1], [50, 1250, 1], [1550, 1250, 1]]).T
    assert np.abs((np.array(transform.matrix) - placed) @ corners).max() < 0.2  # px
    assert max(seen) <= 1_001_000


def test_frames_that_have_nothing_in_common_stay_and_it_is_said() -> None:
    noise = np.random.default_rng(5).random((160, 200)).astype(np.float32)
    frames = pair(0, 0, lambda plane: noise)
    moved, (transform,) = align(frames, "ivis")
    assert not transform.is_accepted and "stays" in moved.notices[-1].text
    assert np.array_equal(moved.images, frames.images)


def test_mutual_information_is_highest_for_the_same_plane() -> None:
    plane = scene()
    assert mutual_information(plane, plane) > mutual_information(plane, np.roll(plane, 5, 1)) > 0


def a_set(*images: np.ndarray) -> FrameSet:
    count = len(images)
    names = tuple(f"{index}.png" for index in range(count))
    return FrameSet(np.stack(images), names, names, (False,) * count, tuple(range(count)))


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((64, 96, 3), dtype=np.float32)


def test_a_move_by_hand_shifts_right_and_down_and_cuts_the_border() -> None:
    image = noise()
    result = moved(a_set(image, image), [manual_transform(1, (64, 96), dx_px=5, dy_px=3)])
    assert result.images.shape == (2, 61, 91, 3)
    assert np.allclose(result.images[1], image[:61, :91], atol=1e-5)
    assert np.array_equal(result.images[0], image[3:, 5:])


def test_a_quarter_turn_by_hand_is_counter_clockwise() -> None:
    image = np.random.default_rng(0).random((65, 65, 3), dtype=np.float32)
    result = moved(a_set(image, image), [manual_transform(1, (65, 65), rotation_deg=90)])
    assert np.abs(result.images[1] - np.rot90(image))[1:-1, 1:-1].max() < 1e-3


@pytest.mark.parametrize(
    ("size_hw", "move", "least"),
    [
        ((300, 400), {"rotation_deg": 1}, 0.96),
        ((300, 400), {"rotation_deg": 10}, 0.72),
        ((300, 400), {"rotation_deg": -3, "dx_px": 12, "dy_px": -7}, 0.8),
        ((300, 400), {"rotation_deg": 2, "scale": 0.9}, 0.72),
        ((100, 400), {"rotation_deg": -20}, 0.19),  # hardly more has room
        ((300, 400), {"dx_px": 12, "dy_px": -7}, 0.947),
    ],
)
def test_a_turned_frame_is_cut_to_what_it_covers(size_hw: tuple[int, int], move: dict, least: float) -> None:
    transform = manual_transform(1, size_hw, **move)
    top, bottom, left, right = common_area(size_hw, (transform,))
    rows, columns = np.mgrid[top:bottom, left:right]
    x, y = np.tensordot(transform.matrix, np.stack([columns, rows, np.ones_like(rows)]), 1)
    assert x.min() >= -0.51 and x.max() <= size_hw[1] - 0.49 and y.min() >= -0.51 and y.max() <= size_hw[0] - 0.49
    assert rows.size >= least * size_hw[0] * size_hw[1]


def test_frames_that_do_not_meet_share_no_area() -> None:
    apart = Transform(1, ((1.0, 0.0, 500.0), (0.0, 1.0, 0.0)), True, "")
    top, bottom, left, right = common_area((300, 400), (apart,))
    assert bottom == top or right == left
    with pytest.raises(UserError, match="share hardly any area"):
        moved(a_set(noise(), noise()), [apart])


@pytest.mark.parametrize(("settings", "words"), [({"scale": 3}, "scale 3"), ({"dx_px": 60}, "more than half")])
def test_a_move_by_hand_out_of_range_is_refused(settings: dict[str, float], words: str) -> None:
    with pytest.raises(UserError, match=words):
        manual_transform(1, (64, 96), **settings)


def test_a_move_of_a_frame_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="no frame 3"):
        moved(a_set(noise(), noise()), [manual_transform(2, (64, 96), dx_px=1)])


def test_the_checkerboard_takes_each_pixel_from_one_of_both() -> None:
    board = checkerboard(np.zeros((64, 96, 3)), np.ones((64, 96, 3)), squares=8)
    assert board[0, 0, 0] == 0 and board[0, 8, 0] == 1 and board[8, 8, 0] == 0 and board.mean() == 0.5


def test_equal_edges_are_white_and_lone_ones_coloured() -> None:
    bar = np.zeros((64, 96, 3), np.float32)
    bar[:, 20:40] = 1
    same = red_cyan_edges(bar, bar)
    assert np.allclose(same[..., 0], same[..., 1], atol=1e-6) and same.max() == 1  # OpenCV rounds by how memory lies
    lone = red_cyan_edges(bar, np.zeros_like(bar))
    assert lone[..., 0].max() == 1 and lone[..., 1].max() == 0


def test_blinking_shows_both_images(tmp_path: Path) -> None:
    with Image.open(blink(noise(0), noise(1), tmp_path / "blink.webp")) as animation:
        assert animation.n_frames == 2


def test_the_mask_moves_along() -> None:
    alpha = np.ones((64, 96), np.float32)
    alpha[:, :20] = 0
    result = moved(replace(a_set(noise(), noise()), alpha=alpha), [manual_transform(1, (64, 96), dx_px=5)])
    assert result.alpha is not None and result.alpha.shape == result.images.shape[1:3] == (64, 91)
    assert result.alpha[:, :20].max() == 0 and result.alpha[:, 20:].min() == 1
