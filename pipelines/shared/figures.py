"""Pictures that carry the recipe that made them: lossless PNG out; recipe text back, from PNG, SVG and PDF."""

from __future__ import annotations

import html
import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    import numpy as np

KEY = "mixdeck:recipe"
MOST_COMPRESSED = 64 << 10
MOST_EXPANDED = 1 << 20
MOST_FILE_BYTES = 256 << 20
FIRST_KEY = "mixdeck_recipe"
PDF_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def save_png(image: np.ndarray, recipe_text: str | None, path: Path, title: str = "Made by Mixdeck") -> Path:
    """Write `png_bytes` to a file."""
    path.write_bytes(png_bytes(image, recipe_text, title))
    return path


def png_bytes(image: np.ndarray, recipe_text: str | None, title: str = "Made by Mixdeck") -> bytes:
    """(H, W), (H, W, 3) or (H, W, 4) uint8, or (H, W) uint16, as PNG; the same input gives the same bytes.

    The recipe goes into a compressed iTXt chunk `mixdeck:recipe`; None leaves it out, for blind review.
    """
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", pnginfo=png_chunks(recipe_text, title), dpi=(300, 300))
    return buffer.getvalue()


def png_chunks(recipe_text: str | None, title: str) -> Any:
    """Text chunks of a PNG of ours."""
    from PIL.PngImagePlugin import PngInfo

    chunks = PngInfo()
    chunks.add_text("Software", "Mixdeck")
    if recipe_text is not None:
        chunks.add_itxt("Description", title)
        chunks.add_itxt(KEY, recipe_text, zip=True)
    return chunks


def read_embedded(path: Path) -> str | None:
    """The recipe text of a PNG, SVG or PDF of ours; None where there is none (other formats lose it).

    Reads metadata only, never pixels, and expands at most 1 MB.

    Raises:
        UserError: the chunk is larger than a recipe may be, or damaged.
    """
    if path.stat().st_size > MOST_FILE_BYTES:
        return None
    if path.suffix.lower() in (".svg", ".pdf"):
        return drawn_recipe(path.read_bytes())
    with path.open("rb") as file:
        if file.read(8) != SIGNATURE:
            return None
        while len(header := file.read(8)) == 8:
            length, kind = int.from_bytes(header[:4], "big"), header[4:]
            if kind == b"iTXt":
                name = file.read(min(length, len(KEY) + 1))
                if name == KEY.encode() + b"\0":
                    return _text(file.read(min(length - len(name), MOST_COMPRESSED + 64)), length - len(name))
                length -= len(name)
            if kind == b"IEND":
                return None
            file.seek(length + 4, 1)
    return None


def drawn_recipe(content: bytes) -> str | None:
    """The recipe text of an SVG (its description) or a PDF (its keywords); None where there is none.

    Raises:
        UserError: the text is larger than a recipe may be.
    """
    text = _pdf_keywords(content) if content.startswith(b"%PDF-") else _svg_description(content)
    if text is None or FIRST_KEY not in text:
        return None
    if len(text) > MOST_EXPANDED:
        raise UserError(
            f"The recipe inside this figure has {len(text):,} characters; at most {MOST_EXPANDED:,} are read."
        )
    return text


def _svg_description(content: bytes) -> str | None:
    start, end = (content.find(tag) for tag in (b"<dc:description>", b"</dc:description>"))
    if start < 0 or end < start:
        return None
    return html.unescape(content[start + len(b"<dc:description>") : end].decode("utf-8", errors="replace"))


def _pdf_keywords(content: bytes) -> str | None:
    """A literal string: parentheses nest, a backslash escapes; UTF-16 where it starts with its mark."""
    start = content.find(b"/Keywords (")
    if start < 0:
        return None
    plain, depth, place = bytearray(), 1, start + len(b"/Keywords (")
    while place < len(content) and len(plain) <= 2 * MOST_EXPANDED:
        byte = content[place : place + 1]
        if byte == b"\\":
            place += 1
            byte = PDF_ESCAPES.get(content[place : place + 1], content[place : place + 1])
        elif byte in (b"(", b")"):
            depth += 1 if byte == b"(" else -1
            if depth == 0:
                return plain.decode("utf-16" if plain[:2] == b"\xfe\xff" else "latin-1", errors="replace")
        plain += byte
        place += 1
    return None


def _text(chunk: bytes, length: int) -> str:
    """Body of an iTXt chunk after its keyword: flag, method, language, translated keyword, text."""
    if length > MOST_COMPRESSED + 64:
        raise UserError(f"The recipe inside this picture has {length:,} bytes; at most {MOST_COMPRESSED:,} are read.")
    is_compressed, rest = chunk[:1] == b"\1", chunk[2:]
    text = rest.split(b"\0", 2)[-1]
    if is_compressed:
        expander = zlib.decompressobj()
        try:
            text = expander.decompress(text, MOST_EXPANDED)
        except zlib.error as error:
            raise UserError("The recipe inside this picture is damaged; paste the YAML instead.") from error
        if expander.unconsumed_tail:
            raise UserError(f"The recipe inside this picture expands to more than {MOST_EXPANDED:,} bytes.")
    return text.decode("utf-8", errors="replace")
