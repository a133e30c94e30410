"""A writer of tiles that wants more than one call for each: tiles of its own size, or a last word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Tile, TileWriter

LONG = 1 << 20  # elements: for kernels, which cut a tile into blocks themselves


@dataclass(frozen=True)
class Writer:
    """Fills tiles of at most `size` elements (None: the usual size); `finish` is called after the last one."""

    write: TileWriter
    size: int | None = None
    finish: Callable[[], None] = lambda: None

    def __call__(self, tile: Tile, live: Tensor) -> None:
        self.write(tile, live)
