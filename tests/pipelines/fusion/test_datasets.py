"""Claims about the readers of evaluation sets, on a miniature folder."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.fusion.datasets import find_sets, generated_sets, published_tables, read_rgb, spread
from pipelines.shared.errors import UserError


def write(path: Path, grey: int, size_hw: tuple[int, int] = (12, 16)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((*size_hw, 3), grey, np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b", "a"):
        write(tmp_path / f"mef/{name}_A.png", 10)
        write(tmp_path / f"mef/{name}_B.png", 200)
        write(tmp_path / f"irvis/tno/ir/{name}.png", 30)
        write(tmp_path / f"irvis/tno/vi/{name}.png", 60)
        write(tmp_path / f"medical/mri_ct/mri/{name}.png", 70)
        write(tmp_path / f"medical/mri_ct/ct/{name}.png", 80)
        write(tmp_path / f"multifocus/lytro/{name}-A.png", 90)
        write(tmp_path / f"multifocus/lytro/{name}-B.png", 99)
    for index, grey in enumerate((220, 120, 20)):
        write(tmp_path / f"mef_stacks/window/{index}.png", grey, (768, 2048))
    return tmp_path


def test_every_folder_becomes_a_set_with_its_task(folder: Path) -> None:
    tasks = {one.name: (one.task, len(one)) for one in find_sets(folder)}
    assert tasks == {
        "mef": ("mef", 2),
        "mef_stacks": ("mef", 1),
        "irvis/tno": ("ivis", 2),
        "medical/mri_ct": ("med", 2),
        "multifocus/lytro": ("mff", 2),
    }


@pytest.mark.parametrize(
    ("name", "greys"),
    [("mef", (200, 10)), ("irvis/tno", (30, 60)), ("medical/mri_ct", (70, 80)), ("mef_stacks", (220, 120, 20))],
)
def test_frames_come_in_the_order_of_the_task(folder: Path, name: str, greys: tuple[int, ...]) -> None:
    one = next(found for found in find_sets(folder) if found.name == name)
    scene = next(one.scenes())
    assert tuple(int(frame.mean()) for frame in scene.frames) == greys
    assert all(frame.ndim == 3 and frame.dtype == np.uint8 for frame in scene.frames)


def test_brackets_of_phones_are_also_a_set_of_their_own(folder: Path) -> None:
    for index, grey in enumerate((220, 120, 20)):
        write(folder / f"mef_stacks/meflut_7/{index}.png", grey, (768, 2048))
    sets = {one.name: one for one in find_sets(folder)}
    assert len(sets["mef_stacks"]) == 2 and len(sets["mef_stacks/phone"]) == 1
    scene = next(sets["mef_stacks/phone"].scenes())
    assert scene.name == "meflut_7" and scene.frames[0].shape == (384, 1024, 3)


def test_scenes_come_by_name_and_limited(folder: Path) -> None:
    one = find_sets(folder)[0]
    assert [scene.name for scene in one.scenes()] == ["a", "b"]
    assert [scene.name for scene in one.scenes(1)] == ["a"]


def test_large_stacks_are_reduced(folder: Path) -> None:
    stacks = next(found for found in find_sets(folder) if found.name == "mef_stacks")
    assert next(stacks.scenes()).frames[0].shape == (384, 1024, 3)


def test_a_folder_above_works_too(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    parent = tmp_path_factory.mktemp("all")
    folder.rename(parent / "fusion")
    assert len(find_sets(parent)) == 5


def test_a_missing_half_is_named(folder: Path) -> None:
    (folder / "mef/b_A.png").unlink()
    with pytest.raises(UserError, match="mef has no picture b_A"):
        find_sets(folder)


def test_an_empty_folder_lists_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="irvis/tno"):
        find_sets(tmp_path)


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"not a picture")
    with pytest.raises(UserError, match=r"x\.png is not a picture"):
        read_rgb(tmp_path / "x.png")


def test_colours_are_read_as_rgb(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "red.png"), np.full((4, 4, 3), (0, 0, 255), np.uint8))  # OpenCV writes BGR
    assert read_rgb(tmp_path / "red.png")[0, 0].tolist() == [255, 0, 0]


def test_published_tables_are_found_by_count(tmp_path: Path) -> None:
    for k in range(2):
        path = tmp_path / f"meflut_reference_luts/2frames/{k}_weight.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(",".join(["0.5"] * 256))
    tables = published_tables(tmp_path)
    assert list(tables) == [2] and tables[2].shape == (2, 256)


def test_generated_sets_repeat_themselves_and_cover_every_task() -> None:
    sets = generated_sets()
    assert [one.task for one in sets] == ["ivis", "mef", "mff", "med"]
    for one in sets:
        first, again = next(one.scenes(1)), next(one.scenes(1))
        assert (first.labels is not None) == (one.task == "ivis")
        for frame, same in zip(first.frames, again.frames, strict=True):
            np.testing.assert_array_equal(frame, same)


def test_a_limit_spreads_over_the_set() -> None:
    assert spread(60, 3) == [0, 20, 40]
    assert spread(2, None) == spread(2, 9) == [0, 1]
