"""The examples of a tab: frames, a caption and a mix, as index.json in assets/examples/<tab> lists them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Example:
    """One example. `frames` are files of ours, in the order of the task; `recipe` is the `merge:` part of a recipe,
    `options` are the tab's own."""

    slug: str
    title: str
    caption: str
    task: str
    frames: tuple[Path, ...]
    recipe: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The caption and the mix."""
        weights = ", ".join(f"{task} {weight:g}" for task, weight in self.recipe.get("weights", {}).items())
        return f"{self.caption} Mix: {weights} at scale {self.recipe['scale']:g}." if weights else self.caption


def read_examples(folder: Path) -> tuple[Example, ...]:
    """The examples of a folder, in page order; none if it has no index."""
    index = folder / "index.json"
    if not index.is_file():
        return ()
    return tuple(_example(folder, entry) for entry in json.loads(index.read_text(encoding="utf-8")))


def _example(folder: Path, entry: Mapping[str, Any]) -> Example:
    frames = tuple(folder / name for name in entry["frames"])
    slug, title, caption, task = (entry[key] for key in ("slug", "title", "caption", "task"))
    return Example(slug, title, caption, task, frames, entry.get("recipe", {}), entry.get("options", {}))
