"""Bad and odd pictures, through the reader of pictures that the page uses."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from pipelines.shared.errors import UserError
from pipelines.shared.images import open_image
from pipelines.text_recognition.inputs import Crop, crop_of


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def crop(picture: Image.Image, suffix: str = "png", **settings: object) -> Crop:
    file = io.BytesIO()
    picture.save(file, {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper()), **settings)
    return crop_of(open_image(file.getvalue(), f"word.{suffix}"))


def test_a_crop_keeps_its_pixels() -> None:
    pixels = noise(20, 50)
    assert (crop(Image.fromarray(pixels)).pixels == pixels).all()


@pytest.mark.parametrize("size_wh", [(1, 1), (3, 40), (40, 3)])
def test_what_cannot_hold_a_word_is_refused(size_wh: tuple[int, int]) -> None:
    with pytest.raises(UserError, match=f"{size_wh[0]} × {size_wh[1]} px"):
        crop(Image.fromarray(noise(*size_wh[::-1])))


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(UserError, match="empty"):
        crop_of(open_image(b"", "word.png"))


def test_a_strip_of_20000_pixels_is_read_and_told_about() -> None:
    strip = crop(Image.fromarray(noise(32, 20_000)))
    assert strip.size_wh == (20_000, 32)
    assert any("625 times as wide" in notice.text for notice in strip.notices)


def test_tiny_letters_are_told_about() -> None:
    assert any("6 px high" in notice.text for notice in crop(Image.fromarray(noise(6, 20))).notices)


def test_of_an_animation_the_first_picture_is_read() -> None:
    first, second = (Image.fromarray(noise(16, 40, seed)).convert("P") for seed in (1, 2))
    read = crop(first, "gif", save_all=True, append_images=[second], duration=100)
    assert any("2 pictures" in notice.text for notice in read.notices)
    assert np.abs(read.pixels.astype(int) - np.asarray(first.convert("RGB"))).mean() < 1


def test_cmyk_becomes_rgb() -> None:
    read = crop(Image.new("CMYK", (40, 16), (0, 255, 255, 0)), "jpg", quality=95)
    assert np.abs(read.pixels.mean((0, 1)) - (255, 0, 0)).max() < 40


def test_sixteen_bits_are_windowed_to_eight() -> None:
    ramp = np.linspace(1000, 5000, 16 * 40).reshape(16, 40).astype(np.uint16)
    read = crop(Image.fromarray(ramp))
    assert read.pixels.min() == 0 and read.pixels.max() == 255


def test_a_picture_on_its_side_by_exif_is_set_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rows are to be columns
    assert crop(Image.fromarray(noise(60, 20)), "jpg", exif=exif).size_wh == (60, 20)


@pytest.mark.parametrize(("tone", "spread", "is_even"), [(200, 0, True), (30, 2, True), (100, 60, False)])
def test_one_tone_all_over_is_seen(tone: int, spread: int, is_even: bool) -> None:
    pixels = np.full((20, 60, 3), tone, np.uint8) + (noise(20, 60) % (spread + 1)).astype(np.uint8)
    assert crop(Image.fromarray(pixels)).is_even == is_even
