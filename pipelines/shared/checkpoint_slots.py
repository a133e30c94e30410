"""Where the tensors of safetensors files lie: headers read and written, bytes of any stretch when asked for."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

from pipelines.shared.errors import UserError
from pipelines.shared.recipe_file import mapping

if TYPE_CHECKING:
    from torch import Tensor

LARGEST_HEADER = 100 << 20
UNPACK = "packed weights are unpacked first, by `python -m pipelines unpack FOLDER --out FOLDER`"
DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
WIDTHS = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}  # bytes
FLOATS = ("F64", "F32", "F16", "BF16")
Held = TypeVar("Held")


@dataclass(frozen=True)
class Slot:
    """Where a tensor lies: file, first byte and end, dtype as safetensors calls it."""

    path: Path
    start: int
    stop: int
    dtype: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """Elements."""
        return math.prod(self.shape)

    @property
    def width(self) -> int:
        """Bytes of an element; 1 where there is none."""
        return (self.stop - self.start) // self.count if self.count else 1


def read_slots(paths: Sequence[Path]) -> dict[str, Slot]:
    """Tensors of a checkpoint by name, in the order in which they lie in its files. Reads headers only.

    Raises:
        UserError: a damaged header, a dtype that is not merged here, or a tensor that two files hold.
    """
    return joined((path, _slots_of(path)) for path in paths)


def joined(files: Iterable[tuple[Path, Mapping[str, Held]]]) -> dict[str, Held]:
    """What a checkpoint's files hold by name, as one. Raises UserError: a name that two files hold."""
    whole: dict[str, Held] = {}
    holders: dict[str, Path] = {}
    for path, held in files:
        if twice := sorted(held.keys() & whole.keys()):
            raise UserError(f"{twice[0]} is in {holders[twice[0]].name} and in {path.name}: keep one of the two files.")
        whole |= held
        holders |= dict.fromkeys(held, path)
    return whole


def _slots_of(path: Path) -> dict[str, Slot]:
    header, start = _header(path)
    slots = {key: _slot(path, start, key, value) for key, value in header.items() if key != "__metadata__"}
    size_bytes = path.stat().st_size
    for key, slot in slots.items():
        _check_slot(key, slot, start, size_bytes)
    return dict(sorted(slots.items(), key=lambda entry: entry[1].start))


def _slot(path: Path, start: int, key: str, entry: Any) -> Slot:
    try:
        first, end = (index(offset) for offset in entry["data_offsets"])
        shape = tuple(index(length) for length in entry["shape"])
        return Slot(path, start + first, start + end, str(entry["dtype"]), shape)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path.name} has a damaged header: {key[:80]!r} has no dtype, shape and two offsets.",
                        title="Weights are damaged") from error  # fmt: skip


def _check_slot(key: str, slot: Slot, start: int, size_bytes: int) -> None:
    """Refuse a dtype that is unknown, and a tensor whose bytes do not fit its shape or lie outside the file."""
    name = slot.path.name
    if slot.dtype not in DTYPES:
        raise UserError(f"{name} holds {key[:80]} as {slot.dtype[:20]}, which is not merged here.")
    is_inside = start <= slot.start <= slot.stop <= size_bytes
    is_whole = slot.stop - slot.start == slot.count * WIDTHS[slot.dtype] and min(slot.shape, default=0) >= 0
    if not (is_inside and is_whole):
        raise UserError(
            f"{name} ends too early or has a damaged header: {key[:80]} of {slot.shape[:8]} in {slot.dtype} does not "
            f"fit bytes {slot.start - start} to {slot.stop - start} of {size_bytes - start}; get the file again.",
            title="Weights are damaged",
        )  # fmt: skip


def _header(path: Path) -> tuple[dict[str, Any], int]:
    """Header of a safetensors file, and where its data start."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(LARGEST_HEADER, path.stat().st_size):
            raise UserError(f"{path.name} is no safetensors file.", title="Format not accepted")
        try:
            header = json.loads(file.read(length))
        except ValueError as error:
            raise UserError(f"{path.name} has a damaged header.", title="Weights are damaged") from error
    header = dict(mapping(path.name, header))
    _check_plain(path, header.get("__metadata__"))
    return header, 8 + length


def _check_plain(path: Path, metadata: Any) -> None:
    """Refuse what `pack` wrote: its tensors are streams and masks, not weights by their names."""
    from pipelines.shared import delta_store, tall_archive

    held = {delta_store.ABOUT: "differences from a base", tall_archive.ABOUT: "one vector and masks"}
    for key, what in held.items():
        if isinstance(metadata, dict) and key in metadata:
            raise UserError(f"{path.name} holds {what}, not plain weights: {UNPACK}.", title="Weights are packed")


def read(files: Mapping[Path, BinaryIO], slot: Slot, first: int = 0, last: int | None = None) -> Tensor:
    """A tensor in its shape, or its elements first to last (excluded) as (last - first,).

    Raises:
        UserError: the file is shorter than it was when its header was read.
    """
    import torch

    dtype = getattr(torch, DTYPES[slot.dtype])
    count = slot.count if last is None else last - first
    content = bytearray(count * dtype.itemsize)
    file = files[slot.path]
    file.seek(slot.start + first * dtype.itemsize)
    if file.readinto(content) != len(content):  # type: ignore[attr-defined]
        raise UserError(f"{slot.path.name} ends too early.", title="Weights are damaged")
    shape = slot.shape if last is None else (count,)
    return torch.frombuffer(content, dtype=dtype).view(shape) if content else torch.empty(shape, dtype=dtype)


def write_header(
    file: BinaryIO, slots: Mapping[str, Slot], about: Mapping[str, str], step: int = 64, offset: int = 0
) -> None:
    """Begin a safetensors file whose tensors follow end to end, in the order of `slots`.

    Args:
        about: the header's metadata.
        step, offset: data start `offset` bytes behind a multiple of `step`; the header ends in spaces.
    """
    header: dict[str, Any] = {"__metadata__": dict(about)}
    start = 0
    for key, slot in slots.items():
        stop = start + slot.stop - slot.start
        header[key] = {"dtype": slot.dtype, "shape": list(slot.shape), "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * ((offset - len(text) - 8) % step)
    file.write(len(text).to_bytes(8, "little") + text)


def bytes_of(tensor: Tensor) -> memoryview:
    """A tensor's numbers in order, without a copy where it is contiguous."""
    import torch

    flat = tensor.detach().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data if flat.numel() else memoryview(b"")
