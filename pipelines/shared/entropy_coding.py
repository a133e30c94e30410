"""Bytes made small and read back: the standard library's coders, the smallest taken and named, and bit planes of masks.

A coder sees one stream of symbols. What tells symbols apart (the size of the merged weight, the other masks) is put
into their order: equal contexts stand together, and a coder that adapts learns each in turn. The reader knows the
contexts before it knows the symbols, so the order costs nothing.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from typing import TYPE_CHECKING

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    import numpy as np

# Literals without context: streams are sorted by context already, and no byte tells of its neighbour.
LZMA_FILTERS = [{"id": lzma.FILTER_LZMA1, "preset": 6, "lc": 0, "lp": 0, "pb": 0}]
CODERS = ("raw", "zlib", "bz2", "lzma")
SYMBOL_BITS = 8
TILE_BYTES = 512  # of one plane: 4096 weights


def encode(content: bytes) -> tuple[str, bytes]:
    """The name of the coder that makes the content smallest, and the coded bytes; "raw" where none does."""
    coded = {
        "raw": content,
        "zlib": zlib.compress(content, 9),
        "bz2": bz2.compress(content, 9),
        "lzma": lzma.compress(content, lzma.FORMAT_RAW, filters=LZMA_FILTERS),
    }
    return min(coded.items(), key=lambda item: len(item[1]))


def decode(coder: str, coded: bytes, size: int) -> bytes:
    """The content of a coded stream.

    Args:
        size: bytes that it has; no more are expanded.

    Raises:
        UserError: an unknown coder, a damaged stream, or one of another length.
    """
    try:
        content = _decoded(coder, coded, size)
    except (zlib.error, OSError, EOFError, lzma.LZMAError) as error:
        raise UserError(f"A packed stream ({coder}) is damaged: {error}.", title="Weights are damaged") from error
    if len(content) != size:
        raise UserError(f"A packed stream has {len(content):,} bytes, not {size:,}.", title="Weights are damaged")
    return content


def _decoded(coder: str, coded: bytes, size: int) -> bytes:
    if coder not in CODERS:
        raise UserError(f"Streams coded by {coder!r} are not read here; known are {', '.join(CODERS)}.")
    if coder == "raw":
        return coded
    if coder == "zlib":
        return zlib.decompressobj().decompress(coded, max(size, 1))
    if coder == "bz2":
        return bz2.BZ2Decompressor().decompress(coded, max_length=size)
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=LZMA_FILTERS).decompress(coded, max_length=size)


def pack_planes(masks: np.ndarray) -> bytes:
    """Bit planes of (T, P) bool: least significant bit first, in tiles of 4096 weights, whose T planes stand together.

    The last tile is filled up with zeros, so that every tile row has T * 512 bytes.
    """
    import numpy as np

    bits = np.packbits(masks, axis=1, bitorder="little")
    tiles = -(-bits.shape[1] // TILE_BYTES)
    padded = np.zeros((len(masks), tiles * TILE_BYTES), np.uint8)
    padded[:, : bits.shape[1]] = bits
    return padded.reshape(len(masks), tiles, TILE_BYTES).transpose(1, 0, 2).tobytes()


def planes_bytes(tasks: int, count: int) -> int:
    """Bytes of `pack_planes` for P = `count` weights."""
    return -(-count // (8 * TILE_BYTES)) * TILE_BYTES * tasks


def unpack_planes(content: bytes, tasks: int, count: int) -> np.ndarray:
    """(T, P) bool of `pack_planes`; what fills the last tile is cut off.

    Raises:
        UserError: another number of bytes.
    """
    import numpy as np

    if len(content) != planes_bytes(tasks, count):
        raise UserError(f"Masks of {tasks} tasks and {count:,} weights do not have {len(content):,} bytes.")
    tiles = np.frombuffer(content, np.uint8).reshape(-1, tasks, TILE_BYTES)
    planes = tiles.transpose(1, 0, 2).reshape(tasks, -1)
    return np.unpackbits(planes, axis=1, count=count, bitorder="little").astype(bool)


def encode_masks(masks: np.ndarray, context: np.ndarray) -> tuple[str, bytes]:
    """Masks, (T, P) bool, coded together: masks of several tasks on one weight are far from independent.

    Up to 8 tasks make one symbol a weight, so that a coder sees their joint statistics; further groups of 8 are sorted
    by the votes of those before them. Few tasks put several weights into a byte.

    Args:
        context: (P,) small integers that the reader will know, such as the exponents of the merged vector.

    Returns:
        coder and stream; the coder is one of CODERS for all groups.
    """
    import numpy as np

    streams = []
    for first in range(0, len(masks), SYMBOL_BITS):
        group = masks[first : first + SYMBOL_BITS]
        order = _order(context, masks[:first])
        streams.append(_symbols(group[:, order], len(group)))
    return encode(np.concatenate(streams).tobytes())


def decode_masks(coder: str, coded: bytes, tasks: int, context: np.ndarray) -> np.ndarray:
    """The inverse of `encode_masks`: (T, P) bool.

    Raises:
        UserError: as `decode`.
    """
    import numpy as np

    count = len(context)
    widths = [min(SYMBOL_BITS, tasks - first) for first in range(0, tasks, SYMBOL_BITS)]
    sizes = [-(-count // (SYMBOL_BITS // width)) for width in widths]
    content = np.frombuffer(decode(coder, coded, sum(sizes)), np.uint8)
    masks, start = np.zeros((tasks, count), bool), 0
    for first, width, size in zip(range(0, tasks, SYMBOL_BITS), widths, sizes, strict=True):
        order = _order(context, masks[:first])
        masks[first : first + width, order] = _bits(content[start : start + size], width, count)
        start += size
    return masks


def _order(context: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Weights sorted by context, then by how many of the masks that are known keep them."""
    import numpy as np

    return np.argsort(context.astype(np.int64) * (len(before) + 1) + before.sum(0), kind="stable")


def _symbols(masks: np.ndarray, width: int) -> np.ndarray:
    """(width, P) bool as bytes: bit t of a symbol is task t; as many weights in a byte as find room."""
    import numpy as np

    symbols = np.zeros(masks.shape[1], np.uint8)
    for place, mask in enumerate(masks):
        symbols |= mask.astype(np.uint8) << place
    per_byte = SYMBOL_BITS // width
    padded = np.zeros((-(-len(symbols) // per_byte), per_byte), np.uint8)
    padded.ravel()[: len(symbols)] = symbols
    shifts = (width * np.arange(per_byte)).astype(np.uint8)
    return np.bitwise_or.reduce(padded << shifts, axis=1)


def _bits(content: np.ndarray, width: int, count: int) -> np.ndarray:
    """The inverse of `_symbols`: (width, P) bool."""
    import numpy as np

    shifts = (width * np.arange(SYMBOL_BITS // width)).astype(np.uint8)
    symbols = (content[:, None] >> shifts).ravel()[:count]
    return np.stack([(symbols >> place) & 1 for place in range(width)]).astype(bool)
