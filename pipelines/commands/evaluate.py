"""`evaluate FAMILY`: every method on every set, all metrics, in one shape for all families."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.merging.recipe import MergeRecipe
    from pipelines.shared.family import ModelFamily


def add(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser("evaluate", help="score a family, or one mix of it")
    parser.add_argument("family", metavar="FAMILY")
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder that holds the sets (default: generated ones)")
    mix = parser.add_mutually_exclusive_group()
    mix.add_argument("--recipe", type=Path, metavar="R.yaml", help="the mix to score (default: the family's own)")
    mix.add_argument("--expert", metavar="E", help='score one expert alone; "base" is the base')
    parser.add_argument("--limit", type=int, metavar="N", help="at most N samples per set")
    parser.add_argument("--device", help="cpu, cuda or mps (default MIXDECK_DEVICE, else cpu)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the scores as JSON")
    parser.set_defaults(command=run)


def run(flags: argparse.Namespace) -> None:
    """Score, print a table per set, and write JSON if asked for."""
    from pipelines.commands.reports import write_json
    from pipelines.registry import family as family_named

    family = family_named(flags.family)
    _check(flags, family)
    report = evaluation(family, chosen_recipe(flags, family), flags)
    for name, scores in report["sets"].items():
        print(f"{name}, {scores['n']} samples\n{score_tables(scores['methods'])}\n")
    if flags.json is not None:
        write_json(report, flags.json)


def evaluation(family: ModelFamily, recipe: MergeRecipe, flags: argparse.Namespace) -> dict[str, Any]:
    """The report: the mix, device and seconds, and `sets`: set -> {"n", "methods": {method: {metric: number}}}."""
    from pipelines.commands.loading import named, open_cache, working
    from pipelines.commands.reports import about_mix

    cache = open_cache(flags.device)
    began = time.perf_counter()
    with working(f"evaluating {family.name}"):
        sets = named(family.evaluator)(family, cache, data=flags.data, recipe=recipe, limit=flags.limit)
    if not sets:
        raise UserError(f"No set that {family.name} is scored on in {flags.data}; give the folder that holds the sets.")
    return about_mix(family, recipe, cache.device, time.perf_counter() - began) | {"sets": sets}


def chosen_recipe(flags: argparse.Namespace, family: ModelFamily) -> MergeRecipe:
    """The mix asked for, by file or by expert, else the family's default."""
    from pipelines.commands.recipes import expert_alone, read_recipe

    if flags.expert is not None:
        return expert_alone(family, flags.expert)
    return family.default if flags.recipe is None else read_recipe(flags.recipe, family)


def score_tables(methods: Mapping[str, Mapping[str, float]]) -> str:
    """A table for all methods that have a metric in common, another one for what is measured differently."""
    groups: list[tuple[set[str], dict[str, Mapping[str, float]]]] = []
    for name, scores in methods.items():
        metrics = set(scores) - {"n"}
        fitting = next((group for group in groups if group[0] & metrics), None)
        if fitting is None:
            fitting = (set(), {})
            groups.append(fitting)
        fitting[0].update(metrics)
        fitting[1][name] = scores
    return "\n\n".join(score_table(rows) for _, rows in groups)


def score_table(methods: Mapping[str, Mapping[str, float]]) -> str:
    """A row per method, a column per metric; "-" where a method lacks one."""
    from pipelines.commands.reports import table

    metrics = list(dict.fromkeys(metric for scores in methods.values() for metric in scores))
    rows = [[name, *(_number(scores.get(metric)) for metric in metrics)] for name, scores in methods.items()]
    return table([["method", *metrics], *rows])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


def _check(flags: argparse.Namespace, family: ModelFamily) -> None:
    if not family.evaluator:
        raise UserError(f"{family.name} has no evaluation.")
    if flags.data is not None and not flags.data.is_dir():
        raise UserError(f"--data {flags.data}: no such folder. Leave it out to score on generated sets.")
    if flags.limit is not None and flags.limit < 1:
        raise UserError(f"--limit is {flags.limit}; it counts samples per set, 1 or more.")
    if flags.data is None and family.tier == "embedded":
        print("No --data: scores are on small generated sets.", file=sys.stderr)
