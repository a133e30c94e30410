"""Results out of the page and settings back into it: a picture that carries its recipe, and the recipe as YAML."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.shared.errors import UserError
from pipelines.shared.weights import other_weights

if TYPE_CHECKING:
    from demos.networks import Networks
    from pipelines.merging.arena import Arena
    from pipelines.shared.family import ModelFamily
    from pipelines.shared.recipe_file import RecipeDocument

MOST_BYTES = 1_000_000  # of a recipe file
# The last three only to say why not.
RECIPE_FILES = [".png", ".svg", ".pdf", ".yaml", ".yml", ".json", ".jpg", ".jpeg", ".webp"]


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


def hashes_of(paths: Iterable[str]) -> dict[str, str]:
    """Path -> SHA-256, as recipes name their inputs, of each file that is there."""
    return {path: sha256(Path(path).read_bytes()).hexdigest() for path in paths if Path(path).is_file()}


def parse_for(
    text: str, family: ModelFamily | Networks, assets: Path, there: Collection[str] = ()
) -> tuple[RecipeDocument, tuple[str, ...]]:
    """A recipe of this family, or of one of these networks, and what of it cannot be restored. UserError on anything
    unknown.

    Args:
        assets: the folder of the weights that are here.
        there: SHA-256 of the inputs that are on the page.
    """
    from pipelines.registry import FAMILIES
    from pipelines.shared.recipe_file import parse_document

    if not text.strip():
        raise UserError("The recipe is empty. Press Run to get the recipe of the current settings.", "No recipe")
    mine = list(family.values()) if isinstance(family, Mapping) else [family]
    document, report = parse_document(text, {one.name: one for one in (*FAMILIES, *mine)}.values())
    if not any((document.pipeline, document.family) == (one.pipeline, one.name) for one in mine):
        here = f"{mine[0].pipeline}/{', '.join(one.name for one in mine)}"
        raise UserError(f"This recipe is for {document.pipeline}/{document.family}; here is {here}.")
    missing = tuple(f"Its input {one.name} (sha256 {one.sha256[:8]}…) is not stored inside; drop it in separately."
                    for one in document.inputs if one.sha256 not in there)  # fmt: skip
    return document, (*report, *other_weights(document.weights, assets), *missing)


def pipeline_of(text: str) -> str:
    """Which pipeline a recipe is for; empty where it does not say. Raises UserError: not YAML or JSON."""
    from pipelines.shared.recipe_file import parse_text

    values = parse_text(text)
    return str(values.get("pipeline", "")) if isinstance(values, dict) else ""


def write_export(tab: str, picture: Any, text: str, mark: str, folder: Path) -> list[str]:
    """Write mixdeck-<tab>-<mark>.png and .yaml into a folder of its own below `folder`; their paths."""
    from pipelines.shared.figures import save_png

    start = start_of(tab, mark, folder)
    drawn, recipe = start.with_suffix(".png"), start.with_suffix(".yaml")
    save_png(picture, text, drawn)
    recipe.write_text(text, encoding="utf-8")
    return [str(drawn), str(recipe)]


def start_of(tab: str, mark: str, folder: Path) -> Path:
    """What the paths of one export begin with; their folder is made."""
    place = folder / f"{tab}-{mark}"
    place.mkdir(parents=True, exist_ok=True)
    return place / f"mixdeck-{tab}-{mark}"


def write_checkpoint(arena: Arena, document: RecipeDocument, start: Path) -> list[str]:
    """The mixed network as float32 safetensors with its recipe in the header; its path."""
    from pipelines.commands.merge import metadata, save_weights

    path = start.with_suffix(".safetensors")
    save_weights(arena.views(arena.merge(document.recipe).flat), metadata(document), path)
    return [str(path)]
