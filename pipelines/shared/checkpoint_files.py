"""Merging checkpoints that lie on this machine, of any network: read piece by piece, written piece by piece.

A document names the files and the merge:

    mixdeck_recipe: 1
    family: {id: my-network, base: {ref: base.safetensors}}
    experts: {street: {ref: street.safetensors, sha256: "…"}, hand: {ref: hand}}     # `hand`: a folder of shards
    merge: {vector: {method: task_arithmetic}, weights: {street: 1.0, hand: 0.5}, scale: 0.4}

Paths are relative to the document. Methods that look at one tensor at a time need memory for a piece of every file; the
others (TIES, EMR and other elections over the whole) look at whole vectors and need all of them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pipelines.merging.recipe import MergeError, MergeRecipe, recipe_from_dict, recipe_hash, recipe_to_dict
from pipelines.shared.errors import UserError
from pipelines.shared.recipe_file import VERSION, mapping, parse_text
from pipelines.shared.weights import CHUNK_BYTES, LoadProgress, whole_file

if TYPE_CHECKING:
    from torch import Tensor

PIECE_ELEMENTS = 1 << 25  # weights merged at once: 128 MB of float32 for each file
LARGEST_HEADER = 100 << 20
KEYS = ("mixdeck_recipe", "name", "family", "experts", "merge")
DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32",
    "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """One network's weights: a file, or the shards of a folder in order of name. `sha256` empty: not checked."""

    name: str
    paths: tuple[Path, ...]
    sha256: str = ""


@dataclass(frozen=True)
class FilePlan:
    """A merge of local checkpoints."""

    name: str
    base: Checkpoint
    experts: tuple[Checkpoint, ...]
    recipe: MergeRecipe


@dataclass(frozen=True)
class _Slot:
    """Where a tensor lies: file, first byte and end, dtype as safetensors calls it."""

    path: Path
    start: int
    stop: int
    dtype: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        count = 1
        for length in self.shape:
            count *= length
        return count


def names_files(text: str) -> bool:
    """Whether a recipe text is one of this module's: it lists experts with their files."""
    values = parse_text(text)
    return isinstance(values, Mapping) and "experts" in values


def parse_plan(text: str, folder: Path) -> FilePlan:
    """Read a document.

    Args:
        folder: what its paths are relative to.

    Raises:
        UserError: an unknown key, a file that is not there or not safetensors. MergeError: the merge does not fit.
    """
    values = mapping("the recipe", parse_text(text))
    if values.get("mixdeck_recipe") != VERSION:
        raise UserError(f"The first key must be `mixdeck_recipe: {VERSION}`.", title="Not a recipe")
    _only("the recipe", values, KEYS)
    family = mapping("family", values.get("family"))
    _only("family", family, ("id", "base"))
    listed = mapping("experts", values["experts"])
    experts = tuple(_checkpoint(str(name), value, folder) for name, value in listed.items())
    recipe = recipe_from_dict(mapping("merge", values.get("merge", {})), [expert.name for expert in experts])
    name = str(family.get("id") or values.get("name") or "checkpoints")
    return FilePlan(name, _checkpoint("base", family.get("base"), folder), experts, recipe)


def merge_files(
    plan: FilePlan, out: Path, listener: Callable[[LoadProgress], None] | None = None, piece: int = PIECE_ELEMENTS
) -> dict[str, str]:
    """Merge and write one safetensors file with the base's names, shapes and dtypes; whole or not at all.

    The result is that of `merging.merge.merge`; under block rules, to the last rounding.

    Returns:
        the header's metadata: recipe without file names but with the hashes of their content, and its hash.

    Raises:
        UserError: damaged files, the wrong hash, or not enough memory for a method that needs whole vectors.
        MergeError: the checkpoints are not of one network.
    """
    from pipelines.merging.mixture import check_rules

    slots = [read_slots(checkpoint) for checkpoint in (plan.base, *plan.experts)]
    check_rules(plan.recipe, slots[0])
    if not is_local(plan.recipe):
        _check_memory(slots)
        piece = sum(slot.count for slot in slots[0].values())
    hashes = [_content_hash(checkpoint, listener) for checkpoint in (plan.base, *plan.experts)]
    about = _about(plan, hashes)
    _check_names(plan, slots)
    with whole_file(out) as draft, draft.open("wb") as file:
        _write_header(file, slots[0], about)
        _write_pieces(file, plan, slots, piece, listener)
    return about


def is_local(recipe: MergeRecipe) -> bool:
    """Whether no merged tensor depends on another tensor of the checkpoints, so that pieces can be merged."""
    from pipelines.merging.registry import method

    settings = recipe.full_settings()
    is_mask_of_sum = recipe.method in ("tall_masks", "consensus") and settings.get("vector") == "sum"
    return is_mask_of_sum or method(recipe.method).is_piecewise(settings)


def read_slots(checkpoint: Checkpoint) -> dict[str, _Slot]:
    """Tensors of a checkpoint by name, in the order in which they lie in its files. Reads headers only."""
    slots: dict[str, _Slot] = {}
    for path in checkpoint.paths:
        header, start = _header(path)
        entries = ((key, value) for key, value in header.items() if key != "__metadata__")
        try:
            for key, value in sorted(entries, key=lambda entry: entry[1]["data_offsets"][0]):
                first, end = value["data_offsets"]
                shape = tuple(int(length) for length in value["shape"])
                slots[key] = _Slot(path, start + first, start + end, str(value["dtype"]), shape)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise UserError(f"{path.name} has a damaged header.", title="Weights are damaged") from error
    for key, slot in slots.items():
        if slot.dtype not in DTYPES:
            raise UserError(f"{slot.path.name} holds {key} as {slot.dtype}, which is not merged here.")
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
    return dict(mapping(path.name, header)), 8 + length


def _checkpoint(name: str, value: Any, folder: Path) -> Checkpoint:
    entry = mapping(f"entry of {name}", value)
    _only(f"entry of {name}", entry, ("ref", "sha256", "kind"))
    if entry.get("kind", "full") != "full":
        raise UserError(f"{name}: kind {entry['kind']!r}; only full checkpoints are merged, not deltas or adapters.")
    if not isinstance(entry.get("ref"), str):
        raise UserError(f"{name} needs a `ref`: the path of its safetensors file, or of the folder of its shards.")
    path = folder / entry["ref"]
    paths = tuple(sorted(path.glob("*.safetensors"))) if path.is_dir() else (path,)
    if not paths or not all(one.is_file() for one in paths):
        raise UserError(f"{name}: no weights at {entry['ref']}.", title="Weights are missing")
    if any(one.suffix != ".safetensors" for one in paths):
        raise UserError(f"{name}: {path.name} is not safetensors. Other formats can hide programs and are not opened.")
    sha256 = entry.get("sha256", "")
    if not isinstance(sha256, str) or not re.fullmatch(r"[0-9a-f]{64}|", sha256):
        raise UserError(f"{name}: sha256 should be 64 hex digits in quotes.")
    return Checkpoint(name, paths, sha256)


def _only(name: str, values: Mapping[str, Any], known: Sequence[str]) -> None:
    if unknown := [str(key) for key in values if key not in known]:
        raise UserError(f"Unknown keys in {name}: {', '.join(unknown)}; known are {', '.join(known)}.")


def _check_names(plan: FilePlan, slots: Sequence[Mapping[str, _Slot]]) -> None:
    base = slots[0]
    for expert, theirs in zip(plan.experts, slots[1:], strict=True):
        if odd := sorted(base.keys() ^ theirs.keys()):
            side = "lacks" if odd[0] in base else "has"
            raise MergeError(f'expert "{expert.name}" {side} {odd[0]}, unlike the base: it is another network')


def _check_memory(slots: Sequence[Mapping[str, _Slot]]) -> None:
    """Whole vectors: the base, each task vector, the merge, and one checkpoint while it is read."""
    from pipelines.shared.device import free_bytes

    needed = 4 * sum(slot.count for slot in slots[0].values()) * (2 * len(slots) + 2)
    free = free_bytes("cpu")
    if needed > free:
        raise UserError(
            f"This merge needs about {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are free. Methods without an "
            "election over the whole, such as task arithmetic and SLERP, are merged piece by piece.",
            title="Not enough memory",
        )


def _content_hash(checkpoint: Checkpoint, listener: Callable[[LoadProgress], None] | None) -> str:
    """SHA-256 over the bytes of all its files in order."""
    digest, done = hashlib.sha256(), 0
    total = sum(path.stat().st_size for path in checkpoint.paths)
    for path in checkpoint.paths:
        with path.open("rb") as file:
            while part := file.read(CHUNK_BYTES):
                digest.update(part)
                done += len(part)
                if listener:
                    listener(LoadProgress(checkpoint.name, done, total))
    if checkpoint.sha256 and digest.hexdigest() != checkpoint.sha256:
        raise UserError(
            f"{checkpoint.name} has sha256 {digest.hexdigest()[:12]}…, the recipe says {checkpoint.sha256[:12]}…",
            title="Weights are not the ones named",
        )
    return digest.hexdigest()


def _about(plan: FilePlan, hashes: Sequence[str]) -> dict[str, str]:
    names = [expert.name for expert in plan.experts]
    document = {
        "mixdeck_recipe": VERSION,
        "family": {"id": plan.name, "base": {"sha256": hashes[0]}},
        "experts": {name: {"sha256": sha256} for name, sha256 in zip(names, hashes[1:], strict=True)},
        "merge": recipe_to_dict(plan.recipe),
    }
    return {
        "format": "pt",
        "mixdeck:recipe": json.dumps(document, ensure_ascii=False),
        "mixdeck:recipe_hash": recipe_hash(plan.recipe),
    }


def _write_header(file: BinaryIO, slots: Mapping[str, _Slot], about: Mapping[str, str]) -> None:
    header: dict[str, Any] = {"__metadata__": dict(about)}
    start = 0
    for key, slot in slots.items():
        stop = start + slot.stop - slot.start
        header[key] = {"dtype": slot.dtype, "shape": list(slot.shape), "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-(len(text) + 8) % 64)  # data start on 64 bytes
    file.write(len(text).to_bytes(8, "little") + text)


def _write_pieces(
    file: BinaryIO,
    plan: FilePlan,
    slots: Sequence[Mapping[str, _Slot]],
    piece: int,
    listener: Callable[[LoadProgress], None] | None,
) -> None:
    total = sum(slot.stop - slot.start for slot in slots[0].values())
    done = 0
    with ExitStack() as stack:
        files = {path: stack.enter_context(path.open("rb"))
                 for checkpoint in (plan.base, *plan.experts) for path in checkpoint.paths}  # fmt: skip
        for keys in pieces(slots[0], piece):
            merged = _merged(plan, [{key: _read(files, one[key]) for key in keys} for one in slots])
            for key in keys:
                done += file.write(_bytes(merged[key]))
            if listener:
                listener(LoadProgress("merged", done, total))


def pieces(slots: Mapping[str, _Slot], most: int) -> Iterator[list[str]]:
    """Names in order, in groups of at most `most` weights each; a larger tensor is a group of its own."""
    group: list[str] = []
    count = 0
    for key, slot in slots.items():
        if group and count + slot.count > most:
            yield group
            group, count = [], 0
        group.append(key)
        count += slot.count
    if group:
        yield group


def _merged(plan: FilePlan, weights: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    from pipelines.merging.merge import merge

    rules = tuple(rule for rule in plan.recipe.blocks if any(fnmatchcase(key, rule.match) for key in weights[0]))
    experts = {expert.name: theirs for expert, theirs in zip(plan.experts, weights[1:], strict=True)}
    return merge(weights[0], experts, replace(plan.recipe, blocks=rules))


def _read(files: Mapping[Path, BinaryIO], slot: _Slot) -> Tensor:
    import torch

    file = files[slot.path]
    file.seek(slot.start)
    content = bytearray(file.read(slot.stop - slot.start))
    dtype = getattr(torch, DTYPES[slot.dtype])
    if len(content) != slot.count * dtype.itemsize:
        raise UserError(f"{slot.path.name} ends too early or has a damaged header.", title="Weights are damaged")
    return torch.frombuffer(content, dtype=dtype).view(slot.shape) if content else torch.empty(slot.shape, dtype=dtype)


def _bytes(tensor: Tensor) -> bytes:
    import torch

    flat = tensor.detach().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
