"""Pictures that carry the recipe that made them: lossless PNG out, recipe text back."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    import numpy as np

KEY = "mixdeck:recipe"
MOST_COMPRESSED = 64 << 10
MOST_EXPANDED = 1 << 20
MOST_FILE_BYTES = 256 << 20
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def save_png(image: np.ndarray, recipe_text: str | None, path: Path, title: str = "Made by Mixdeck") -> Path:
    """Write (H, W), (H, W, 3) or (H, W, 4) uint8, or (H, W) uint16, as PNG; the same input gives the same bytes.

    The recipe goes into a compressed iTXt chunk `mixdeck:recipe`; None leaves it out, for blind review.
    """
    from PIL import Image, PngImagePlugin

    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("Software", "Mixdeck")
    if recipe_text is not None:
        chunks.add_itxt("Description", title)
        chunks.add_itxt(KEY, recipe_text, zip=True)
    Image.fromarray(image).save(path, format="PNG", pnginfo=chunks, dpi=(300, 300))
    return path


def read_embedded(path: Path) -> str | None:
    """The recipe text of a PNG of ours; None where there is none (other formats lose it).

    Reads chunks only, never pixels, and expands at most 1 MB.

    Raises:
        UserError: the chunk is larger than a recipe may be, or damaged.
    """
    with path.open("rb") as file:
        if path.stat().st_size > MOST_FILE_BYTES or file.read(8) != SIGNATURE:
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
