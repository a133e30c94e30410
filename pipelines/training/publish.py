"""From a finished training to assets: weight files, their hashes, and what they score, in one manifest."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WEIGHTS = Path("assets/weights")


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
