"""What `python -m pipelines run fusion` does: frames from files, one picture with its recipe inside, one JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.fusion.options import FusionOptions

if TYPE_CHECKING:
    from pipelines.fusion.inputs import FrameSet
    from pipelines.fusion.pipeline import FusionResult
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.recipe_file import RecipeDocument

ALIGN = "align"  # an option that acts before the pipeline


def run(
    cache: ModelCache,
    inputs: Sequence[Path],
    out: Path,
    document: RecipeDocument | None,
    settings: Mapping[str, Any],
) -> list[Path]:
    """Fuse the frames of one scene.

    Args:
        document: mix and options to start from; None is the family's default.
        settings: options that replace those of the document; `align` registers the frames first.

    Returns:
        the written files: a PNG that carries its recipe, and a JSON about the run.
    """
    from pipelines.fusion.pipeline import FusionPipeline
    from pipelines.registry import family as family_named

    values = dict(document.options if document else {}) | dict(settings)
    is_aligned = bool(values.pop(ALIGN, False))
    options = FusionOptions.from_dict(values)
    family = family_named(document.family if document else "fusenet")
    recipe = document.recipe if document else family.default
    frames = _frames(inputs, options, is_aligned)
    result = FusionPipeline(cache, family)(frames, options, recipe)
    return _written(result, _document(frames, options, is_aligned, family.name, recipe), out)


def _frames(inputs: Sequence[Path], options: FusionOptions, is_aligned: bool) -> FrameSet:
    from pipelines.fusion.inputs import load_frames

    frames = load_frames(inputs, options.task)
    if not is_aligned:
        return frames
    from pipelines.fusion.align import align

    return align(frames, options.task)[0]


def _document(frames: FrameSet, options: FusionOptions, is_aligned: bool, family: str, recipe: Any) -> RecipeDocument:
    from pipelines.shared.recipe_file import InputRef, RecipeDocument

    kept = options.to_dict() | ({ALIGN: True} if is_aligned else {})
    inputs = tuple(InputRef(name, sha256) for name, sha256 in zip(frames.names, frames.sha256s, strict=True))
    return RecipeDocument("fusion", family, recipe, kept, inputs)


def _written(result: FusionResult, document: RecipeDocument, out: Path) -> list[Path]:
    from pipelines.shared.figures import save_png
    from pipelines.shared.recipe_file import document_hash, dump_yaml

    digest = document_hash(document)
    picture = out / f"mixdeck-fusion-{digest[:8]}.png"
    save_png(result.fused, dump_yaml(document), picture)
    about = picture.with_suffix(".json")
    notices = [str(getattr(notice, "text", notice)) for notice in result.notices]
    values = asdict(result.run) | {"document": document.to_dict(), "document_hash": digest, "notices": notices}
    about.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    return [picture, about]
