"""Results out of the fusion tab and back into it: a picture that carries its recipe, and the recipe as YAML."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from demos.exports import parse_for
from pipelines.fusion.options import FusionOptions
from pipelines.fusion.registration import Placement, split
from pipelines.shared.family import ModelFamily

if TYPE_CHECKING:
    from demos.fusion_bench import Job
    from pipelines.fusion.inputs import FrameSet
    from pipelines.shared.recipe_file import RecipeDocument


def document_of(job: Job, frames: FrameSet, family: str, assets: Path) -> RecipeDocument:
    """The recipe of a job, with the names and hashes of its frames and the hash of its weights."""
    from pipelines.fusion.document import completed
    from pipelines.shared.recipe_file import RecipeDocument

    options: dict[str, Any] = job.options.to_dict() | job.placement.to_dict()
    return completed(RecipeDocument("fusion", family, job.recipe, options), frames, assets)


def parse(
    text: str, family: ModelFamily, assets: Path, there: Collection[str] = ()
) -> tuple[RecipeDocument, FusionOptions, Placement, tuple[str, ...]]:
    """Document, options, where the frames are put, what could not be restored, as `parse_for`."""
    document, report = parse_for(text, family, assets, there)
    return document, *split(document.options), report


def plain_form(options: FusionOptions, placement: Placement) -> dict[str, Any]:
    """Both by name, to be compared: gains of 0 at the end mean nothing, and nor does the order of moves."""
    gains = options.gains
    while gains and not gains[-1]:
        gains = gains[:-1]
    moves = tuple(sorted(placement.moves, key=lambda one: one.frame))
    return asdict(replace(options, gains=gains)) | replace(placement, moves=moves).to_dict()


def write_weights(weights: np.ndarray, text: str, start: Path) -> list[str]:
    """Weight maps (K, h, w) 0..1 as 16-bit grey PNG, 65535 for 1, a file per frame with the recipe; their paths."""
    from pipelines.shared.figures import save_png

    counts = np.rint(np.clip(weights, 0, 1) * 65535).astype(np.uint16)
    paths = [start.with_name(f"{start.name}-weight-{k + 1}.png") for k in range(len(counts))]
    return [str(save_png(plane, text, path)) for plane, path in zip(counts, paths, strict=True)]


def write_tables(tables: np.ndarray, start: Path) -> list[str]:
    """Tables (K, 256) in the published format, 256 decimals separated by commas, a file per frame; their paths."""
    from pipelines.fusion.meflut import format_table

    paths = [start.with_name(f"{start.name}-table-{k + 1}.txt") for k in range(len(tables))]
    for path, table in zip(paths, tables, strict=True):
        path.write_text(format_table(table), encoding="utf-8")
    return [str(path) for path in paths]
