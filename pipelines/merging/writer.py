"""A writer of tiles that wants more than one call for each: tiles of its own size, or a last word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Tile, TileWriter

LONG = 1 << 20  # elements: for kernels, which cut a tile into blocks themselves


@dataclass(frozen=True)
class Writer:
    """Fills tiles of at most `size` elements (None: the usual size); `finish` is called after the last one.

    `read_bytes` is what it reads for an element beside the base; None: the raised vectors as they are stored.
    """

    write: TileWriter
    size: int | None = None
    finish: Callable[[], None] = lambda: None
    read_bytes: int | None = None

    def __call__(self, tile: Tile, live: Tensor) -> None:
        self.write(tile, live)


def bytes_moved(mixture: Mixture, write: TileWriter) -> int:
    """Bytes that a merge has read and written at least: what it writes from, what it fills, and the passes it noted.

    Not counted: tensors that a pass makes for itself, and what a pass reads again before it leaves the cache.
    """
    read_bytes = write.read_bytes if isinstance(write, Writer) else None
    total = sum(mixture.noted) + 2 * mixture.base.nbytes
    for span in mixture.spans:
        if span.factor != 0 and any(span.coefficients):
            sizes = (one.nbytes // len(mixture.base) for one in mixture.stored.values())
            raised = sum(size for size, value in zip(sizes, span.coefficients, strict=True) if value != 0)
            total += (span.stop - span.start) * (raised if read_bytes is None else read_bytes)
    return total
