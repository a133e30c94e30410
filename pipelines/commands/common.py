"""What the commands share: where assets lie, the cache with a progress bar, reading recipes, writing JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.merging.recipe import MergeRecipe
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.family import ModelFamily
    from pipelines.shared.recipe_file import RecipeDocument

ASSETS = Path(__file__).resolve().parents[2] / "assets"
MOST_RECIPE_BYTES = 1_000_000


def add_device(parser: argparse.ArgumentParser) -> None:
    """`--device`."""
    parser.add_argument("--device", default=None, help="cpu, cuda or mps; without it the best one that is there")


@contextmanager
def open_cache(device: str | None, assets: Path = ASSETS) -> Iterator[ModelCache]:
    """A cache that shows a bar per checkpoint while it reads, for checkpoints large enough to wait for."""
    from tqdm import tqdm

    from pipelines.shared.cache import ModelCache
    from pipelines.shared.device import choose_device
    from pipelines.shared.weights import LoadProgress

    bars: dict[str, Any] = {}

    def show(progress: LoadProgress) -> None:
        bar = bars.get(progress.name)
        if bar is None:
            bar = bars[progress.name] = tqdm(
                total=progress.total_bytes, desc=progress.name, unit="B", unit_scale=True, leave=False, delay=1
            )
        bar.update(progress.done_bytes - bar.n)

    cache = ModelCache(assets, device=choose_device(device))
    cache.add_listener(show)
    try:
        yield cache
    finally:
        for bar in bars.values():
            bar.close()


def read_text(path: Path) -> str:
    """A recipe file's text. Raises UserError: no such file, too large, not text."""
    if not path.is_file():
        raise UserError(f"No recipe file {path}.")
    if path.stat().st_size > MOST_RECIPE_BYTES:
        raise UserError(f"{path} has {path.stat().st_size:,} bytes; a recipe has at most {MOST_RECIPE_BYTES:,}.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text.") from error


def read_recipe(path: Path) -> RecipeDocument:
    """The recipe in a YAML or JSON file, or inside a picture of ours. What could not be restored goes to stderr."""
    import sys

    from pipelines.registry import FAMILIES
    from pipelines.shared.recipe_file import parse_document

    document, report = parse_document(_recipe_text(path), FAMILIES)
    for line in report:
        sys.stderr.write(f"note: {line}\n")
    return document


def _recipe_text(path: Path) -> str:
    if path.suffix.lower() != ".png":
        return read_text(path)
    from pipelines.shared.figures import read_embedded

    text = read_embedded(path) if path.is_file() else None
    if text is None:
        raise UserError(f"{path} is no picture with a recipe inside.")
    return text


def recipe_for(family: ModelFamily, recipe_path: Path | None, expert: str | None) -> MergeRecipe:
    """The mix that `--recipe` or `--expert` ask for; the family's default without either; the base for "base"."""
    from pipelines.merging.recipe import MergeRecipe

    if recipe_path is not None:
        document = read_recipe(recipe_path)
        if document.family != family.name:
            raise UserError(f"{recipe_path} is a recipe of {document.family}; the family asked for is {family.name}.")
        return document.recipe
    if expert is None:
        return family.default
    if expert == "base":
        return MergeRecipe()
    check_expert(family, expert)
    return MergeRecipe(coefficients=((expert, 1.0),))


def check_expert(family: ModelFamily, expert: str) -> None:
    """Raises UserError that lists the experts there are."""
    if expert not in family.experts:
        known = f"it has {', '.join(family.experts)}" if family.experts else "it has none"
        raise UserError(f"{family.name} has no expert {expert!r}; {known}.")


def named(reference: str) -> Callable[..., Any]:
    """The function that "module:function" names."""
    module, _, function = reference.partition(":")
    return getattr(import_module(module), function)


def write_json(path: Path | None, values: Mapping[str, Any]) -> None:
    """Write values as JSON; None writes nothing."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
