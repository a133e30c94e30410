from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from pipelines.text_recognition.rectify import cut, rectified, word_spans


def line_of(text: str, size: int = 36, tracking: int = 0, dark_ground: bool = False) -> tuple[np.ndarray, list[int]]:
    """A level line with its ink, and the places of its blanks, in pixels."""
    font, x, blanks = ImageFont.load_default(size), 8.0, []
    ground, ink = (30, 220) if dark_ground else (220, 30)
    picture = Image.new("RGB", (int(font.getlength(text)) + tracking * len(text) + 20, int(1.5 * size)), (ground,) * 3)
    draw = ImageDraw.Draw(picture)
    for character in text:
        if character == " ":
            blanks.append(int(x + font.getlength(" ") / 2))
        draw.text((x, 6), character, fill=(ink,) * 3, font=font)
        x += font.getlength(character) + tracking
    return np.asarray(picture), blanks


def test_a_turned_rectangle_comes_out_level() -> None:
    level = np.zeros((40, 100, 3), np.uint8)
    level[5:35, 10:50], level[5:35, 50:90] = (200, 30, 30), (30, 30, 200)
    canvas = np.zeros((200, 200, 3), np.uint8)
    canvas[80:120, 50:150] = level
    turned = np.rot90(canvas)  # counter-clockwise: what was right is now up
    corners = np.float32([(80, 150), (80, 50), (120, 50), (120, 150)])
    np.testing.assert_allclose(rectified(turned, corners), level, atol=2)


def test_the_crop_has_the_size_of_the_quadrilateral() -> None:
    corners = np.float32([(10, 10), (60, 12), (60, 30), (10, 26)])
    assert rectified(np.zeros((50, 80, 3), np.uint8), corners).shape == (17, 50, 3)


def test_parts_lie_on_the_sides_of_the_whole() -> None:
    whole = np.float32([(0, 0), (100, 20), (100, 60), (0, 40)])
    first, second = cut(whole, [(0.0, 0.25), (0.5, 1.0)])
    np.testing.assert_allclose(first, [(0, 0), (25, 5), (25, 45), (0, 40)])
    np.testing.assert_allclose(second, [(50, 10), (100, 20), (100, 60), (50, 50)])


@pytest.mark.parametrize("dark_ground", [False, True])
@pytest.mark.parametrize("text", ["HELLO", "open market", "Exit 24", "house of cards"])
def test_a_line_is_cut_at_its_blanks(text: str, dark_ground: bool) -> None:
    line, blanks = line_of(text, dark_ground=dark_ground)
    spans = word_spans(line)
    assert len(spans) == len(text.split())
    for ((_, stop), (start, _)), blank in zip(pairwise(spans), blanks, strict=True):
        assert stop * line.shape[1] <= blank + 4 and start * line.shape[1] >= blank - 4
    assert spans[0][0] == 0 and spans[-1][1] == 1


def test_a_ground_that_changes_along_the_line_is_evened() -> None:
    line, _ = line_of("open market")
    slope = np.linspace(-190, 25, line.shape[1])[None, :, None]  # the ground at one end is as dark as ink at the other
    assert len(word_spans(np.clip(line + slope, 0, 255).astype(np.uint8))) == 2


def test_a_large_line_is_cut_as_a_small_one() -> None:
    small, _ = line_of("Exit 24")
    large, _ = line_of("Exit 24", size=36 * 8)
    np.testing.assert_allclose(word_spans(large), word_spans(small), atol=0.03)


def test_letters_set_wide_apart_stay_one_word() -> None:
    line, _ = line_of("GARDEN", tracking=14)
    assert word_spans(line) == [(0.0, 1.0)]


def test_where_there_is_no_ink_to_see_nothing_is_cut() -> None:
    noise = np.random.default_rng(0).integers(100, 120, (30, 90, 3), dtype=np.uint8)
    assert word_spans(noise) == word_spans(np.full((30, 90, 3), 9, np.uint8)) == [(0.0, 1.0)]
    assert word_spans(np.zeros((1, 1, 3), np.uint8)) == [(0.0, 1.0)]
