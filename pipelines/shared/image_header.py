"""What a picture file is, from its first bytes: told before any pixel is decoded."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath

from PIL import Image, TiffImagePlugin

from pipelines.shared.errors import UserError

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
MAX_PIXELS = 40_000_000
UNREADABLE = "Cannot read this file"

_SUFFIXES = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "WEBP": (".webp",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
}
# Camera files are often TIFF inside: only the name tells that the picture in front is a thumbnail.
_RAW_SUFFIXES = frozenset(
    (".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".dng", ".raf", ".rw2", ".orf", ".pef", ".srw", ".raw")
)
_TAG_BITS, _TAG_SAMPLES, _TAG_WIDTH, _TAG_HEIGHT, _TAG_DNG = 258, 277, 256, 257, 50706

# What decoders raise on damaged bytes: each library has its own habit, and all of them mean "not a sound file".
DAMAGE = (
    OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, ArithmeticError, AttributeError, MemoryError,
    RuntimeError, Image.DecompressionBombError, Image.DecompressionBombWarning,
)  # fmt: skip


@dataclass(frozen=True)
class Header:
    """The facts that choose a decoder.

    Attributes:
        format: one of FORMATS.
        size_wh: (width, height) in pixels as stored, before any turning.
        bits: per sample; 8 where the format knows nothing else.
        samples: per pixel, alpha included; 1 for grey and for palettes.
    """

    format: str
    size_wh: tuple[int, int]
    bits: int
    samples: int

    @property
    def is_deep_colour(self) -> bool:
        """More than 8 bits in several samples: Pillow would quietly drop the low bits."""
        return self.bits > 8 and self.samples > 1


def read_header(data: bytes, name: str) -> Header:
    """Format, size and depth of an image file; refuses what we do not read and what is too large, undecoded.

    Raises:
        UserError: empty, of a kind we do not read (with the kind named where it is known), or above MAX_PIXELS.
    """
    if not data:
        raise UserError(f"{name} is empty (0 bytes). Save or download it again.", UNREADABLE)
    _refuse_known_strangers(data, name)
    kind = _kind(data)
    if kind is None:
        raise UserError(f"{name} is not PNG, JPEG, WebP, BMP, TIFF or GIF.", UNREADABLE)
    header = _tiff_header(data, name) if kind == "TIFF" else _plain_header(data, kind, name)
    check_pixel_count(header.size_wh, name)
    return header


def check_pixel_count(size_wh: tuple[int, int], name: str, limit: int = MAX_PIXELS) -> None:
    """UserError with both numbers when an image has more than `limit` pixels, or none at all."""
    count = size_wh[0] * size_wh[1]
    if count <= 0:
        raise UserError(f"{name} says it is {size_wh[0]} × {size_wh[1]} pixels: there is nothing to read.", UNREADABLE)
    if count > limit:
        side = int(limit**0.5) // 100 * 100
        raise UserError(
            f"{name} has {_megapixels(count)} megapixels; the limit is {_megapixels(limit)}. "
            f"Resize it to at most {side} × {side}.",
            "Image too large",
        )


def suffix_mismatch(name: str, kind: str) -> str | None:
    """The suffix of `name` when it promises another format than `kind`, else None."""
    suffix = PurePath(name).suffix.lower()
    known = any(suffix in suffixes for suffixes in _SUFFIXES.values())
    return suffix if known and suffix not in _SUFFIXES[kind] else None


def _megapixels(count: int) -> str:
    return f"{count / 1e6:.0f}" if count >= 10_000_000 else f"{count / 1e6:.3g}"


def _kind(data: bytes) -> str | None:
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if data[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    return "BMP" if data[:2] == b"BM" else None


def _refuse_known_strangers(data: bytes, name: str) -> None:
    stranger = _stranger(data, PurePath(name).suffix.lower())
    if stranger:
        raise UserError(f"{name} is {stranger}, which is not supported. Convert it to PNG or TIFF.", UNREADABLE)


def _stranger(data: bytes, suffix: str) -> str | None:
    if data[128:132] == b"DICM" or suffix in (".dcm", ".dicom"):
        return "a DICOM file"
    if data[4:8] == b"ftyp":
        brand = data[8:12]
        if brand == b"crx ":
            return "a camera RAW file"
        return "an AVIF image" if brand in (b"avif", b"avis") else "a HEIC image or a video"
    if suffix in _RAW_SUFFIXES or data[8:10] == b"CR" or data[:8] == b"FUJIFILM" or data[:4] in (b"IIRO", b"IIU\0"):
        return "a camera RAW file"
    if data[:4] == b"v/1\x01" or data[:2] == b"#?":
        return "an EXR or HDR image"
    return "a PDF document" if data[:5] == b"%PDF-" else None


def _plain_header(data: bytes, kind: str, name: str) -> Header:
    if kind == "PNG" and len(data) >= 26:
        # Read by hand: above its own limit Pillow raises before it tells the size.
        size_wh = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
        return Header(kind, size_wh, data[24], {2: 3, 4: 2, 6: 4}.get(data[25], 1))
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            return Header(kind, image.size, 8, len(image.getbands()))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise UserError(_bomb_message(name, str(error)), "Image too large") from error
    except DAMAGE as error:
        raise UserError(f"{name} is a damaged {kind} file: its header cannot be read.", UNREADABLE) from error


def _bomb_message(name: str, told: str) -> str:
    found = re.search(r"\((\d+) pixels\)", told)
    count = f"{_megapixels(int(found.group(1)))} megapixels" if found else "far too many pixels"
    return f"{name} has {count}; the limit is {_megapixels(MAX_PIXELS)}. Resize it first."


def _tiff_header(data: bytes, name: str) -> Header:
    try:
        tags = _first_directory(data)
        bits = tags.get(_TAG_BITS, (1,))
        size_wh = int(tags[_TAG_WIDTH]), int(tags[_TAG_HEIGHT])
        samples = int(tags.get(_TAG_SAMPLES, 1))
        depth = max(int(bit) for bit in (bits if isinstance(bits, tuple) else (bits,)))
    except DAMAGE as error:
        raise UserError(f"{name} is a damaged TIFF file: its header cannot be read.", UNREADABLE) from error
    if _TAG_DNG in tags:
        raise UserError(f"{name} is a camera RAW file, which is not supported. Convert it to PNG or TIFF.", UNREADABLE)
    return Header("TIFF", size_wh, depth, samples)


def _first_directory(data: bytes) -> Mapping[int, object]:
    stream = io.BytesIO(data)
    is_big = data[2] == 43 or data[3] == 43
    directory = TiffImagePlugin.ImageFileDirectory_v2(stream.read(16 if is_big else 8))
    stream.seek(directory.next)
    directory.load(stream)
    return directory
