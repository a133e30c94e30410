"""Pictures of the page: written once, lossless unless they are sketches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demos.stills import Sketch, StillGallery, StillImage, StillSlider, still


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)


def test_a_picture_comes_back_to_the_bit(noise: np.ndarray, tmp_path: Path) -> None:
    assert np.array_equal(np.asarray(Image.open(still(noise, str(tmp_path)))), noise)


def test_the_same_pixels_are_one_file_and_other_pixels_another(noise: np.ndarray, tmp_path: Path) -> None:
    first = still(noise, str(tmp_path))
    written = Path(first).stat().st_ino
    assert still(noise.copy(), str(tmp_path)) == first and Path(first).stat().st_ino == written
    assert still(255 - noise, str(tmp_path)) != first
    assert still(noise.reshape(32, 24, 3), str(tmp_path)) != first


def test_a_sketch_is_a_small_jpeg(tmp_path: Path) -> None:
    smooth = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, 2).repeat(256, 1)
    path = Path(still(Sketch(smooth), str(tmp_path)))
    assert path.suffix == ".jpeg"
    assert np.abs(np.asarray(Image.open(path)).astype(int) - smooth).max() <= 4


def test_paths_and_nothing_stay_as_they_are(tmp_path: Path) -> None:
    assert still("frame.png", str(tmp_path)) == "frame.png" and still(None, str(tmp_path)) is None


def test_no_half_written_file_stays(noise: np.ndarray, tmp_path: Path) -> None:
    folder = Path(still(noise, str(tmp_path))).parent
    assert [path.name for path in folder.iterdir()] == ["image.png"]


@pytest.mark.parametrize("kind", [StillSlider, StillImage, StillGallery])
def test_the_browser_is_told_of_stock_components(kind: type) -> None:
    assert kind(format="png").get_block_name() == kind.__mro__[1].__name__.lower()


def test_components_hand_out_files(noise: np.ndarray) -> None:
    pair = StillSlider(format="png").postprocess((noise, Sketch(noise)))
    assert [one.path.rsplit(".")[-1] for one in pair.root] == ["png", "jpeg"]
    assert StillImage(format="png").postprocess(noise).path.endswith(".png")
    assert StillGallery(format="png").postprocess([(noise, "one")]).root[0].caption == "one"
