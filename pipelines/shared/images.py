"""One reader for every picture a person brings: bounded, upright, in sRGB, as floats; or a message that helps."""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.shared.errors import UserError
from pipelines.shared.float_tiff import FloatTiff, float_tiff
from pipelines.shared.tones import WINDOW, scaled

if TYPE_CHECKING:
    import numpy as np

    _Samples = tuple[np.ndarray, np.ndarray | None, int, float | None]  # values, alpha, orientation, exposure value

MOST_PIXELS = 40_000_000
MOST_BYTES = 256 << 20
FORMATS = ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "PPM", "GIF")
FOREIGN = {
    "dcm": "DICOM", "dicom": "DICOM", "heic": "HEIC", "heif": "HEIC", "avif": "AVIF", "exr": "EXR", "hdr": "HDR",
    "svg": "SVG", "nii": "NIfTI",
} | dict.fromkeys(
    ("3fr", "arw", "cr2", "cr3", "dng", "iiq", "nef", "nrw", "orf", "pef", "raf", "raw", "rw2", "srw", "x3f"), "RAW"
)  # fmt: skip
FOREIGN_SUFFIXES = tuple(f".{suffix}" for suffix in FOREIGN)  # let through by a box of files, to be told what they are
# What decoders raise on damaged bytes; each has its own habit, and all mean that the file is not sound.
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    ArithmeticError,
    AttributeError,
    struct.error,
)
ACROSS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
GREYS = ("L", "LA", "1", "I", "I;16", "I;16B", "F")  # modes of one sample and alpha: counts, not colours
GREY = 0.5  # what lies under transparent pixels


@dataclass(frozen=True)
class OpenedImage:
    """A picture as it will be used.

    Attributes:
        pixels: (H, W, 3) float32 RGB, 0 to 1, upright, sRGB.
        is_grey: one channel, or three equal ones.
        alpha: (H, W) float32, 0 to 1; None where the file has none.
        exposure_ev: exposure value from EXIF, larger is darker; None where it is not told.
        orientation: the EXIF orientation that was applied, 1 to 8.
        notices: what was done that a person should know.
        warnings: what was lost or guessed.
    """

    pixels: np.ndarray
    name: str
    sha256: str
    is_grey: bool
    alpha: np.ndarray | None = None
    exposure_ev: float | None = None
    orientation: int = 1
    notices: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def resized(image: np.ndarray, size_hw: tuple[int, ...], is_label: bool = False) -> np.ndarray:
    """(H, W[, 3]) uint8 at another size; labels by nearest neighbour."""
    import numpy as np
    from PIL import Image

    how = Image.Resampling.NEAREST if is_label else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(image).resize((size_hw[1], size_hw[0]), how))


def to_bytes(pixels: np.ndarray) -> np.ndarray:
    """Pixels of any shape, 0 to 1, as uint8; what lies outside is cut off."""
    import numpy as np

    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)


def open_image(
    source: str | Path | bytes, name: str | None = None, window: tuple[float, float] | None = WINDOW
) -> OpenedImage:
    """Read a picture.

    Args:
        source: a path that this program or the upload made, or the bytes of a file.
        window: percentiles (0 to 100) of a deep grey picture that become black and white; None shows the whole range
            of 16-bit counts, so that pictures of one camera stay comparable (floats are windowed by `WINDOW`).

    Raises:
        UserError: empty, damaged, too large (by its header, before pixels are read), or of a format that is not read.
    """
    label = _label(source, name)
    content = _content(source, label)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a damaged EXIF block is no reason to refuse the pixels
        picture = _opened(content, label)
        _check_size(picture.size, label)
        return _converted(picture, content, label, window, hashlib.sha256(content).hexdigest())


def image_size(source: str | Path | bytes, name: str | None = None) -> tuple[int, int]:
    """(width, height) of a picture, upright, by its header alone. Raises UserError where `open_image` does by then."""
    label = _label(source, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        picture = _opened(_content(source, label), label)
        _check_size(picture.size, label)
        width, height = picture.size
        return (height, width) if _is_stored_on_its_side(picture) else (width, height)


def _label(source: str | Path | bytes, name: str | None) -> str:
    return name or (Path(source).name if not isinstance(source, bytes) else "picture")


def _is_stored_on_its_side(picture: Any) -> bool:
    """Whether `size` is of the stored picture, and that lies across: Pillow's TIFFs say how large they are upright."""
    if isinstance(picture, FloatTiff):
        return picture.orientation in ACROSS
    if picture.format == "TIFF" or (
        picture.format == "PNG" and "exif" not in picture.info
    ):  # getexif() would decode it
        return False
    try:
        return picture.getexif().get(0x0112, 1) in ACROSS
    except DAMAGE:
        return False


def _content(source: str | Path | bytes, label: str) -> bytes:
    if isinstance(source, bytes):
        content = source[: MOST_BYTES + 1]
    else:
        path = Path(source)
        if not path.is_file():
            raise UserError(f"There is no file {label}.", title="File not found")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UserError(f"{label} is larger than {MOST_BYTES >> 20} MB.", title="File too large")
    if not content:
        raise UserError(f"{label} is empty (0 bytes).", title="Cannot read this file")
    return content


def _opened(content: bytes, label: str) -> Any:
    """The picture with its header read: of Pillow, or a `FloatTiff`."""
    from PIL import Image, UnidentifiedImageError

    suffix = label.rpartition(".")[2].lower()
    kind = FOREIGN.get(suffix) or _foreign(content)
    if kind:
        raise UserError(f"{label}: {kind} is not supported; convert it to PNG or TIFF.", title="Cannot read this file")
    if floats := float_tiff(content):
        return floats
    try:
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise UserError(
            f"{label} has far more than {MOST_PIXELS / 1e6:.0f} megapixels, the limit; make it smaller.",
            title="Image too large",
        ) from error
    except (UnidentifiedImageError, *DAMAGE) as error:
        message = f"{label} is not PNG, JPEG, TIFF, WebP or BMP, or it is damaged."
        raise UserError(message, title="Cannot read this file") from error


def _foreign(content: bytes) -> str | None:
    """A format that is not read, by its first bytes: such a file often comes without its suffix."""
    if content[128:132] == b"DICM":
        return "DICOM"
    if content[4:8] == b"ftyp":
        return {b"hei": "HEIC", b"hev": "HEIC", b"mif": "HEIC", b"avi": "AVIF", b"crx": "RAW"}.get(content[8:11])
    return "EXR" if content[:4] == b"\x76\x2f\x31\x01" else None


def _check_size(size_wh: tuple[int, int], label: str) -> None:
    width, height = size_wh
    if width * height > MOST_PIXELS:
        side = int(MOST_PIXELS**0.5)
        raise UserError(
            f"{label} has {width * height / 1e6:.0f} megapixels; the limit is {MOST_PIXELS / 1e6:.0f}. "
            f"Resize it to at most {side} × {side}.",
            title="Image too large",
        )


def _converted(
    picture: Any, content: bytes, label: str, window: tuple[float, float] | None, sha256: str
) -> OpenedImage:
    import numpy as np

    notices: list[str] = []
    warned: list[str] = []
    try:
        read = _read_floats if isinstance(picture, FloatTiff) else _read_picture
        values, alpha, orientation, exposure = read(picture, content, label, notices, warned)
    except DAMAGE as error:
        raise UserError(f"{label} is damaged: its pixels cannot be read.", title="Cannot read this file") from error
    values = scaled(values, label, window, notices, warned)
    if alpha is not None:
        values = values * alpha[..., None] + GREY * (1 - alpha[..., None])
        notices.append(f"{label} is partly transparent; mid-grey is put behind it.")
    is_grey = values.shape[-1] == 1 or bool(np.ptp(values, axis=-1).max() < 2 / 255)
    pixels = np.ascontiguousarray(np.broadcast_to(values, (*values.shape[:2], 3)), np.float32)
    return OpenedImage(pixels, label, sha256, is_grey, alpha, exposure, int(orientation or 1), tuple(notices),
                       tuple(warned))  # fmt: skip


def _read_picture(picture: Any, content: bytes, label: str, notices: list[str], warned: list[str]) -> _Samples:
    from PIL import ImageOps

    if getattr(picture, "n_frames", 1) > 1:
        notices.append(f"{label} has {picture.n_frames} pictures; the first is used.")
    exif = picture.getexif()  # before load(): a TIFF turns itself upright then, and forgets that it did
    orientation, exposure = exif.get(0x0112, 1), _exposure(exif)
    if _is_deep_colour(picture, content):
        if picture.info.get("icc_profile"):
            warned.append(f"{label} has 16 bits per colour; its colour profile is not applied.")
        return *_deep_values(content, orientation), orientation, exposure
    picture.load()
    upright = ImageOps.exif_transpose(picture)  # first: a picture that left its profile has no EXIF any more
    return *_values(_in_srgb(_in_full_colour(upright), warned, label)), orientation, exposure


def _read_floats(picture: FloatTiff, content: bytes, label: str, notices: list[str], warned: list[str]) -> _Samples:
    if picture.has_more:
        notices.append(f"{label} has several pictures; the first is used.")
    if picture.has_profile:
        warned.append(f"{label} has floats; its colour profile is not applied.")
    values, alpha = picture.values()
    turned = None if alpha is None else _upright(alpha, picture.orientation)
    return _upright(values, picture.orientation), turned, picture.orientation, None


def _exposure(exif: Any) -> float | None:
    """log2(N^2 / t) - log2(ISO / 100): the exposure value of the settings; None if any is missing."""
    import math

    details = exif.get_ifd(0x8769)
    seconds, aperture, iso = details.get(0x829A), details.get(0x829D), details.get(0x8827)
    try:
        iso = iso[0] if isinstance(iso, tuple) else iso
        return math.log2(float(aperture) ** 2 / float(seconds)) - math.log2(float(iso) / 100)
    except (TypeError, ValueError, ArithmeticError, IndexError):
        return None


def _in_full_colour(picture: Any) -> Any:
    """Palettes, and a colour that counts as transparent, as RGBA: a change of profile keeps neither."""
    is_keyed = picture.mode == "RGB" and "transparency" in picture.info
    return picture.convert("RGBA") if is_keyed or picture.mode in ("P", "PA") else picture


def _in_srgb(picture: Any, warned: list[str], label: str) -> Any:
    from PIL import ImageCms

    profile = picture.info.get("icc_profile")
    if profile and picture.mode in GREYS:
        warned.append(f"{label} is grey; its colour profile is not applied.")
    elif profile and picture.mode in ("RGB", "RGBA", "CMYK"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            mode = "RGBA" if picture.mode == "RGBA" else "RGB"
            return ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode=mode)
        except (ImageCms.PyCMSError, OSError, ValueError):
            warned.append(f"{label} carries a colour profile that cannot be read; it is taken as sRGB.")
    return picture


def _values(picture: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Samples (H, W, 1 or 3) in the file's own range, and alpha (H, W) 0..1 or None."""
    import numpy as np

    if "transparency" in picture.info:  # a grey that counts as transparent
        picture = picture.convert("RGBA")
    elif picture.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        picture = picture.convert("RGB")
    elif picture.mode == "1":
        picture = picture.convert("L")
    values = np.asarray(picture)
    if values.ndim == 2:
        return values[..., None], None
    if values.shape[-1] in (2, 4):
        alpha = values[..., -1].astype(np.float32) / 255
        return values[..., :-1], None if alpha.min() == 1 else alpha
    return values, None


def _is_deep_colour(picture: Any, content: bytes) -> bool:
    """More than 8 bits in several samples: Pillow would quietly drop the low byte."""
    if picture.format == "PNG":
        return content[24] > 8 and content[25] in (2, 4, 6)
    if picture.format != "TIFF":
        return False
    return max(picture.tag_v2.get(258, (8,))) > 8 and picture.tag_v2.get(277, 1) > 1


def _deep_values(content: bytes, orientation: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Colour of 16 bits as RGB counts, upright, and alpha 0..1 or None."""
    import cv2
    import numpy as np

    counts = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if counts is None or counts.ndim != 3 or counts.dtype != np.uint16:
        raise ValueError("not a picture of 16 bits per sample")
    upright = _upright(counts, orientation)
    alpha = upright[..., 3].astype(np.float32) / 65535 if upright.shape[-1] == 4 else None
    return np.ascontiguousarray(upright[..., 2::-1]), None if alpha is None or alpha.min() == 1 else alpha


def _upright(values: np.ndarray, orientation: Any) -> np.ndarray:
    """The stored rows turned as EXIF says: 5 to 8 swap the axes first, then axes are flipped."""
    import numpy as np

    turned = values.swapaxes(0, 1) if orientation in ACROSS else values
    return np.flip(turned, {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}.get(orientation, ()))
