"""Where the tensors of safetensors files lie: headers read and written, bytes of any stretch when asked for."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

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
FLOATS = ("F64", "F32", "F16", "BF16")


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
    slots: dict[str, Slot] = {}
    for path in paths:
        for key, slot in _slots_of(path).items():
            if key in slots:
                raise UserError(f"{key} is in {slots[key].path.name} and in {path.name}: keep one of the two files.")
            if slot.dtype not in DTYPES:
                raise UserError(f"{path.name} holds {key} as {slot.dtype}, which is not merged here.")
            slots[key] = slot
    return slots


def _slots_of(path: Path) -> dict[str, Slot]:
    header, start = _header(path)
    entries = ((key, value) for key, value in header.items() if key != "__metadata__")
    slots = {}
    try:
        for key, value in sorted(entries, key=lambda entry: entry[1]["data_offsets"][0]):
            first, end = value["data_offsets"]
            shape = tuple(int(length) for length in value["shape"])
            slots[key] = Slot(path, start + first, start + end, str(value["dtype"]), shape)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise UserError(f"{path.name} has a damaged header.", title="Weights are damaged") from error
    return slots


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
        UserError: the file is shorter than its header says.
    """
    import torch

    dtype = getattr(torch, DTYPES[slot.dtype])
    count = slot.count if last is None else last - first
    content = bytearray(count * dtype.itemsize)
    file = files[slot.path]
    file.seek(slot.start + first * dtype.itemsize)
    is_whole = last is not None or slot.stop - slot.start == len(content)
    if not is_whole or file.readinto(content) != len(content):  # type: ignore[attr-defined]
        raise UserError(f"{slot.path.name} ends too early or has a damaged header.", title="Weights are damaged")
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
