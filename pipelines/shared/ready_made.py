"""Ready-made examples of a tab, chosen by the shipped weights: pictures, and an index.json that names them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np


@dataclass(frozen=True)
class Entry:
    """One entry of index.json; `frames` are paths relative to the folder, an empty recipe is the page's mix."""

    slug: str
    title: str
    caption: str
    task: str
    frames: tuple[str, ...]
    recipe: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


def write_examples(entries: Sequence[tuple[Entry, np.ndarray]], folder: Path) -> None:
    """Pictures, uint8 (H, W, 3) RGB, and index.json, in place of those that the index named before."""
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / "index.json"
    for old in json.loads(index.read_text(encoding="utf-8")) if index.is_file() else ():
        for name in old["frames"]:
            (folder / name).unlink(missing_ok=True)
    for entry, picture in entries:
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        cv2.imwrite(str(folder / entry.frames[0]), bgr, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    text = json.dumps([asdict(entry) for entry, _ in entries], indent=1, ensure_ascii=False)
    index.write_text(text + "\n", encoding="utf-8")
