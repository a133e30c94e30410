"""`merge`: a merged checkpoint as one safetensors file, its recipe in the header."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from pipelines.commands.common import open_cache, read_recipe, write_json
from pipelines.shared.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.add_argument(
        "recipe", metavar="RECIPE.yaml", type=Path, help="a recipe of the page, or one that names files"
    )
    parser.add_argument("--out", metavar="FILE.safetensors", type=Path, required=True, help="the merged checkpoint")
    parser.add_argument("--json", type=Path, help="write recipe, hash and seconds to this file")


def run(flags: argparse.Namespace) -> None:
    """Merge and write; the file appears whole or not at all."""
    if flags.out.suffix != ".safetensors":
        raise UserError(f"--out {flags.out} should end in .safetensors, the one format that is written.")
    began = time.perf_counter()
    about = merge_family(flags.recipe, flags.out)
    about = about | {"device": "cpu", "seconds": round(time.perf_counter() - began, 3)}
    print(f"{flags.out}  {flags.out.stat().st_size / 1e6:.2f} MB  recipe {about['recipe_hash'][:8]}")
    write_json(flags.json, about)


def merge_family(path: Path, out: Path) -> dict[str, Any]:
    """A family that is known here, mixed by a recipe of the page."""
    from pipelines.merging.recipe import recipe_hash, recipe_to_dict
    from pipelines.registry import family as family_named
    from pipelines.shared.weights import write_weights

    document = read_recipe(path)
    family = family_named(document.family)
    with open_cache("cpu") as cache:
        arena = cache.arena(family)
        weights = arena.views(arena.merge(document.recipe).flat)
        write_weights(out, weights, {"mixdeck": json.dumps(document.to_dict())})
    return {
        "family": family.name,
        "tier": family.tier,
        "recipe": recipe_to_dict(document.recipe),
        "recipe_hash": recipe_hash(document.recipe),
        "file": out.name,
    }
