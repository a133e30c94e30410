"""The recipe a command works with: from a file, from a picture that carries one, or one expert by name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.shared.family import ModelFamily
    from pipelines.shared.recipe_file import RecipeDocument

MOST_BYTES = 4_000_000


def read_document(path: Path) -> RecipeDocument:
    """The document in a YAML or JSON file, or in a PNG that Mixdeck wrote; what of it is not as it was goes to stderr.

    Raises:
        UserError: no recipe in it, or one that does not fit. OSError: no such file.
    """
    from pipelines.commands.loading import ASSETS
    from pipelines.registry import FAMILIES
    from pipelines.shared.recipe_file import parse_document
    from pipelines.shared.weights import other_weights

    document, report = parse_document(_text(path), FAMILIES)
    for line in (*report, *other_weights(document.weights, ASSETS)):
        print(f"{path.name}: {line}", file=sys.stderr)
    return document


def read_recipe(path: Path, family: ModelFamily) -> MergeRecipe:
    """The merge of a recipe file, for this family. Raises UserError on the recipe of another family."""
    document = read_document(path)
    if document.family != family.name:
        raise UserError(f"{path.name} is a recipe of family {document.family!r}; {family.name!r} was asked for.")
    if document.options:
        print(f"{path.name}: only its merge is used, not its options.", file=sys.stderr)
    return document.recipe


def expert_alone(family: ModelFamily, name: str) -> MergeRecipe:
    """The recipe that gives one expert to the bit; "base" gives the base."""
    if name == "base":
        return MergeRecipe()
    check_expert(family, name)
    return MergeRecipe(coefficients=((name, 1.0),), scale=1.0)


def check_expert(family: ModelFamily, name: str) -> None:
    """Raises UserError naming the experts there are."""
    if name not in family.experts:
        raise UserError(f"{family.name} has no expert {name!r}; known are {', '.join(family.tasks) or 'none'}.")


def _text(path: Path) -> str:
    if path.suffix.lower() == ".png":
        return _embedded(path)
    return read_text(path)


def read_text(path: Path) -> str:
    """A recipe file as text. Raises UserError: too large, or not text."""
    if path.stat().st_size > MOST_BYTES:
        raise UserError(f"{path.name} has more than {MOST_BYTES:,} bytes; a recipe is smaller.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path.name} is not text; a recipe is YAML, JSON or a PNG made by Mixdeck.") from error


def _embedded(path: Path) -> str:
    from pipelines.shared.figures import read_embedded

    text = read_embedded(path)
    if text is None:
        raise UserError(f"{path.name} carries no recipe; was it edited or stored anew by another program?")
    return text
