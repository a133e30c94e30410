"""Headers of safetensors files: what they say must fit the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipelines.shared.checkpoint_slots import DTYPES, WIDTHS, read, read_slots
from pipelines.shared.errors import UserError


def written(path: Path, entry: dict[str, Any], content: bytes = bytes(48)) -> Path:
    """A file of a sound tensor `first`, 16 bytes, and `second` as the entry has it; 48 bytes of data."""
    sound = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}
    header = json.dumps({"first": sound, "second": {"dtype": "F32", "shape": [8]} | entry}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + content)
    return path


def test_slots_are_where_the_library_put_the_tensors(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    weights = {"a": torch.randn(3, 2), "b": torch.randn(5).bfloat16(), "none": torch.empty(0), "one": torch.tensor(7)}
    save_file(weights, path)
    slots = read_slots([path])
    with path.open("rb") as file:
        assert all(torch.equal(read({path: file}, slots[key]), value) for key, value in load_file(path).items())
    assert slots.keys() == weights.keys()
    assert [slot.start for slot in slots.values()] == sorted(slot.start for slot in slots.values())


def test_the_table_of_widths_is_that_of_torch() -> None:
    assert {name: getattr(torch, DTYPES[name]).itemsize for name in DTYPES} == WIDTHS


@pytest.mark.parametrize(
    "entry",
    [
        {"data_offsets": [-16, 16]},
        {"data_offsets": [48, 16]},
        {"data_offsets": [16, 47]},
        {"data_offsets": [24, 56]},
        {"data_offsets": [16, 48], "shape": [9]},
        {"data_offsets": [16, 48], "dtype": "F16"},
        {"data_offsets": [16, 48], "shape": [-2, -4]},
        {"data_offsets": [16, 10**30], "shape": [10**4000, 10**4000]},
        {"data_offsets": [16.0, 48.0]},
        {"data_offsets": [16, 48], "shape": [float("inf")]},
        {"data_offsets": [16]},
        {},
    ],
)
def test_a_tensor_that_does_not_fit_into_its_file_is_named(tmp_path: Path, entry: dict[str, Any]) -> None:
    path = written(tmp_path / "x.safetensors", entry)
    with pytest.raises(UserError, match=r"x\.safetensors .*damaged header: .?second"):
        read_slots([path])


def test_a_header_that_fits_is_read(tmp_path: Path) -> None:
    slot = read_slots([written(tmp_path / "x.safetensors", {"data_offsets": [16, 48]})])["second"]
    assert (slot.count, slot.width, slot.stop - slot.start) == (8, 4, 32)
