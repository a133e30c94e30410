"""Reading checkpoints: safetensors only, hashes checked, progress in bytes. Files people bring are never unpickled."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.shared.checkpoint_slots import joined
from pipelines.shared.checkpoint_sources import shards
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelSpec

if TYPE_CHECKING:
    from torch import Tensor

CHUNK_BYTES = 1 << 22
MOST_BYTES = 64 << 30


@dataclass(frozen=True)
class LoadProgress:
    """How far one checkpoint is: bytes read of bytes there are."""

    name: str
    done_bytes: int
    total_bytes: int


Listener = Callable[[LoadProgress], None]


def locate(spec: ModelSpec, assets: Path) -> list[Path]:
    """Weight files of a checkpoint, in order: of a folder those that its index names, else all.

    Raises:
        UserError: no such file, a shard of the index missing, not safetensors, or not on this machine while the
            network may not be used.
    """
    kind, _, rest = spec.source.partition(":")
    if kind == "assets":
        paths = [assets / "weights" / rest]
    elif kind == "folder":
        path = Path(rest)
        paths = list(shards(spec.name, path)) if path.is_dir() else [path]
    elif kind == "hub":
        from pipelines.shared.hub import snapshot

        paths = list(shards(spec.name, snapshot(rest)))
    else:
        raise UserError(f"{spec.name}: source {spec.source!r}; expected assets:, folder: or hub:.")
    return _checked_paths(spec, paths)


def _checked_paths(spec: ModelSpec, paths: list[Path]) -> list[Path]:
    if not paths or not all(path.is_file() for path in paths):
        raise UserError(f"{spec.name}: no weights at {spec.source}.", title="Weights are missing")
    for path in paths:
        if path.suffix != ".safetensors":
            raise UserError(
                f"{spec.name}: {path.name} is not safetensors. Other formats can hide programs and are not opened; "
                "convert it with safetensors.torch.save_file.",
                title="Format not accepted",
            )
        if path.stat().st_size > MOST_BYTES:
            raise UserError(f"{spec.name}: {path.name} is larger than {MOST_BYTES >> 30} GiB.")
    return paths


def read_weights(spec: ModelSpec, assets: Path, listener: Listener | None = None) -> dict[str, Tensor]:
    """State dict of a checkpoint, floats as float32; shards are joined, differences added to the base they name.

    Raises:
        UserError: missing, damaged, not the file that the manifest names, or a tensor in two files.
    """
    weights = stored_weights(spec, assets, listener)
    return {key: value.float() if value.is_floating_point() else value for key, value in weights.items()}


def stored_weights(spec: ModelSpec, assets: Path, listener: Listener | None = None) -> dict[str, Tensor]:
    """The same in the dtypes that the checkpoint was stored in.

    Raises:
        UserError: as `read_weights`.
    """
    return joined(_by_file(spec, assets, listener))


def _by_file(spec: ModelSpec, assets: Path, listener: Listener | None) -> Iterator[tuple[Path, dict[str, Tensor]]]:
    paths = locate(spec, assets)
    total = sum(path.stat().st_size for path in paths)
    done = 0
    for path in paths:
        content = _read(path, spec.name, done, total, listener)
        done += len(content)
        _check_hash(spec, path, content, assets)
        yield path, _tensors(spec, path, content)


def _tensors(spec: ModelSpec, path: Path, content: bytes) -> dict[str, Tensor]:
    """Tensors of one file; of differences, the expert that they make of the base file beside them."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    from pipelines.shared.delta_store import base_of, decode_delta, delta_of

    try:
        tensors = load(content)
        about = delta_of(_metadata(content))
        return tensors if about is None else decode_delta(load(base_of(about, path).read_bytes()), tensors, about)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{spec.name}: {path.name} is damaged ({error}).", title="Weights are damaged") from error


def _metadata(content: bytes) -> dict[str, str]:
    """The header's own words of a safetensors file that was found sound."""
    length = int.from_bytes(content[:8], "little")
    return dict(json.loads(content[8 : 8 + length]).get("__metadata__", {}))


def _read(path: Path, name: str, done: int, total: int, listener: Listener | None) -> bytes:
    parts = []
    with path.open("rb") as file:
        while part := file.read(CHUNK_BYTES):
            parts.append(part)
            done += len(part)
            if listener:
                listener(LoadProgress(name, done, total))
    return b"".join(parts)


def _check_hash(spec: ModelSpec, path: Path, content: bytes, assets: Path) -> None:
    wanted = spec.sha256 or _manifest_hash(spec, path, assets)
    if wanted and (came := hashlib.sha256(content).hexdigest()) != wanted:
        raise UserError(
            f"{spec.name}: {path.name} has sha256 {came[:12]}…, the manifest says {wanted[:12]}…; restore the file.",
            title="Weights are not the ones named",
        )


def _manifest_hash(spec: ModelSpec, path: Path, assets: Path) -> str | None:
    if not spec.source.startswith("assets:"):
        return None
    files = manifest(assets).get(path.parent.name, {}).get("files", {})
    return files.get(path.name, {}).get("sha256")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the name when all went well, else it is removed.

    Raises:
        UserError: the folder cannot be written to.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.touch()
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror}.", title="Cannot write the file") from error
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> tuple[str, ...]:
    """Remove what `whole_file` left in a folder when its process was killed; gives the names the files were for.

    A draft of a process that lives is left alone, one of this process too. Drafts of whole folders are called alike.
    """
    import psutil

    removed = []
    for draft in sorted(folder.glob(".*.part")) if folder.is_dir() else ():
        found = re.fullmatch(r"\.(.+)\.(\d+)\.part", draft.name)
        if found and not psutil.pid_exists(int(found[2])):
            shutil.rmtree(draft) if draft.is_dir() else draft.unlink(missing_ok=True)
            removed.append(found[1])
    return tuple(removed)


def manifest(assets: Path) -> dict:
    """The manifest of shipped weights: family -> command, seed, data, scores, files. Empty where there is none."""
    path = assets / "weights" / "manifest.json"
    return _parsed(path, path.stat().st_mtime_ns) if path.is_file() else {}


def weights_hash(assets: Path, family: str) -> str:
    """SHA-256 over names and hashes of all weight files of a shipped family, 64 hex digits; empty where the manifest
    has none."""
    files = manifest(assets).get(family, {}).get("files", {})
    digests = "".join(f"{name}{files[name]['sha256']}" for name in sorted(files))
    return hashlib.sha256(digests.encode()).hexdigest() if files else ""


def weights_hashes(assets: Path, *families: str) -> dict[str, str]:
    """What a recipe says of the weights it runs on: shipped families and their hashes. The Hub's are pinned by their
    commit."""
    return {family: found for family in families if (found := weights_hash(assets, family))}


def other_weights(told: Mapping[str, str], assets: Path) -> tuple[str, ...]:
    """A line for each family of which a recipe names other weights than are here."""
    others = [family for family, sha256 in told.items() if sha256 != weights_hash(assets, family)]
    return tuple(f"It was made with other weights of {family}: the result may differ." for family in others)


@lru_cache(maxsize=4)
def _parsed(path: Path, changed_ns: int) -> dict:
    return json.loads(path.read_text())
