"""From an opened picture to a word crop: eight bits, large enough to hold a word, and a notice where it is odd."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.shared.errors import UserError
from pipelines.shared.images import OpenedImage, to_bytes
from pipelines.shared.notice import Notice, info, warning

if TYPE_CHECKING:
    import numpy as np


SMALLEST_PX = 4  # of either side; real crops begin at six
TINY_PX = 8  # of height, from which letters can be told apart
LONG = 12.0  # width over height from which a crop holds more than one word
EVEN = 8  # grey levels between the 1st and 99th percentile, below which a picture has nothing on it


@dataclass(frozen=True)
class Crop:
    """A word crop.

    Attributes:
        pixels: (H, W, 3) uint8 RGB.
        is_even: one tone all over: there is nothing to read.
    """

    pixels: np.ndarray
    name: str
    notices: tuple[Notice, ...] = ()
    is_even: bool = False

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]


def crop_of(image: OpenedImage) -> Crop:
    """A picture as a word crop.

    Raises:
        UserError: too small to hold a word.
    """
    height, width = image.pixels.shape[:2]
    if min(height, width) < SMALLEST_PX:
        raise UserError(
            f"{image.name} is {width} × {height} px; a word needs at least {SMALLEST_PX} px each way.",
            title="Image too small",
        )
    pixels = to_bytes(image.pixels)
    told = [info(text) for text in image.notices] + [warning(text) for text in image.warnings]
    return Crop(pixels, image.name, (*told, *_oddities(image.name, width, height)), _is_even(pixels))


def _oddities(name: str, width: int, height: int) -> list[Notice]:
    said = []
    if height < TINY_PX:
        said.append(warning(f"{name} is {height} px high: letters this small can hardly be told apart."))
    if width > LONG * height:
        said.append(
            warning(f"{name} is {width / height:.0f} times as wide as high: one word of at most 25 characters is read. "
                    "For lines and pages, read it as a whole photo.")
        )  # fmt: skip
    return said


def _is_even(pixels: np.ndarray) -> bool:
    import numpy as np

    low, high = np.percentile(pixels.astype(np.float32).mean(-1), (1, 99))
    return bool(high - low < EVEN)
