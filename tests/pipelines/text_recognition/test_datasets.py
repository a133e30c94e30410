"""Both layouts of IIIT5K, written here in miniature."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from pipelines.shared.errors import UserError
from pipelines.text_recognition.datasets import find_iiit5k, frequent_labels, read_rgb, spread

LABELS = {"1002_1.png": "PRIVATE", "1002_2.png": "Parking", "7_1.png": "private"}


def picture(path: Path, is_grey: bool = False) -> None:
    pixels = np.full((12, 30, 3), (10, 20, 200), np.uint8)
    cv2.imwrite(str(path), pixels[..., 0] if is_grey else pixels)


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """As it is distributed."""
    (tmp_path / "test").mkdir()
    for name in LABELS:
        picture(tmp_path / "test" / name)
    (tmp_path / "test.tags").write_text("".join(f"test/{name} {label}\n" for name, label in LABELS.items()))
    return tmp_path


@pytest.fixture
def subset(tmp_path: Path) -> Path:
    """As a subset, below the folder of all evaluation data."""
    folder = tmp_path / "iiit5k" / "test"
    folder.mkdir(parents=True)
    for index, name in enumerate(LABELS):
        picture(folder / name, is_grey=index == 0)
    (folder / "labels.tsv").write_text("".join(f"{name}\t{label}\n" for name, label in LABELS.items()))
    return tmp_path


@pytest.mark.parametrize("layout", ["full", "subset"])
def test_both_layouts_give_the_same_words(request: pytest.FixtureRequest, layout: str) -> None:
    found = find_iiit5k(request.getfixturevalue(layout))
    words = list(found.words())
    assert found.name == "iiit5k" and len(found) == 3
    assert [word.label for word in words] == list(LABELS.values())
    assert all(word.image.shape == (12, 30, 3) and word.boxes_xyxy is None and not word.lexicons for word in words)
    assert words[1].image[0, 0].tolist() == [200, 20, 10]


def test_boxes_and_word_lists_are_read_where_they_are(full: Path) -> None:
    rows = np.zeros(2, [("ImgName", "O"), ("chars", "O"), ("charBB", "O")])
    rows[0] = ("1002_1.png", "PRIVATE", np.array([[1, 1, 4, 8]] * 7))
    rows[1] = ("7_1.png", "private", np.array([[3, 2, 5, 6]]))
    savemat(full / "testCharBound.mat", {"testCharBound": rows})
    lists = np.zeros(1, [("ImgName", "O"), ("GroundTruth", "O"), ("smallLexi", "O"), ("mediumLexi", "O")])
    lists[0] = ("test/1002_1.png", "PRIVATE", np.array(["PRIVATE", "PRIVET"], object), np.array(["PRIVATE"], object))
    savemat(full / "testdata.mat", {"testdata": lists})
    first, second, third = find_iiit5k(full).words()
    assert first.boxes_xyxy is not None and first.boxes_xyxy.shape == (7, 4)
    assert first.boxes_xyxy[0].tolist() == [0, 0, 4, 8]
    assert third.boxes_xyxy is not None and third.boxes_xyxy.tolist() == [[2, 1, 7, 7]]
    assert first.lexicons["lexicon_50"] == ("PRIVATE", "PRIVET") and not second.lexicons


def test_a_folder_without_it_and_a_missing_picture_are_named(
    full: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with pytest.raises(UserError, match=r"neither test\.tags nor"):
        find_iiit5k(tmp_path_factory.mktemp("empty"))
    (full / "test" / "7_1.png").unlink()
    with pytest.raises(UserError, match=r"7_1\.png"):
        find_iiit5k(full)


def test_common_labels_are_counted_without_case(full: Path) -> None:
    assert frequent_labels(find_iiit5k(full), 1) == ("private",)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"bad\.png"):
        read_rgb(tmp_path / "bad.png")


def test_a_limit_is_spread_over_the_set() -> None:
    assert spread(10, 4) == [0, 2, 5, 7] and spread(3, None) == spread(3, 9) == [0, 1, 2]


def test_the_handed_over_subset_is_complete(evaluation_data: Path) -> None:
    assert [len(find_iiit5k(evaluation_data, split)) for split in ("test", "train")] in ([2000, 1000], [3000, 2000])
