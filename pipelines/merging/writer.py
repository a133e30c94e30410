"""A writer of tiles that wants more than one call for each: tiles of its own size, several at a time, a last word."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Tile, TileWriter

LONG = 1 << 20  # elements: for kernels, which cut a tile into blocks themselves


@dataclass(frozen=True)
class Writer:
    """Fills tiles of at most `size` elements (None: the usual size); `finish` is called after the last one.

    `read_bytes` is what it reads for an element beside the base; None: the raised vectors as they are stored.
    `is_parallel`: tiles know nothing of each other and are written without Python's lock, so several may be at once.
    """

    write: TileWriter
    size: int | None = None
    finish: Callable[[], None] = lambda: None
    read_bytes: int | None = None
    is_parallel: bool = False

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


def fill(write: TileWriter, tiles: Iterable[Tile], live: Tensor) -> None:
    """Write all tiles into the live buffer, (length,); on as many threads as torch has, where the writer allows it."""
    import torch

    def one(tile: Tile) -> None:
        write_tile(write, tile, live[tile.start : tile.stop])

    threads = torch.get_num_threads() if isinstance(write, Writer) and write.is_parallel else 1
    for _ in map(one, tiles) if threads == 1 else _pool(threads).map(one, tiles):
        pass
    if isinstance(write, Writer):
        write.finish()


def write_tile(write: TileWriter, tile: Tile, live: Tensor) -> None:
    """Fill one tile; where nothing acts it is the base to the bit."""
    if tile.factor == 0 or not tile.parts:
        live.copy_(tile.base)
    else:
        write(tile, live)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="merge")
