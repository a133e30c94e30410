from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pipelines.shared import figures
from pipelines.shared.errors import UserError

NOISE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)


def test_a_png_keeps_every_pixel_and_gives_its_recipe_back(tmp_path: Path) -> None:
    path = figures.save_png(NOISE, "mixdeck_recipe: 1\nname: ä\n", tmp_path / "a.png")
    assert np.array_equal(np.asarray(Image.open(path)), NOISE)
    assert figures.read_embedded(path) == "mixdeck_recipe: 1\nname: ä\n"


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    first, second = (figures.save_png(NOISE, "x", tmp_path / name).read_bytes() for name in ("a.png", "b.png"))
    assert first == second


def test_the_recipe_can_be_left_out(tmp_path: Path) -> None:
    path = figures.save_png(NOISE, None, tmp_path / "a.png")
    assert figures.read_embedded(path) is None and b"mixdeck:recipe" not in path.read_bytes()


def test_sixteen_bit_maps_are_written_as_such(tmp_path: Path) -> None:
    plane = np.arange(2000, dtype=np.uint16).reshape(40, 50)
    assert np.array_equal(np.asarray(Image.open(figures.save_png(plane, "x", tmp_path / "w.png"))), plane)


def test_a_jpeg_carries_nothing(tmp_path: Path) -> None:
    Image.fromarray(NOISE).save(tmp_path / "a.jpg")
    assert figures.read_embedded(tmp_path / "a.jpg") is None


def test_a_recipe_that_expands_without_end_is_refused(tmp_path: Path) -> None:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt(figures.KEY, "a" * (2 << 20), zip=True)
    Image.fromarray(NOISE).save(tmp_path / "bomb.png", pnginfo=chunks)
    with pytest.raises(UserError, match="expands"):
        figures.read_embedded(tmp_path / "bomb.png")
