"""Pictures from people: read once, carefully, into float pixels, with a sentence for everything that was changed.

A file is judged by its bytes, never by its name; sizes are checked from the header before anything is decoded. What
leaves here is upright, in sRGB, without alpha (kept apart), without metadata, and finite.
"""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageOps

from pipelines.shared.errors import UserError
from pipelines.shared.image_header import DAMAGE, UNREADABLE, Header, check_pixel_count, read_header, suffix_mismatch

MAX_FILE_BYTES = 200_000_000
MID_GREY = 0.5

Pixels = NDArray[np.float32]
Source = str | Path | bytes | Image.Image | NDArray[Any]


@dataclass(frozen=True)
class Window:
    """Which part of a deep image's range becomes 0 to 1.

    Attributes:
        low, high: percentiles of the finite values, 0 to 100.
    """

    low: float = 0.5
    high: float = 99.5

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 100:
            raise UserError(f"window {self.low:g} to {self.high:g}: need two rising percentiles between 0 and 100.")


PERCENTILES = Window()


@dataclass(frozen=True)
class OpenedImage:
    """One picture, ready for arithmetic.

    Attributes:
        pixels: float32, (H, W, 3) RGB or (H, W) grey, 0 to 1, C-contiguous, no NaN.
        alpha: float32 (H, W), 0 transparent to 1 opaque; None when the picture is opaque throughout.
        name: file name without its folder.
        sha256: of the file's bytes; of shape, type and pixels for a picture that came without a file.
        notices: what was done to it, a sentence each.
        exif_ev: how much light the frame was given, in stops, larger is brighter; None without exposure data.
        orientation: EXIF orientation the file came with, 1 to 8; already applied.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    name: str = "image"
    sha256: str = ""
    notices: tuple[str, ...] = ()
    exif_ev: float | None = None
    orientation: int = 1

    @property
    def size_hw(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]


def open_image(source: Source, name: str | None = None, window: Window | None = PERCENTILES) -> OpenedImage:
    """Read one picture.

    Args:
        source: a path, a file's bytes, a PIL image, or an array (H, W), (H, W, 3) or (H, W, 4); integers over their
            whole range, floats 0 to 1.
        name: what messages call it; by default the file's own name.
        window: percentiles that map grey pictures of more than 8 bits and floats outside 0..1 to 0..1. None keeps the
            brightness of such pictures comparable: integers are divided by their largest value, floats clipped.

    Raises:
        UserError: not an image we read, damaged, or too large; the file is named.
    """
    if isinstance(source, Image.Image):
        check_pixel_count(source.size, name or "image")
        return _opened(_from_pillow(source, name or "image", source.tobytes(), _orientation(source)), window)
    if isinstance(source, np.ndarray):
        return _opened(_from_array(source, name or "image"), window)
    data = source if isinstance(source, bytes) else _read_bytes(Path(source))
    label = name or ("image" if isinstance(source, bytes) else Path(source).name)
    if len(data) > MAX_FILE_BYTES:
        raise UserError(f"{label} is {len(data) / 1e6:.0f} MB; the limit is {MAX_FILE_BYTES // 1_000_000} MB.", "File too large")
    return _opened(_from_file(data, label), window)


@dataclass(frozen=True)
class _Decoded:
    """Samples as a decoder gave them, upright: (H, W, 1..4) of any number type, the last of 2 or 4 being alpha."""

    samples: NDArray[Any]
    name: str
    sha256: str
    notices: tuple[str, ...] = ()
    exif_ev: float | None = None
    orientation: int = 1


def _read_bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise UserError(f"{path.name} is larger than {MAX_FILE_BYTES // 1_000_000} MB.", "File too large")
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path.name} cannot be opened: {error.strerror or 'no such file'}.", UNREADABLE) from error


def _from_file(data: bytes, name: str) -> _Decoded:
    header = read_header(data, name)
    sha256 = hashlib.sha256(data).hexdigest()
    if header.is_deep_colour:
        decoded = _from_deep_colour(data, header, name, sha256)
    else:
        decoded = _from_pillow_file(data, header, name, sha256)
    wrong = suffix_mismatch(name, header.format)
    if wrong is None:
        return decoded
    notices = (f"{name} is named {wrong} but is a {header.format} file; read as such.", *decoded.notices)
    return _Decoded(decoded.samples, name, sha256, notices, decoded.exif_ev, decoded.orientation)


def _from_pillow_file(data: bytes, header: Header, name: str, sha256: str) -> _Decoded:
    try:
        with Image.open(io.BytesIO(data), formats=[header.format]) as image:
            check_pixel_count(image.size, name)
            orientation = _orientation(image)  # before load(): a TIFF turns itself and forgets
            is_moving = image.format != "MPO" and bool(getattr(image, "is_animated", False))
            image.load()
            decoded = _from_pillow(image, name, data, orientation)
    except UserError:
        raise
    except DAMAGE as error:
        raise _damaged(name, header) from error
    moving = (f"{name} has several frames or pages; only the first is used.",) if is_moving else ()
    return _Decoded(decoded.samples, name, sha256, moving + decoded.notices, decoded.exif_ev, orientation)


def _from_pillow(image: Image.Image, name: str, data: bytes, orientation: int) -> _Decoded:
    exposure = _exposure_stops(image)
    upright = ImageOps.exif_transpose(image)
    converted, notice = _to_srgb(upright, name)
    samples = np.asarray(converted)
    shape = f"{image.mode}{image.size}".encode()
    sha256 = hashlib.sha256(shape + data).hexdigest()
    return _Decoded(np.atleast_3d(samples), name, sha256, (notice,) if notice else (), exposure, orientation)


def _from_deep_colour(data: bytes, header: Header, name: str, sha256: str) -> _Decoded:
    import cv2

    buffer = np.frombuffer(data, np.uint8)
    try:
        samples = cv2.imdecode(buffer, cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        raise _damaged(name, header) from error
    if samples is None:
        raise _damaged(name, header)
    samples = np.atleast_3d(samples)
    order = {3: [2, 1, 0], 4: [2, 1, 0, 3]}.get(samples.shape[2])
    orientation, exposure = _exif_of(data, header)
    upright = _turn(samples if order is None else samples[:, :, order], orientation)
    if header.samples == 2 and upright.shape[2] == 4:
        upright = upright[:, :, [0, 3]]  # grey with alpha arrives as BGRA
    return _Decoded(upright, name, sha256, (), exposure, orientation)


def _exif_of(data: bytes, header: Header) -> tuple[int, float | None]:
    try:
        with Image.open(io.BytesIO(data), formats=[header.format]) as image:
            return _orientation(image), _exposure_stops(image)
    except DAMAGE:
        return 1, None  # Pillow does not know every layout that the other decoder reads


def _turn(samples: NDArray[Any], orientation: int) -> NDArray[Any]:
    """The stored picture made upright; orientation as in EXIF, 1 to 8."""
    if orientation >= 5:
        samples = samples.swapaxes(0, 1)
    flips = {2: (1,), 3: (0, 1), 4: (0,), 6: (1,), 7: (0, 1), 8: (0,)}.get(orientation, ())
    return np.flip(samples, flips) if flips else samples


def _from_array(array: NDArray[Any], name: str) -> _Decoded:
    is_image = array.ndim in (2, 3) and (array.ndim == 2 or array.shape[2] in (1, 3, 4)) and array.dtype.kind in "uif"
    if not is_image:
        raise UserError(f"{name} is an array {array.shape} of {array.dtype}; expected (H, W), (H, W, 3) or (H, W, 4).")
    check_pixel_count((array.shape[1], array.shape[0]), name)
    digest = hashlib.sha256(f"{array.dtype}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).tobytes())
    return _Decoded(np.atleast_3d(array), name, digest.hexdigest())


def _damaged(name: str, header: Header) -> UserError:
    return UserError(f"{name} is a damaged {header.format} file: it cannot be decoded. Save it again.", UNREADABLE)


# From samples to pixels


def _opened(decoded: _Decoded, window: Window | None) -> OpenedImage:
    scaled, notices = _to_unit_range(decoded.samples, decoded.name, window)
    has_alpha = scaled.shape[2] in (2, 4)
    colour, alpha = (scaled[:, :, :-1], scaled[:, :, -1]) if has_alpha else (scaled, None)
    if alpha is not None and alpha.min() >= 1:
        alpha = None
    if alpha is not None:
        colour = colour * alpha[:, :, None] + MID_GREY * (1 - alpha[:, :, None])
        notices = (*notices, f"{decoded.name} is partly transparent: laid over mid-grey, its mask is kept for the result.")
        alpha = np.ascontiguousarray(alpha, np.float32)
    pixels = np.ascontiguousarray(colour[:, :, 0] if colour.shape[2] == 1 else colour, np.float32)
    notices = decoded.notices + notices
    return OpenedImage(pixels, alpha, decoded.name, decoded.sha256, notices, decoded.exif_ev, decoded.orientation)


def _to_unit_range(samples: NDArray[Any], name: str, window: Window | None) -> tuple[Pixels, tuple[str, ...]]:
    if samples.dtype == np.bool_:
        return samples.astype(np.float32), ()
    if samples.dtype == np.uint8:
        return samples.astype(np.float32) / np.float32(255), ()
    if samples.dtype.kind == "f":
        return _float_to_unit(samples, name, window)
    top = float(np.iinfo(samples.dtype).max if samples.dtype.itemsize <= 2 else max(65535, int(samples.max())))
    if window is None or samples.shape[2] > 1:
        return np.clip(samples.astype(np.float64) / top, 0, 1).astype(np.float32), ()
    pixels, low, high = _windowed(samples.astype(np.float64), window, top)
    return pixels, (_window_notice(name, low, high, window),)


def _float_to_unit(samples: NDArray[Any], name: str, window: Window | None) -> tuple[Pixels, tuple[str, ...]]:
    finite = np.isfinite(samples)
    notices: tuple[str, ...] = ()
    if not finite.all():
        count = int(samples.size - finite.sum())
        notices = (f"{name} holds {count} values that are not numbers (NaN or Inf): set to 0.",)
    known = samples[finite]
    if known.size == 0 or (known.min() >= 0 and known.max() <= 1) or window is None:
        unit = np.clip(np.where(finite, samples, 0), 0, 1)
        return unit.astype(np.float32), notices
    colour_count = samples.shape[2] - (samples.shape[2] in (2, 4))
    pixels, low, high = _windowed(np.where(finite, samples, np.nan)[:, :, :colour_count].astype(np.float64), window, 1.0)
    alpha = np.clip(np.where(finite, samples, 0)[:, :, colour_count:], 0, 1)
    joined = np.concatenate([pixels, alpha.astype(np.float32)], axis=2)
    return joined, (*notices, _window_notice(name, low, high, window))


def _windowed(values: NDArray[np.float64], window: Window, top: float) -> tuple[Pixels, float, float]:
    """Values stretched so that the window's percentiles become 0 and 1; NaN becomes 0. Also the two bounds."""
    known = values[np.isfinite(values)]
    low, high = (float(bound) for bound in np.percentile(known, (window.low, window.high)))
    if high <= low:
        low, high = float(known.min()), float(known.max())
    if high <= low:  # one value throughout: keep its place in the whole range
        low, high = 0.0, max(top, high)
    stretched = np.clip((values - low) / (high - low), 0, 1)
    return np.nan_to_num(stretched, nan=0.0).astype(np.float32), low, high


def _window_notice(name: str, low: float, high: float, window: Window) -> str:
    return f"{name}: values {low:.6g} to {high:.6g} (percentiles {window.low:g} to {window.high:g}) are shown as black to white."


# Colour and metadata


def _to_srgb(image: Image.Image, name: str) -> tuple[Image.Image, str | None]:
    """The image in mode L, LA, RGB or RGBA (deep greys as they are), colours in sRGB, and what was said about it."""
    plain = _plain_mode(image)
    profile_bytes = image.info.get("icc_profile")
    if not profile_bytes or plain.mode.startswith(("I", "F", "L")) and image.mode != "CMYK":
        return plain, None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(profile_bytes))
        title = _printable(ImageCms.getProfileDescription(profile))
        if "sRGB" in title:
            return plain, None
        colours = image if image.mode == "CMYK" else plain.convert("RGB")
        converted = ImageCms.profileToProfile(colours, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return plain, f"{name}: the colour profile cannot be used; colours are taken as sRGB."
    assert converted is not None
    if plain.mode == "RGBA":
        converted.putalpha(plain.getchannel("A"))
    return converted, f"{name}: colours converted from ‹{title}› to sRGB."


def _plain_mode(image: Image.Image) -> Image.Image:
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("L", "LA", "RGB", "RGBA", "F", "I") or image.mode.startswith("I;16"):
        return image
    has_alpha = image.mode in ("PA", "RGBa", "La") or "transparency" in image.info
    if image.mode == "P" and not has_alpha and not image.getpalette():
        return image.convert("L")
    return image.convert("RGBA" if has_alpha else "RGB")


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable() and letter not in "<>&").strip()[:40] or "unnamed"


def _orientation(image: Image.Image) -> int:
    value = image.getexif().get(ExifTags.Base.Orientation, 1)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _exposure_stops(image: Image.Image) -> float | None:
    """log2(seconds * ISO/100 / f-number^2): light that reached the sensor, in stops. None if not stated in full."""
    exif = image.getexif().get_ifd(ExifTags.IFD.Exif)
    seconds = _positive(exif.get(ExifTags.Base.ExposureTime))
    if seconds is None:
        return None
    aperture = _positive(exif.get(ExifTags.Base.FNumber)) or 1.0
    speed = _positive(exif.get(ExifTags.Base.ISOSpeedRatings)) or 100.0
    return math.log2(seconds * speed / 100 / aperture**2)


def _positive(value: Any) -> float | None:
    try:
        number = float(value[0] if isinstance(value, tuple) else value)
    except (TypeError, ValueError, ZeroDivisionError, IndexError, OverflowError):
        return None
    return number if math.isfinite(number) and number > 0 else None
