"""Frames that are not nice: what is done about them, and what is said."""

from __future__ import annotations

import weakref
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines.fusion.false_colour import palette
from pipelines.fusion.inputs import load_frames, prepare_frames
from pipelines.fusion.operators import luma
from pipelines.fusion.options import FusionOptions
from pipelines.shared.errors import UserError
from pipelines.shared.images import OpenedImage, open_image


def scene(height: int = 96, width: int = 128) -> np.ndarray:
    noise = np.random.default_rng(0).random((height + 40, width + 40)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return (smooth - smooth.min()) / np.ptp(smooth)


def frame(plane: np.ndarray, name: str = "a.png", **changes) -> OpenedImage:
    pixels = np.repeat(plane[..., None], 3, -1) if plane.ndim == 2 else plane
    return replace(OpenedImage(np.ascontiguousarray(pixels, np.float32), name, "0" * 64, plane.ndim == 2), **changes)


def view(dx: int = 0, dy: int = 0, height: int = 96, width: int = 128) -> np.ndarray:
    return scene(height, width)[20 + dy : 20 + dy + height, 20 + dx : 20 + dx + width]


def painted(name: str) -> np.ndarray:
    """The view in false colour."""
    return palette(name)[np.round(view() * 1023).astype(int)]


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
        ("mef", [], "exposure 1 is missing"),
        ("mef", [frame(view()), None], "exposure 2 is missing"),
        ("mff", [frame(view())], "focus frame 2 is missing"),
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


def test_the_visible_size_is_kept_by_enlarging_the_thermal_frame_bicubically() -> None:
    large = np.clip(cv2.resize(view(), (256, 192)), 0, 1)
    frames = prepare_frames([frame(view(), "t.png"), frame(large)], FusionOptions(frame_size="visible"))
    assert np.array_equal(frames.images[1, ..., 0], large) and "t.png is enlarged (bicubic)" in said(frames)
    bicubic = np.clip(cv2.resize(view(), (256, 192), interpolation=cv2.INTER_CUBIC), 0, 1)
    assert np.allclose(frames.images[0, ..., 0], bicubic, atol=1e-6)
    turned = prepare_frames([frame(large), frame(view(), "v.png")], FusionOptions(frame_size="visible"))
    assert turned.images.shape == (2, 96, 128, 3)


@pytest.mark.parametrize(("task", "change"), [("ivis", lambda plane: 1 - plane**2), ("mff", lambda plane: plane)])
def test_another_shape_is_laid_where_the_edges_agree(task: str, change) -> None:
    whole = view(height=240, width=400)
    part = change(cv2.resize(whole[50:190, 110:290], (135, 105), interpolation=cv2.INTER_AREA))
    frames = prepare_frames([frame(part, "part"), frame(whole, "whole")], task, fit="register")
    height, width = frames.images.shape[1:3]
    assert height >= 102 and width >= 132 and "whole is laid over part" in said(frames)
    inner = slice(8, 96), slice(8, 124)
    assert (
        np.corrcoef(frames.images[0, ..., 0][inner].ravel(), frames.images[1, ..., 0][inner].ravel())[0, 1] ** 2 > 0.9
    )


def test_frames_of_two_scenes_are_not_laid_over_each_other() -> None:
    other = cv2.GaussianBlur(np.random.default_rng(9).random((96, 200)).astype(np.float32), (0, 0), 2)
    with pytest.raises(UserError, match="no place was found where their edges agree"):
        prepare_frames([frame(view()), frame(other)], "ivis", fit="register")


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


@pytest.mark.parametrize("name", ["iron", "rainbow", "hot"])
def test_a_thermal_frame_in_false_colour_is_turned_back_and_the_palette_is_told(name: str) -> None:
    frames = prepare_frames([frame(painted(name)), frame(view())], "ivis")
    assert f"its palette {name} (recognised) is turned back" in said(frames)
    assert np.ptp(frames.images[0], axis=-1).max() == 0 and frames.is_grey[0]
    assert np.abs(frames.images[0, ..., 0] - view()).max() < 0.01


def test_a_palette_or_luma_can_be_asked_for() -> None:
    pair = [frame(painted("iron")), frame(view())]
    by_luma = prepare_frames(pair, FusionOptions(palette="luma"))
    assert "luma is taken as the temperature (as asked)" in said(by_luma)
    assert np.allclose(by_luma.images[0, ..., 0], luma(painted("iron")))
    assert "palette hot (as asked)" in said(prepare_frames(pair, FusionOptions(palette="hot")))


def test_natural_colour_in_the_thermal_slot_is_taken_by_luma_with_a_warning() -> None:
    colour = np.random.default_rng(2).random((96, 128, 3), np.float32)
    frames = prepare_frames([frame(colour), frame(view())], "ivis")
    assert "warning: a.png is in colour; its luma is taken as the temperature (no known palette fits)" in said(frames)


def test_colour_in_the_visible_slot_stays() -> None:
    frames = prepare_frames([frame(view()), frame(painted("iron"))], "ivis")
    assert np.array_equal(frames.images[1], painted("iron")) and "palette" not in said(frames)


def test_a_functional_frame_in_the_mri_slot_is_swapped_with_a_notice() -> None:
    pet = cv2.applyColorMap((view() * 255).astype(np.uint8), cv2.COLORMAP_JET) / np.float32(255)
    frames = prepare_frames([frame(pet, "pet"), frame(view(), "mri")], "med")
    assert frames.names == ("mri", "pet") and "coloured frame came first" in said(frames)


def test_a_small_head_in_a_black_slice_counts_as_coloured_all_the_same() -> None:
    pet = np.zeros((96, 128, 3), np.float32)
    pet[40:56, 56:72] = painted("rainbow")[40:56, 56:72]
    assert prepare_frames([frame(pet, "pet"), frame(view(), "mri")], "med").names == ("mri", "pet")


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


def test_many_frames_may_not_be_too_large_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.fusion.inputs.MOST_PIXELS_TOGETHER", 30_000)
    assert prepare_frames([frame(view()), frame(view())], "mff").images.shape[0] == 2
    with pytest.raises(UserError, match="of 3 frames"):
        prepare_frames([frame(view())] * 3, "mff")


def test_a_single_exposure_is_let_through_and_told() -> None:
    frames = prepare_frames([frame(view())], "mef")
    assert frames.images.shape == (1, 96, 128, 3) and "nothing to fuse" in said(frames)


def photographs(folder: Path, count: int, size_wh: tuple[int, int] = (128, 96)) -> list[Path]:
    """Files of a bracket, the brightest in the middle."""
    plane = cv2.resize(view(), size_wh)
    paths = [folder / f"{k}.png" for k in range(count)]
    for k, path in enumerate(paths):
        Image.fromarray(np.rint(plane * 250 / 1.15 ** abs(k - count // 2)).astype(np.uint8)).save(path)
    return paths


@pytest.mark.parametrize(
    ("task", "count", "size_wh", "words"),
    [
        ("mff", 30, (16, 12), "Multi-focus takes at most 3 frames; 30 came. Bring fewer"),
        ("mef", 65, (16, 12), "at most 64 frames and uses 6 of them; 65 came"),
        ("ivis", 1, (16, 12), "the visible is missing"),
        ("ivis", 2, (128, 96), "fusion takes at most 0 of 2 frames"),
        ("mef", 30, (100, 75), "fusion takes at most 0 of 6 frames"),
    ],
)
def test_what_cannot_be_fused_is_refused_before_a_pixel_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task: str, count: int, size_wh: tuple[int, int], words: str
) -> None:
    monkeypatch.setattr("pipelines.fusion.inputs.MOST_PIXELS", 12_000)
    monkeypatch.setattr("pipelines.fusion.inputs.MOST_PIXELS_TOGETHER", 30_000)
    monkeypatch.setattr("pipelines.fusion.inputs.open_image", lambda *_, **__: pytest.fail("a picture was read"))
    with pytest.raises(UserError, match=words):
        load_frames(photographs(tmp_path, count, size_wh), task)


def test_files_may_not_be_too_large_together_whatever_their_shapes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [*photographs(tmp_path, 1), tmp_path / "wide.png"]
    Image.fromarray(np.zeros((40, 200), np.uint8)).save(paths[1])
    monkeypatch.setattr("pipelines.fusion.inputs.MOST_PIXELS_READ", 20_000)
    monkeypatch.setattr("pipelines.fusion.inputs.open_image", lambda *_, **__: pytest.fail("a picture was read"))
    with pytest.raises(UserError, match="2 largest files have 0 megapixels together"):
        load_frames(paths, "mff", fit="crop")


def test_of_many_exposures_no_more_are_held_than_are_fused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = photographs(tmp_path, 20)
    expected = prepare_frames([open_image(path, window=None) for path in paths], "mef")
    held: list[weakref.ref] = []
    counts: list[int] = []

    def opened(*args, **how) -> OpenedImage:
        image = open_image(*args, **how)
        held.append(weakref.ref(image.pixels))
        counts.append(sum(one() is not None for one in held))
        return image

    monkeypatch.setattr("pipelines.fusion.inputs.open_image", opened)
    frames = load_frames(paths, "mef")
    assert max(counts) <= 6
    assert np.array_equal(frames.images, expected.images) and frames.order == expected.order
    assert frames.names == expected.names and set(frames.notices) == set(expected.notices)


def test_exif_of_some_of_many_exposures_does_not_change_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = photographs(tmp_path, 8)

    def told(path: Path, *rest, **how) -> OpenedImage:
        image = open_image(path, *rest, **how)
        return replace(image, exposure_ev=None if path == paths[1] else float(image.pixels.mean()))

    monkeypatch.setattr("pipelines.fusion.inputs.open_image", told)
    frames = load_frames(paths, "mef")
    assert frames.order == prepare_frames([told(path) for path in paths], "mef").order
    means = [float(image.mean()) for image in frames.images]
    assert means == sorted(means, reverse=True)


def test_counts_are_windowed_as_asked_and_exposures_over_their_whole_range(tmp_path: Path) -> None:
    counts = np.linspace(1000, 3000, 96 * 128).reshape(96, 128).astype(np.uint16)
    paths = [tmp_path / name for name in ("a.png", "b.png")]
    for path in paths:
        cv2.imwrite(str(path), counts)
    narrow = load_frames(paths, FusionOptions(window=(25, 75))).images[0, ..., 0]
    assert abs(float((narrow == 0).mean()) - 0.25) < 0.01 and abs(float((narrow == 1).mean()) - 0.25) < 0.01
    assert np.allclose(load_frames(paths, "mef").images[0, ..., 0], counts / 65535, atol=1e-6)


def test_broken_values_are_a_warning(tmp_path: Path) -> None:
    values = view().copy()
    values[0, :3] = np.nan
    Image.fromarray(values).save(tmp_path / "t.tiff")
    frames = load_frames([tmp_path / "t.tiff"] * 2, "ivis")
    assert "warning: t.tiff has 3 values that are no numbers; they are set to 0" in said(frames)
    assert frames.images[0, 0, :3].max() == 0


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
