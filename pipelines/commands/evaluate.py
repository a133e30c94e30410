"""`evaluate`: a family, a mix of it or one expert on public or generated sets, beside the classical methods."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

from pipelines.commands.common import add_device, named, open_cache, recipe_for, write_json
from pipelines.shared.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.add_argument("family", metavar="FAMILY", help="a name of `python -m pipelines list`")
    parser.add_argument("--data", type=Path, help="folder that holds the sets; without it, generated ones are scored")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--recipe", type=Path, help="score this mix instead of the family's default")
    which.add_argument("--expert", help="score one expert, or `base`")
    parser.add_argument("--limit", type=int, help="most scenes per set")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    add_device(parser)


def run(flags: argparse.Namespace) -> None:
    """Print a table per set and write the JSON."""
    from pipelines.merging.recipe import recipe_hash, recipe_to_dict
    from pipelines.registry import family as family_named

    family = family_named(flags.family)
    if not family.evaluator:
        raise UserError(f"{family.name} has no evaluation.")
    if flags.data is not None and not flags.data.is_dir():
        raise UserError(f"--data {flags.data} is no folder.")
    if flags.limit is not None and flags.limit < 1:
        raise UserError(f"--limit is {flags.limit}; it should be 1 or more.")
    recipe = recipe_for(family, flags.recipe, flags.expert)
    began = time.perf_counter()
    with open_cache(flags.device) as cache:
        sets = named(family.evaluator)(family, cache, flags.data, recipe, flags.limit)
        device = cache.device
    result = {
        "family": family.name,
        "tier": family.tier,
        "recipe": recipe_to_dict(recipe),
        "recipe_hash": recipe_hash(recipe),
        "device": device,
        "seconds": round(time.perf_counter() - began, 3),
        "sets": sets,
    }
    print("\n\n".join(as_table(name, numbers) for name, numbers in sets.items()))
    write_json(flags.json, result)


def as_table(name: str, numbers: dict[str, Any]) -> str:
    """One set: a row per method, a column per metric."""
    methods: dict[str, dict[str, float]] = numbers["methods"]
    metrics = list(dict.fromkeys(metric for row in methods.values() for metric in row))
    lines = [f"{name}  (n = {numbers['n']})", f"{'':<14}" + "".join(f"{metric:>12}" for metric in metrics)]
    for method, row in methods.items():
        lines.append(f"{method:<14}" + "".join(f"{_number(row.get(metric)):>12}" for metric in metrics))
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
