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

    `about` holds command, seed, data, seconds, scores; sizes and hashes are added here.
    """
    folder = weights / name
    folder.mkdir(parents=True, exist_ok=True)
    entry: dict[str, Any] = dict(about) | {"license": "Apache-2.0", "files": {}}
    for checkpoint, source in files.items():
        target = folder / f"{checkpoint}.safetensors"
        shutil.copyfile(source, target)
        content = target.read_bytes()
        entry["files"][target.name] = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    return write_entry(name, entry, weights)


def write_entry(name: str, entry: Mapping[str, Any], weights: Path = WEIGHTS) -> Path:
    """Put one family's entry into the manifest; the others stay as they are."""
    path = weights / "manifest.json"
    manifest = json.loads(path.read_text()) if path.exists() else {}
    manifest[name] = entry
    path.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    return path
