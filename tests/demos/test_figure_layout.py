"""The layout of a figure, and its files: pixels, text and recipe in each format."""

from __future__ import annotations

import base64
import io
import re
import zlib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demos.figure_layout import Layout, Panel, compose, cut, most_telling, region_around, rows_of, title_text
from demos.paper import FORMATS, save
from pipelines.shared.figures import read_embedded

RECIPE = "mixdeck_recipe: 1\npipeline: fusion\noptions: {note: 'a (b) \\ <c> & é'}\n"
SVG_IMAGE = r"data:image/png;base64,\s*([A-Za-z0-9+/=\s]+)"
PDF_OBJECT = rb"\d+ 0 obj\n(.*?)\nendobj"


@pytest.fixture(scope="module")
def panels() -> list[Panel]:
    rng = np.random.default_rng(0)
    return [Panel(name, rng.integers(0, 256, (120, 160, 3), np.uint8)) for name in ("thermal", "visible", "fused")]


def written(panels: list[Panel], folder: Path, kind: str, recipe: str | None = RECIPE, width_mm: float = 178) -> Path:
    layout = Layout(width_mm, region=(10, 20, 30), caption="Task arithmetic, α 0.40.")
    path = folder / f"figure.{kind}"
    save(partial(compose, panels, layout), path, kind, recipe, "A figure")
    return path


@pytest.mark.parametrize("kind", FORMATS)
def test_the_recipe_comes_back_from_every_format(panels: list[Panel], tmp_path: Path, kind: str) -> None:
    assert read_embedded(written(panels, tmp_path, kind)) == RECIPE


@pytest.mark.parametrize("kind", FORMATS)
def test_for_blind_review_no_file_has_a_recipe(panels: list[Panel], tmp_path: Path, kind: str) -> None:
    path = written(panels, tmp_path, kind, None)
    assert read_embedded(path) is None and b"mixdeck_recipe" not in path.read_bytes()


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_figure_has_the_same_bytes(panels: list[Panel], tmp_path: Path, kind: str) -> None:
    first = written(panels, tmp_path, kind).read_bytes()
    assert written(panels, tmp_path, kind).read_bytes() == first


def expected(panels: list[Panel]) -> list[np.ndarray]:
    """The pictures a figure of these panels holds."""
    return [pixels for panel in panels for pixels in (panel.pixels, cut(panel.pixels, (10, 20, 30)))]


def is_among(pixels: np.ndarray, found: list[np.ndarray]) -> bool:
    return any(np.array_equal(one, pixels) or np.array_equal(one[::-1], pixels) for one in found)


def test_an_svg_holds_every_pixel_and_its_text_as_text(panels: list[Panel], tmp_path: Path) -> None:
    content = written(panels, tmp_path, "svg").read_text()
    found = [np.asarray(Image.open(io.BytesIO(base64.b64decode(one))).convert("RGB"))
             for one in re.findall(SVG_IMAGE, content)]  # fmt: skip
    assert len(found) == 6 and all(is_among(pixels, found) for pixels in expected(panels))
    assert "(b) visible" in content and "Task arithmetic, α 0.40." in content


def pdf_image(body: bytes) -> np.ndarray:
    """The pixels of an image of a PDF: deflated rows, each behind its PNG predictor."""
    numbers = {name: int(re.search(rb"/" + name + rb" (\d+)", body)[1]) for name in (b"Width", b"Height")}  # type: ignore[index]
    stream = body[body.index(b"stream\n") + 7 : body.rindex(b"\nendstream")]
    plane = b"\x08\x02\x00\x00\x00"
    chunks = [(b"IHDR", numbers[b"Width"].to_bytes(4, "big") + numbers[b"Height"].to_bytes(4, "big") + plane),
              (b"IDAT", stream), (b"IEND", b"")]  # fmt: skip
    png = b"\x89PNG\r\n\x1a\n" + b"".join(
        len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big") for kind, data in chunks
    )
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def test_a_pdf_holds_every_pixel(panels: list[Panel], tmp_path: Path) -> None:
    content = written(panels, tmp_path, "pdf").read_bytes()
    bodies = [one for one in re.findall(PDF_OBJECT, content, re.DOTALL) if b"/Subtype /Image" in one]
    found = [pdf_image(body) for body in bodies]
    assert len(found) == 6 and all(is_among(pixels, found) for pixels in expected(panels))


def test_a_png_is_as_wide_as_it_says(panels: list[Panel], tmp_path: Path) -> None:
    assert Image.open(written(panels, tmp_path, "png", width_mm=85.0)).width == int(85 / 25.4 * 300)


def test_rows_are_even_and_no_picture_is_too_narrow(panels: list[Panel]) -> None:
    def lengths(count: int, width_mm: float) -> list[int]:
        return [len(row) for row in rows_of(panels[:1] * count, Layout(width_mm).most_across)]

    assert lengths(6, 85.0) == [3, 3] and lengths(6, 178.0) == [6] and lengths(7, 178.0) == [4, 3]


def test_a_region_stays_inside_and_is_where_it_was_pointed() -> None:
    assert region_around((60, 80), (40, 30)) == (32, 22, 15)
    assert region_around((60, 80), (0, 0)) == (0, 0, 15) and region_around((60, 80), (79, 59)) == (65, 45, 15)


def test_the_region_shown_first_is_where_the_pictures_differ() -> None:
    plain, changed = np.zeros((64, 96, 3), np.uint8), np.zeros((64, 96, 3), np.uint8)
    changed[40:44, 72:78] = 255
    x, y = most_telling([Panel("a", plain), Panel("b", changed)])
    assert abs(x - 75) <= 3 and abs(y - 42) <= 2


def test_captions_are_broken_and_empty_parts_left_out() -> None:
    lines = Layout(85.0, caption="word " * 60).caption_lines
    assert len(lines) > 2 and max(map(len, lines)) < 60
    assert title_text(("One", "", "Two.")) == "One. Two."


def test_mathematics_in_a_caption_stays_as_it_was_typed(tmp_path: Path, panels: list[Panel]) -> None:
    path: Any = tmp_path / "money.svg"
    save(partial(compose, panels[:1], Layout(caption="$5 and $6_x")), path, "svg")
    assert "$5 and $6_x" in path.read_text()
