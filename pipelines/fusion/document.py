"""The recipe document of one fusion: beside its settings, what it was made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.shared.recipe_file import InputRef, RecipeDocument
from pipelines.shared.weights import weights_hashes

if TYPE_CHECKING:
    from pipelines.fusion.inputs import FrameSet


def completed(document: RecipeDocument, frames: FrameSet, assets: Path) -> RecipeDocument:
    """A document with names and hashes of its frames, and the hash of the weights that its engine runs on, if any."""
    inputs = tuple(InputRef(name, sha256) for name, sha256 in zip(frames.names, frames.sha256s, strict=True))
    network = {"net": document.family, "lut": "meflut"}.get(document.options.get("engine", "net"), "")
    return replace(document, inputs=inputs, weights=weights_hashes(assets, network))
