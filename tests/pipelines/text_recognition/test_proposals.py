from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from pipelines.text_recognition.proposals import overlap, propose_words

PLACES = [("HOTEL", (30, 20), 40), ("market", (260, 60), 34), ("Garden", (60, 150), 28), ("1984", (300, 200), 44)]


def scene(seed: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Four words on a ground with a gradient and noise, and their boxes."""
    rng = np.random.default_rng(seed)
    dark, light = rng.integers(0, 70, 3), rng.integers(170, 256, 3)
    ground, ink = (dark, light) if seed % 2 else (light, dark)
    picture = Image.fromarray(np.broadcast_to(ground, (280, 480, 3)).astype(np.uint8))
    draw, boxes = ImageDraw.Draw(picture), []
    for word, place, size in PLACES:
        font = ImageFont.load_default(size)
        draw.text(place, word, fill=tuple(int(value) for value in ink), font=font)
        left, top, right, bottom = draw.textbbox(place, word, font=font)
        boxes.append(np.float32([(left, top), (right, top), (right, bottom), (left, bottom)]))
    ramp = np.linspace(-25, 25, 480)[None, :, None]
    noise = rng.normal(0, 3, (280, 480, 3))
    return np.clip(np.asarray(picture) + ramp + noise, 0, 255).astype(np.uint8), boxes


@pytest.mark.parametrize("seed", range(4))
def test_words_on_a_clean_ground_are_found_and_nothing_else(seed: int) -> None:
    pixels, boxes = scene(seed)
    regions = propose_words(pixels)
    assert len(regions) == len(boxes)
    assert all(any(overlap(region.corners, box) > 0.5 for region in regions) for box in boxes)


def test_corners_are_in_pixels_of_the_photograph_whatever_its_size() -> None:
    pixels, boxes = scene(0)
    large = np.asarray(Image.fromarray(pixels).resize((480 * 4, 280 * 4), Image.Resampling.BICUBIC))
    regions = propose_words(large)
    assert all(any(overlap(region.corners, 4 * box) > 0.5 for region in regions) for box in boxes)


@pytest.mark.parametrize("pixels", [np.full((64, 64, 3), 128, np.uint8), np.zeros((1, 1, 3), np.uint8)])
def test_an_even_picture_has_no_words(pixels: np.ndarray) -> None:
    assert propose_words(pixels) == []


def test_a_pattern_does_not_take_all_memory() -> None:
    pattern = np.zeros((1000, 1200, 3), np.uint8)
    pattern[::12, :] = pattern[:, ::12] = 255
    assert isinstance(propose_words(pattern), list)


def test_overlap_is_intersection_over_union() -> None:
    square = np.float32([(0, 0), (2, 0), (2, 2), (0, 2)])
    assert overlap(square, square) == pytest.approx(1)
    assert overlap(square, square + np.float32((1, 0))) == pytest.approx(1 / 3)
    assert overlap(square, square + np.float32((5, 0))) == 0
