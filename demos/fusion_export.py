"""Results out of the fusion tab and back into it: a picture that carries its recipe, and the recipe as YAML."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.fusion.options import FusionOptions
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily

if TYPE_CHECKING:
    from demos.fusion_bench import Job
    from pipelines.fusion.inputs import FrameSet
    from pipelines.shared.recipe_file import RecipeDocument

MOST_BYTES = 1_000_000  # of a recipe file
ALIGN = "align"  # the one setting of the page that is applied before the pipeline


def document_of(job: Job, frames: FrameSet, family: str) -> RecipeDocument:
    """The recipe of a job, with the names and hashes of its frames."""
    from pipelines.shared.recipe_file import InputRef, RecipeDocument

    options: dict[str, Any] = job.options.to_dict() | ({ALIGN: True} if job.is_aligned else {})
    inputs = tuple(InputRef(name, sha256) for name, sha256 in zip(frames.names, frames.sha256s, strict=True))
    return RecipeDocument("fusion", family, job.recipe, options, inputs)


def parse(text: str, family: ModelFamily) -> tuple[MergeRecipe, FusionOptions, bool, tuple[str, ...]]:
    """Mix, options, whether frames are aligned, what could not be restored. UserError on anything unknown."""
    from pipelines.registry import FAMILIES
    from pipelines.shared.recipe_file import parse_document

    if not text.strip():
        raise UserError("The recipe is empty. Press Run to get the recipe of the current settings.", "No recipe")
    document, report = parse_document(text, FAMILIES)
    if document.pipeline != "fusion" or document.family != family.name:
        raise UserError(f"This recipe is for {document.pipeline}/{document.family}; here is fusion/{family.name}.")
    options = dict(document.options)
    is_aligned = bool(options.pop(ALIGN, False))
    missing = tuple(f"Its frame {one.name} (sha256 {one.sha256[:8]}…) is not stored inside; drop it in separately."
                    for one in document.inputs)  # fmt: skip
    return document.recipe, FusionOptions.from_dict(options), is_aligned, (*report, *missing)


def restore(path: Path) -> str:
    """The recipe text of a dropped file. Raises UserError that says why there is none."""
    if path.suffix.lower() in (".yaml", ".yml", ".json"):
        if path.stat().st_size > MOST_BYTES:
            raise UserError(f"A recipe has at most {MOST_BYTES:,} bytes; this file has {path.stat().st_size:,}.")
        return path.read_text(encoding="utf-8", errors="replace")
    from pipelines.shared.figures import read_embedded

    text = read_embedded(path)
    if text is None:
        raise UserError(
            "This picture carries no recipe. Screenshots, chats and conversions to JPEG strip it; paste the YAML into "
            "the Recipe box instead.", "No recipe found",
        )  # fmt: skip
    return text


def write_export(fused: Any, text: str, mark: str, folder: Path) -> list[str]:
    """Write mixdeck-fusion-<mark>.png and .yaml into a folder of its own below `folder`; their paths."""
    from pipelines.shared.figures import save_png

    place = folder / f"fusion-{mark}"
    place.mkdir(parents=True, exist_ok=True)
    picture, recipe = place / f"mixdeck-fusion-{mark}.png", place / f"mixdeck-fusion-{mark}.yaml"
    save_png(fused, text, picture)
    recipe.write_text(text, encoding="utf-8")
    return [str(picture), str(recipe)]
