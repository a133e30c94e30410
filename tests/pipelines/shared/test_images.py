"""Every kind of file a person may bring: what is done to it, or what is said."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile

from pipelines.shared.errors import UserError
from pipelines.shared.images import image_size, open_image, to_bytes

RAMP = np.linspace(0, 255, 60 * 80).reshape(60, 80).astype(np.uint8)
COLOUR = np.dstack([RAMP, RAMP[::-1], 255 - RAMP])


def packed(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def bomb() -> bytes:
    """A PNG whose header promises 900 megapixels."""
    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    crc = struct.pack(">I", zlib.crc32(chunk))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + crc + packed(Image.fromarray(RAMP))[33:]


def test_eight_bits_come_back_as_they_are() -> None:
    image = open_image(packed(Image.fromarray(COLOUR)), "a.png")
    assert np.array_equal(np.rint(image.pixels * 255), COLOUR)
    assert not image.is_grey and image.alpha is None and image.notices == ()


def test_a_grey_picture_becomes_three_equal_channels() -> None:
    image = open_image(packed(Image.fromarray(RAMP)))
    assert image.is_grey and image.pixels.shape == (60, 80, 3)


def test_sixteen_bits_are_windowed_by_percentiles_and_never_cut_to_the_high_byte() -> None:
    counts = (7000 + 5 * np.arange(4800).reshape(60, 80) / 48).astype(np.uint16)
    image = open_image(packed(Image.fromarray(counts)), "thermal.png")
    assert image.pixels.min() == 0 and image.pixels.max() == 1
    assert len(np.unique(image.pixels)) > 100
    assert "more than 8 bits" in image.notices[0]


def test_floats_with_broken_values_become_finite_and_say_so() -> None:
    values = np.linspace(0, 40, 4800).reshape(60, 80).astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    image = open_image(packed(Image.fromarray(values), "TIFF"), "x.tiff")
    assert np.isfinite(image.pixels).all() and "3 values" in image.warnings[0]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_floats_in_colour_and_of_64_bits_are_windowed_by_percentiles(channels: int, kind: type) -> None:
    values = np.random.default_rng(0).uniform(-3, 40, (60, 80, channels)).astype(kind)
    values[0, 0, 0] = np.nan
    if channels == 4:
        values[..., 3] = 1
    content = cv2.imencode(".tiff", values[..., [2, 1, 0, 3][:channels] if channels > 1 else [0]])[1].tobytes()
    image = open_image(content, "x.tiff")
    colour = values[..., :3]
    low, high = np.nanpercentile(colour, (0.5, 99.5))
    expected = np.clip((np.nan_to_num(colour, nan=low) - low) / (high - low), 0, 1)
    assert np.allclose(image.pixels, expected, atol=1e-5) and image.is_grey == (channels == 1)
    assert image.alpha is None and "1 values" in image.warnings[0] and "more than 8 bits" in image.notices[0]


def test_floats_in_colour_are_bounded_by_their_header(monkeypatch: pytest.MonkeyPatch) -> None:
    content = cv2.imencode(".tiff", np.zeros((60, 80, 3), np.float32))[1].tobytes()
    monkeypatch.setattr("pipelines.shared.images.MOST_PIXELS", 4000)
    with pytest.raises(UserError, match="megapixels"):
        open_image(content, "x.tiff")


@pytest.mark.filterwarnings("ignore")
def test_damaged_floats_give_a_picture_or_a_message_and_nothing_else() -> None:
    rng = np.random.default_rng(0)
    content = cv2.imencode(".tiff", rng.random((12, 16, 3)))[1].tobytes()
    places = np.concatenate([np.arange(8), np.arange(len(content) - 200, len(content))])  # header and directory
    for _ in range(150):
        damaged = bytearray(content)
        for place in rng.choice(places, rng.integers(1, 6)):
            damaged[place] = rng.integers(0, 256)
        try:
            assert np.isfinite(open_image(bytes(damaged), "x").pixels).all()
        except UserError as error:
            assert "x " in str(error)


def test_a_border_of_broken_values_does_not_widen_the_window() -> None:
    values = np.linspace(290, 310, 4800).reshape(60, 80).astype(np.float32)
    values[:6] = np.nan
    image = open_image(packed(Image.fromarray(values), "TIFF"), "kelvin.tiff")
    assert image.pixels[:6].max() == 0
    assert image.pixels[30].mean() == pytest.approx(0.45, abs=0.03)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_colour_of_sixteen_bits_keeps_its_low_byte_and_its_brightness(suffix: str) -> None:
    counts = np.linspace(0, 20_000, 60 * 80 * 3).reshape(60, 80, 3).astype(np.uint16)
    content = cv2.imencode(suffix, counts[..., ::-1])[1].tobytes()
    image = open_image(content, f"deep{suffix}")
    assert np.allclose(image.pixels * 65535, counts, atol=0.01)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_colour_is_turned_like_any_other(orientation: int) -> None:
    stored = np.random.default_rng(0).integers(0, 65535, (5, 7, 3), dtype=np.uint16)
    exif = Image.Exif()
    exif[0x0112] = orientation
    shallow = open_image(packed(Image.fromarray((stored >> 8).astype(np.uint8)), exif=exif.tobytes()))
    ok, encoded = cv2.imencode(".png", stored[..., ::-1])
    block = exif.tobytes()[6:]
    chunk = struct.pack(">I", len(block)) + b"eXIf" + block + struct.pack(">I", zlib.crc32(b"eXIf" + block))
    content = encoded.tobytes()
    image = open_image(content[:33] + chunk + content[33:])
    assert ok and image.orientation == orientation and np.abs(image.pixels - shallow.pixels).max() < 1 / 250


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"])
def test_damaged_bytes_give_a_picture_or_a_message_and_nothing_else(kind: str) -> None:
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x829A: 1 / 60, 0x829D: 4.0, 0x8827: 100})
    content = packed(Image.fromarray(COLOUR[:24, :32]), kind, **({"exif": exif} if kind == "JPEG" else {}))
    for _ in range(150):
        damaged = bytearray(content)
        for place in rng.integers(0, min(200, len(damaged)), rng.integers(1, 6)):
            damaged[place] = rng.integers(0, 256)
        try:
            assert np.isfinite(open_image(bytes(damaged), "x").pixels).all()
        except UserError as error:
            assert "x " in str(error)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_lie_on_mid_grey_and_the_mask_is_kept(mode: str) -> None:
    picture = Image.fromarray(np.full((20, 20, 4), (255, 255, 255, 0), np.uint8)).convert(mode)
    image = open_image(packed(picture))
    assert np.allclose(image.pixels, 0.5) and image.alpha is not None and image.alpha.max() == 0


@pytest.mark.parametrize(
    "content",
    [
        packed(Image.fromarray(COLOUR).convert("P")),
        packed(Image.fromarray(COLOUR).convert("CMYK"), "TIFF"),
        packed(Image.fromarray(COLOUR).convert("1")),
        packed(Image.fromarray(COLOUR), "WEBP", lossless=True),
        packed(Image.fromarray(COLOUR), "BMP"),
    ],
)
def test_other_modes_and_formats_are_read(content: bytes) -> None:
    image = open_image(content)
    assert image.pixels.shape == (60, 80, 3) and 0 <= image.pixels.min() <= image.pixels.max() <= 1


def test_the_camera_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = open_image(packed(Image.fromarray(COLOUR), "JPEG", exif=exif, quality=95))
    assert image.pixels.shape == (80, 60, 3) and image.orientation == 6


def test_exposure_settings_become_an_exposure_value() -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x829A: 1 / 60, 0x829D: 4.0, 0x8827: 100})
    assert open_image(packed(Image.fromarray(COLOUR), "JPEG", exif=exif)).exposure_ev == pytest.approx(9.9, abs=0.05)


def test_a_colour_profile_is_converted_to_srgb() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image = open_image(packed(Image.fromarray(COLOUR), icc_profile=profile))
    assert np.abs(image.pixels * 255 - COLOUR).max() <= 2


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_a_profile_of_greys_is_not_applied_and_that_is_said(kind: type) -> None:
    grey, profile = Image.fromarray(COLOUR[..., 0].astype(kind)), ImageCms.createProfile("sRGB")
    read = open_image(packed(grey, icc_profile=ImageCms.ImageCmsProfile(profile).tobytes()), "scan.png")
    assert read.warnings == ("scan.png is grey; its colour profile is not applied.",)
    assert open_image(packed(grey), "scan.png").warnings == ()
    assert np.array_equal(read.pixels, open_image(packed(grey)).pixels)


@pytest.mark.parametrize("window", [(0.5, 99.5), (10, 90)])
def test_the_window_of_deep_greys_can_be_chosen(window: tuple[float, float]) -> None:
    counts = np.linspace(20_000, 21_000, 4800).reshape(60, 80).astype(np.uint16)
    image = open_image(packed(Image.fromarray(counts)), "t.png", window=window)
    low, high = np.percentile(counts, window)
    expected = np.clip((counts - low) / (high - low), 0, 1)
    assert np.allclose(image.pixels[..., 0], expected, atol=1e-5)


def wide_profile() -> bytes:
    """An ICC profile with the primaries of Display P3 (adapted to D50) and a gamma of 2.2."""

    def xyz(*values: float) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    gamma = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(2.2 * 256), 0)
    text = b"text\0\0\0\0test\0\0\0\0"
    name = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"wide\0" + b"\0" * 79
    entries = {b"desc": name, b"cprt": text, b"wtpt": xyz(0.9642, 1, 0.8249), b"rXYZ": xyz(0.5151, 0.2412, -0.0011),
               b"gXYZ": xyz(0.292, 0.6922, 0.0419), b"bXYZ": xyz(0.1571, 0.0666, 0.7841), b"rTRC": gamma,
               b"gTRC": gamma, b"bTRC": gamma}  # fmt: skip
    start, table, data = 128 + 4 + 12 * len(entries), b"", b""
    for tag, content in entries.items():
        padded = content + b"\0" * (-len(content) % 4)
        table += tag + struct.pack(">II", start + len(data), len(content))
        data += padded
    body = struct.pack(">I", len(entries)) + table + data
    white = struct.pack(">iii", 63190, 65536, 54061)
    header = struct.pack(">I", 128 + len(body)) + b"\0" * 4 + b"\x02\x10\0\0mntrRGB XYZ " + b"\0" * 12 + b"acsp"
    return header.ljust(68, b"\0") + white.ljust(60, b"\0") + body


def test_a_wide_gamut_is_brought_to_srgb() -> None:
    green = Image.fromarray(np.full((8, 8, 3), (60, 200, 60), np.uint8))
    plain = open_image(packed(green)).pixels[0, 0]
    wide = open_image(packed(green, icc_profile=wide_profile())).pixels[0, 0]
    assert wide[0] < plain[0] - 0.1 and wide[1] > plain[1]  # the same numbers mean a stronger green


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_turned_picture_with_a_profile_comes_upright_and_in_srgb(kind: str) -> None:
    stored = np.full((40, 64, 3), 128, np.uint8)
    stored[:20, :32] = 60, 200, 60  # turned clockwise, this corner is the upper right one
    exif = Image.Exif()
    exif[0x0112] = 6
    image = open_image(packed(Image.fromarray(stored), kind, exif=exif, icc_profile=wide_profile(), quality=95))
    assert image.pixels.shape == (64, 40, 3) and image.orientation == 6
    corner, other = image.pixels[4, -4], image.pixels[4, 4]
    assert corner[1] > 0.78 and corner[0] < 0.15  # the green of the profile is beyond that of sRGB
    assert np.abs(other - 128 / 255).max() < 0.03


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_the_size_is_told_upright_without_reading_a_pixel(
    monkeypatch: pytest.MonkeyPatch, kind: str, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = packed(Image.fromarray(COLOUR), kind, **({} if kind == "BMP" else {"exif": exif}))
    height, width = open_image(content).pixels.shape[:2]
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda picture: pytest.fail("a pixel was read"))
    assert image_size(content) == (width, height)


def test_the_size_of_floats_is_told_and_what_is_too_large_is_refused() -> None:
    content = cv2.imencode(".tiff", np.zeros((60, 80, 3), np.float32))[1].tobytes()
    assert image_size(content) == (80, 60)
    with pytest.raises(UserError, match="megapixels"):
        image_size(bomb(), "bomb.png")
    with pytest.raises(UserError, match="empty"):
        image_size(b"", "a.png")


@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_a_transparent_colour_survives_a_profile(mode: str) -> None:
    stored = np.full((8, 8, 3), (60, 200, 60), np.uint8)
    stored[:4] = 255, 0, 0
    picture = Image.fromarray(stored)
    key: object = (255, 0, 0)
    if mode == "P":
        picture = picture.quantize(2)
        key = picture.getpixel((0, 0))
    image = open_image(packed(picture, transparency=key, icc_profile=wide_profile()))
    assert image.alpha is not None and image.alpha[:4].max() == 0 and image.alpha[4:].min() == 1
    assert image.pixels[6, 0, 0] < 0.15 and np.allclose(image.pixels[0, 0], 0.5)


def test_of_an_animation_the_first_picture_is_used() -> None:
    frames = [Image.fromarray(RAMP), Image.fromarray(RAMP[::-1].copy())]
    content = packed(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    assert "has 2 pictures" in open_image(content, "a.tiff").notices[0]


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "a.png", "empty"),
        (b"hello, this is no picture", "report.docx", r"report\.docx is not PNG"),
        (packed(Image.fromarray(COLOUR))[:200], "cut.png", "cut.png is damaged"),
        (bomb(), "bomb.png", "megapixels"),
        (b"\0" * 128 + b"DICM" + b"\0" * 64, "scan", "DICOM is not supported"),
        (b"ftypheic", "photo.heic", "HEIC is not supported"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 16, "photo", "HEIC is not supported; convert it to PNG or TIFF"),
        (b"\0\0\0\x18ftypavif" + b"\0" * 16, "photo.jpg", "AVIF is not supported"),
        (b"\x76\x2f\x31\x01" + b"\0" * 16, "radiance", "EXR is not supported"),
        (b"FUJIFILM", "shot.RAF", "RAW is not supported"),
        (b"II*\0", "shot.CR2", "RAW is not supported"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.svg", "SVG is not supported"),
    ],
)
def test_what_cannot_be_read_is_named_with_the_reason(content: bytes, name: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        open_image(content, name)


def test_a_wrong_extension_does_not_matter() -> None:
    assert open_image(packed(Image.fromarray(COLOUR)), "photo.jpg").pixels.shape == (60, 80, 3)


def test_a_missing_file_is_named_without_its_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no file gone\.png") as caught:
        open_image(tmp_path / "gone.png")
    assert str(tmp_path) not in str(caught.value)


def test_bytes_are_rounded_and_cut_off() -> None:
    found = to_bytes(np.float32([-0.1, 0.0, 0.5 / 255, 1.5 / 255, 0.5, 1.0, 1.2]))
    assert found.dtype == np.uint8 and found.tolist() == [0, 0, 0, 2, 128, 255, 255]
