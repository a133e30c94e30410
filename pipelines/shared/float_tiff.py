"""TIFFs of floats that Pillow does not open: those in colour, and those of 64 bits. OpenCV reads them."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

WIDTH, HEIGHT, BITS, ORIENTATION, SAMPLES, SAMPLE_FORMAT, PROFILE = 256, 257, 258, 274, 277, 339, 34675
FLOAT = 3  # as a sample format


@dataclass(frozen=True)
class FloatTiff:
    """What the header says; `values` reads the pixels.

    Attributes:
        size: (width, height) as stored.
        orientation: of EXIF, 1 to 8; not applied.
        has_more: whether further pictures follow the first.
    """

    content: bytes
    size: tuple[int, int]
    orientation: int
    has_profile: bool
    has_more: bool

    def values(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Samples as stored, (H, W, 1 or 3), and alpha (H, W) 0..1 or None. Raises ValueError if unreadable."""
        import cv2
        import numpy as np

        try:
            samples = cv2.imdecode(np.frombuffer(self.content, np.uint8), cv2.IMREAD_UNCHANGED)
        except cv2.error as error:
            raise ValueError("not a TIFF that OpenCV reads") from error
        if samples is None or samples.dtype.kind != "f":
            raise ValueError("not a TIFF of floats that OpenCV reads")
        if samples.ndim == 2:
            return samples[..., None], None
        alpha = np.nan_to_num(samples[..., 3]).clip(0, 1).astype(np.float32) if samples.shape[-1] == 4 else None
        return np.ascontiguousarray(samples[..., 2::-1]), None if alpha is None or alpha.min() == 1 else alpha


def float_tiff(content: bytes) -> FloatTiff | None:
    """Such a TIFF by its first directory; None for any other bytes."""
    from PIL import TiffImagePlugin

    if content[:4] not in (b"II*\0", b"MM\0*"):
        return None
    stream = io.BytesIO(content)
    try:
        tags = TiffImagePlugin.ImageFileDirectory_v2(stream.read(8))
        stream.seek(tags.next)
        tags.load(stream)
        is_float = set(tags.get(SAMPLE_FORMAT, ())) == {FLOAT}
        if not is_float or (tags.get(SAMPLES, 1) == 1 and max(tags[BITS]) < 64):
            return None
        size = int(tags[WIDTH]), int(tags[HEIGHT])
        return FloatTiff(content, size, int(tags.get(ORIENTATION, 1)), PROFILE in tags, bool(tags.next))
    except (SyntaxError, OSError, LookupError, TypeError, ValueError, struct.error):
        return None  # damaged: Pillow's reader says so
