"""Picture files that carry the recipe they were made by.

Equal pixels and an equal recipe give equal bytes: no clock, no random name. A recipe is read back from the file's own
chunks, never through a decoder, and within limits, because the file comes from a stranger.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from pipelines.shared.errors import UserError

RECIPE_KEY = "mixdeck:recipe"
MAX_COMPRESSED_BYTES = 64 * 1024
MAX_TEXT_BYTES = 1024 * 1024
MAX_CHUNKS = 100_000

_PNG = b"\x89PNG\r\n\x1a\n"


def save_png(
    image: NDArray[np.uint8] | Image.Image,
    document_text: str | None,
    path: str | Path,
    description: str = "Made with Mixdeck",
) -> Path:
    """Write a PNG that carries the text of a recipe document; returns the path.

    Args:
        image: uint8 (H, W), (H, W, 3) or (H, W, 4), or a PIL image; its own metadata is left behind.
        document_text: YAML or JSON of the recipe; None leaves it out (blind review).
        description: one line for people.

    Raises:
        UserError: the text is longer than MAX_TEXT_BYTES, and could not be read back.
    """
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "Mixdeck")
    info.add_itxt("Description", description)
    if document_text is not None:
        _check_length(document_text)
        info.add_itxt(RECIPE_KEY, document_text, zip=True)
    pillow = image.copy() if isinstance(image, Image.Image) else Image.fromarray(np.ascontiguousarray(image))
    pillow.info = {}
    pillow.save(path, format="PNG", pnginfo=info, compress_level=6)
    return Path(path)


def save_grey16(plane: NDArray[np.float32], path: str | Path) -> Path:
    """Write a plane (H, W), 0 to 1, as a 16-bit grey PNG: weight maps that can be computed with again."""
    counts = np.round(np.clip(plane, 0, 1) * 65535).astype(np.uint16)
    Image.fromarray(counts).save(path, format="PNG", compress_level=6)
    return Path(path)


def read_embedded(path: str | Path) -> str | None:
    """The recipe text a picture carries, or None if it carries none (`why_not_embedded` says why that may be).

    Raises:
        UserError: a recipe is there but larger than the limits, or not readable as text.
    """
    source = Path(path)
    with source.open("rb") as stream:
        if stream.read(8) != _PNG:
            return None
    for kind, payload in _png_chunks(source):
        if kind == b"iTXt" and payload.startswith(RECIPE_KEY.encode() + b"\0"):
            return _international_text(payload, source.name)
    return None


def why_not_embedded(path: str | Path) -> str:
    """A sentence for a person whose picture carries no recipe: what probably became of it, and what to do."""
    name = Path(path).name
    with Path(path).open("rb") as stream:
        start = stream.read(12)
    if start[:3] == b"\xff\xd8\xff":
        return f"{name} is a JPEG: converting a picture to JPEG drops its recipe. Use the original PNG, or paste the YAML."
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return f"{name} is a WebP: converting a picture drops its recipe. Use the original PNG, or paste the YAML."
    if start[:8] == _PNG:
        return (
            f"{name} is a PNG without a recipe: screenshots, chats and picture editors strip it. "
            "Use the file that was downloaded, or paste the YAML."
        )
    return f"{name} carries no recipe. Use a PNG saved here, or paste the YAML."


def _check_length(document_text: str) -> None:
    encoded = document_text.encode()
    if len(encoded) > MAX_TEXT_BYTES or len(zlib.compress(encoded)) > MAX_COMPRESSED_BYTES:
        raise UserError(
            f"the recipe has {len(encoded)} bytes; a picture carries at most {MAX_TEXT_BYTES}, "
            f"or {MAX_COMPRESSED_BYTES} once compressed. Save it as a file instead.",
            "Recipe too long",
        )


def _png_chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Kind and payload of each chunk; only text is read (up to the limit and one byte), the rest is stepped over."""
    with path.open("rb") as stream:
        stream.seek(len(_PNG))
        for _ in range(MAX_CHUNKS):
            head = stream.read(8)
            if len(head) < 8 or head[4:] == b"IEND":
                return
            length = int.from_bytes(head[:4], "big")
            start = stream.tell()
            payload = stream.read(min(length, MAX_TEXT_BYTES + 1024)) if head[4:] == b"iTXt" else b""
            yield head[4:], payload
            stream.seek(start + length + 4)


def _international_text(payload: bytes, name: str) -> str:
    """Text of an iTXt chunk: keyword 0 flag method language 0 translation 0 text (PNG 1.2, 4.2.3.3)."""
    too_long = UserError(f"the recipe in {name} is larger than Mixdeck reads.", "Recipe too long")
    broken = UserError(f"the recipe in {name} is damaged.", "Recipe unreadable")
    flags, separator, rest = payload[len(RECIPE_KEY) + 1 :][:2], None, payload[len(RECIPE_KEY) + 3 :]
    for _ in range(2):
        _, separator, rest = rest.partition(b"\0")
    if not separator or len(flags) < 2:
        raise broken
    if flags[0]:
        if len(rest) > MAX_COMPRESSED_BYTES:
            raise too_long
        rest = _expand(rest, broken, too_long)
    if len(rest) > MAX_TEXT_BYTES:
        raise too_long
    try:
        return rest.decode("utf-8")
    except UnicodeDecodeError as error:
        raise broken from error


def _expand(data: bytes, broken: UserError, too_long: UserError) -> bytes:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, MAX_TEXT_BYTES + 1)
    except zlib.error as error:
        raise broken from error
    if len(text) > MAX_TEXT_BYTES:
        raise too_long
    if not inflater.eof:
        raise broken
    return text
