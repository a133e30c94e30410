"""The word crops that come with the repository: small fixed sets, for machines without the fonts to render others.

Each set is one picture, its crops above one another, beside an index with their sizes and labels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipelines.shared.errors import UserError
from pipelines.text_recognition.datasets import Word, read_rgb, spread

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "examples" / "text_recognition" / "probe"
INDEX = "index.json"


@dataclass(frozen=True)
class ShippedSet:
    """The crops of one recipe, in one split ("test" or "validation")."""

    name: str
    split: str = "test"
    folder: Path = FOLDER
    is_case_sure: bool = True

    def __len__(self) -> int:
        return len(self._entries())

    def words(self, limit: int | None = None) -> Iterator[Word]:
        """The crops with their labels; `limit` of them, spread over the set."""
        entries = self._entries()
        sheet = read_rgb(self.folder / _sheet(self.name, self.split))
        tops = np.cumsum([0, *(entry["height"] for entry in entries)])
        for index in spread(len(entries), limit):
            entry, top = entries[index], tops[index]
            crop = sheet[top : top + entry["height"], : entry["width"]]
            yield Word(np.ascontiguousarray(crop), entry["label"])

    def _entries(self) -> list[dict]:
        index = self.folder / INDEX
        key = f"{self.name}/{self.split}"
        known = json.loads(index.read_text(encoding="utf-8")) if index.is_file() else {}
        if key not in known:
            raise UserError(f"No shipped crops of {key}; there are {', '.join(known) or 'none'}.")
        entries: list[dict] = known[key]
        return entries


def store_set(name: str, split: str, words: Sequence[Word], folder: Path = FOLDER) -> Path:
    """Write crops as a set, in place of what was there; gives the path of its picture."""
    width = max(word.image.shape[1] for word in words)
    rows = [np.pad(word.image, ((0, 0), (0, width - word.image.shape[1]), (0, 0))) for word in words]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _sheet(name, split)
    path.write_bytes(cv2.imencode(".png", cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR))[1].tobytes())
    index = folder / INDEX
    known = json.loads(index.read_text(encoding="utf-8")) if index.is_file() else {}
    known[f"{name}/{split}"] = [
        {"label": word.label, "width": word.image.shape[1], "height": word.image.shape[0]} for word in words
    ]
    index.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return path


def _sheet(name: str, split: str) -> str:
    return f"{name}_{split}.png"
