"""Frames that are not nice: what is done about them, and what is said."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from pipelines.fusion.inputs import prepare_frames
from pipelines.shared.errors import UserError
from pipelines.shared.images import OpenedImage


def scene(height: int = 96, width: int = 128) -> np.ndarray:
    noise = np.random.default_rng(0).random((height + 40, width + 40)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return (smooth - smooth.min()) / np.ptp(smooth)


def frame(plane: np.ndarray, name: str = "a.png", **changes) -> OpenedImage:
    pixels = np.repeat(plane[..., None], 3, -1) if plane.ndim == 2 else plane
    return replace(OpenedImage(np.ascontiguousarray(pixels, np.float32), name, "0" * 64, plane.ndim == 2), **changes)


def view(dx: int = 0, dy: int = 0, height: int = 96, width: int = 128) -> np.ndarray:
    return scene(height, width)[20 + dy : 20 + dy + height, 20 + dx : 20 + dx + width]


def said(frames) -> str:
    return " | ".join(f"{notice.level}: {notice.text}" for notice in frames.notices)


def test_exposures_are_sorted_brightest_first_and_the_order_is_told() -> None:
    frames = prepare_frames([frame(view() * 0.2, "dark"), frame(view() * 0.9, "bright")], "mef")
    assert frames.names == ("bright", "dark") and frames.order == (1, 0) and "sorted" in said(frames)


def test_exif_takes_precedence_over_brightness() -> None:
    dark, bright = frame(view() * 0.2, "d", exposure_ev=3.0), frame(view() * 0.9, "b", exposure_ev=9.0)
    assert prepare_frames([bright, dark], "mef").names == ("d", "b")


def test_equal_brightness_looks_like_one_exposure() -> None:
    assert "looks like one exposure" in said(prepare_frames([frame(view()), frame(view())], "mef"))


def test_of_nine_exposures_six_are_kept_with_both_ends() -> None:
    frames = prepare_frames([frame(view() * 0.9 / 1.5**i, str(i)) for i in range(9)], "mef")
    assert (
        len(frames.images) == 6 and frames.names[0] == "0" and frames.names[-1] == "8" and "6 are used" in said(frames)
    )


@pytest.mark.parametrize(
    ("task", "opened", "words"),
    [
        ("ivis", [None, frame(view())], "the thermal is missing"),
        ("ivis", [frame(view()), None], "the visible is missing"),
        ("med", [frame(view())], "CT, PET or SPECT is missing"),
        ("mef", [frame(view())], "exposure 2 is missing"),
        ("ivis", [frame(view())] * 3, "at most 2"),
        ("mff", [frame(view())] * 4, "at most 3"),
    ],
)
def test_the_slot_that_is_missing_is_named(task: str, opened: list, words: str) -> None:
    with pytest.raises(UserError, match=words):
        prepare_frames(opened, task)


def test_another_size_of_the_same_shape_is_reduced_to_the_smaller() -> None:
    large = cv2.resize(view(), (256, 192))
    frames = prepare_frames([frame(view()), frame(large)], "ivis")
    assert frames.images.shape == (2, 96, 128, 3) and "used at 128 × 96" in said(frames)


def test_another_shape_is_never_stretched() -> None:
    wide = cv2.resize(view(), (256, 96))
    with pytest.raises(UserError, match="not stretched"):
        prepare_frames([frame(view()), frame(wide)], "ivis")
    cropped = prepare_frames([frame(view()), frame(wide)], "ivis", fit="crop")
    assert cropped.images.shape == (2, 96, 128, 3) and "cropped" in said(cropped)


def test_a_shift_beyond_two_pixels_is_a_warning_and_nothing_is_moved() -> None:
    frames = prepare_frames([frame(view()), frame(view(6, 3))], "ivis")
    assert "Press Align" in said(frames)
    assert np.array_equal(frames.images[1, ..., 0], view(6, 3))
    assert "Press Align" not in said(prepare_frames([frame(view()), frame(view())], "ivis"))


def test_a_thermal_frame_in_false_colour_is_taken_by_its_luma() -> None:
    iron = cv2.applyColorMap((view() * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1] / np.float32(255)
    frames = prepare_frames([frame(iron), frame(view())], "ivis")
    assert "false colour" in said(frames) and np.ptp(frames.images[0], axis=-1).max() == 0


def test_a_functional_frame_in_the_mri_slot_is_swapped_with_a_notice() -> None:
    pet = cv2.applyColorMap((view() * 255).astype(np.uint8), cv2.COLORMAP_JET) / np.float32(255)
    frames = prepare_frames([frame(pet, "pet"), frame(view(), "mri")], "med")
    assert frames.names == ("mri", "pet") and "coloured frame came first" in said(frames)


def test_orientations_that_disagree_are_reported() -> None:
    frames = prepare_frames([frame(view()), frame(view(), orientation=6)], "mff")
    assert "EXIF" in said(frames)


def test_tiny_and_flat_frames_pass_without_a_warning_of_shift() -> None:
    flat = np.zeros((5, 7), np.float32)
    assert prepare_frames([frame(flat), frame(flat + 1)], "mef").images.shape == (2, 5, 7, 3)


def test_too_many_pixels_are_refused_with_both_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.fusion.inputs.MOST_PIXELS", 5_000)
    with pytest.raises(UserError, match="megapixels"):
        prepare_frames([frame(view()), frame(view())], "ivis")


def test_identical_frames_are_told() -> None:
    assert "identical" in said(prepare_frames([frame(view()), frame(view())], "mff"))
    assert "identical" not in said(prepare_frames([frame(view()), frame(view() * 0.5)], "mff"))


def test_a_frame_of_one_tone_is_named() -> None:
    frames = prepare_frames([frame(view()), frame(np.zeros((96, 128)), "black.png")], "mff")
    assert "black.png is one even tone" in said(frames)


@pytest.mark.parametrize(("height", "is_told"), [(40, True), (41, False)])
def test_below_41_pixels_it_is_told_that_vif_is_missing(height: int, is_told: bool) -> None:
    frames = prepare_frames([frame(view(height=height)), frame(view(height=height) * 0.5)], "mff")
    assert ("VIF shows n/a" in said(frames)) == is_told


def test_the_mask_follows_the_frame_that_is_reduced_and_holds_where_all_frames_do() -> None:
    left, top = np.ones((192, 256), np.float32), np.ones((96, 128), np.float32)
    left[:, :128], top[:48] = 0, 0
    large = cv2.resize(view(), (256, 192))
    alpha = prepare_frames([frame(view(), alpha=top), frame(large, alpha=left)], "ivis").alpha
    assert alpha is not None and alpha.shape == (96, 128)
    assert alpha[:48].max() == 0 and alpha[:, :64].max() == 0 and alpha[48:, 64:].min() == 1
