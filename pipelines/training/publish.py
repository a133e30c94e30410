"""From a finished training to assets: weight files, their hashes, and what they score, in one manifest."""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.shared.errors import UserError
from pipelines.training.checkpoints import seconds_in
from pipelines.training.run import TrainingOptions

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = Path("assets/weights")


@dataclass(frozen=True)
class FinishedRun:
    """Checkpoints of a training run: name -> file, with what the run was; `seconds` of work over all of them."""

    files: dict[str, Path]
    preset: str
    seed: int
    seconds: float


def finished_run(folder: Path, names: Sequence[str]) -> FinishedRun:
    """The checkpoints in a folder of a run, "<preset>-seed<seed>".

    Raises:
        UserError: the folder has another name, or a checkpoint is not there.
    """
    named = re.fullmatch(r"(\w+)-seed(\d+)", folder.resolve().name)
    if named is None:
        raise UserError(f"{folder} is no folder of a training run; those are named like cpu-seed0.")
    files = {name: folder / f"{name}.safetensors" for name in names}
    missing = [name for name, path in files.items() if not path.is_file()]
    if missing:
        raise UserError(f"{folder} has no {', '.join(missing)}: the training has not ended; `train --resume` goes on.")
    return FinishedRun(files, named[1], int(named[2]), sum(map(seconds_in, files.values())))


def publish_finished(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None, names: Sequence[str],
    publishing: Callable[[FinishedRun, TrainingOptions, argparse.Namespace], Path],
) -> int:  # fmt: skip
    """The command of a family that publishes the files of a run that has ended; exit code.

    Args:
        parser: with what the family asks for besides; gets "folder" and "--lineage".
        names: of the checkpoints, "base" and every expert.
        publishing: scores the files and puts them into assets; returns the manifest.
    """
    parser.add_argument("folder", type=Path, help="of the run: checkpoints/FAMILY/PRESET-seedN")
    parser.add_argument("--lineage", default="", help="for the manifest: what of it is of another run")
    asked = parser.parse_args(arguments)
    try:
        run = finished_run(asked.folder, names)
        options = TrainingOptions(preset=run.preset, seed=run.seed, lineage=asked.lineage)
        path = publishing(run, options, asked)
    except UserError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    sys.stdout.write(f"{path}\n")
    return 0


def geometry(weights: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Any]:
    """Norms of the task vectors, relative to the base's, and cosines of every pair."""
    import torch

    flat = {name: torch.cat([value.flatten() for value in tensors.values()]) for name, tensors in weights.items()}
    base = flat.pop("base")
    vectors = {name: value - base for name, value in flat.items()}
    names = list(vectors)
    cosines = {
        f"{a}, {b}": float(torch.cosine_similarity(vectors[a], vectors[b], dim=0))
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    }
    return {"norms": {name: float(v.norm() / base.norm()) for name, v in vectors.items()}, "cosines": cosines}


def publish(name: str, files: Mapping[str, Path], about: Mapping[str, Any], weights: Path = WEIGHTS) -> Path:
    """Copy checkpoints (checkpoint name -> file) to `weights/<name>/` and write the family's entry of the manifest.

    Beside a base, the others are stored as lossless differences from it where that is smaller. `about` holds command,
    seed, data, seconds, scores; sizes and hashes are added here.
    """
    folder = weights / name
    folder.mkdir(parents=True, exist_ok=True)
    entry: dict[str, Any] = dict(about) | {"license": "Apache-2.0", "files": {}}
    for checkpoint, source in files.items():
        target = folder / f"{checkpoint}.safetensors"
        _store(source, target, files.get("base"))
        content = target.read_bytes()
        entry["files"][target.name] = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    return write_entry(name, entry, weights)


def _store(source: Path, target: Path, base: Path | None) -> None:
    """The checkpoint as it is, or as differences from the base, whichever is smaller; the same bits come back."""
    from safetensors import safe_open
    from safetensors.torch import load_file

    from pipelines.shared.delta_store import is_alike, write_delta

    with safe_open(source, "pt") as file:
        metadata = file.metadata()
    if base is not None and source != base and is_alike(load_file(base), load_file(source)):
        write_delta(load_file(base), load_file(source), target, metadata=metadata)
        if target.stat().st_size < source.stat().st_size:
            return
    shutil.copyfile(source, target)


def write_entry(name: str, entry: Mapping[str, Any], weights: Path = WEIGHTS) -> Path:
    """Put one family's entry into the manifest; the others stay as they are."""
    path = weights / "manifest.json"
    manifest = json.loads(path.read_text()) if path.exists() else {}
    manifest[name] = entry
    path.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    return path
