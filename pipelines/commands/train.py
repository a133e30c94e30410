"""`train FAMILY`: base and experts, or one expert, by the family's own trainer."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

PRESETS = ("cpu", "gpu", "smoke", "test")  # not every family has smoke


def add(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser("train", help="train a family, or one expert of it")
    parser.add_argument("family", metavar="FAMILY")
    parser.add_argument("--expert", metavar="E", help="one expert, from the base of the same run (default: all)")
    parser.add_argument(
        "--base", type=Path, metavar="FILE", help="a base that experts start from instead of one trained in this run"
    )
    parser.add_argument(
        "--preset",
        choices=PRESETS,
        default="cpu",
        help="size of the run: smoke is minutes (igtr, plvl), test a few steps (default %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="default %(default)s")
    parser.add_argument("--resume", action="store_true", help="go on where an interrupted run of this seed stopped")
    parser.set_defaults(command=run)


def run(flags: argparse.Namespace) -> None:
    """Train and print where each checkpoint lies."""
    from pipelines.commands.loading import named
    from pipelines.commands.recipes import check_expert
    from pipelines.registry import family as family_named
    from pipelines.shared.errors import UserError
    from pipelines.training.run import TrainingOptions

    family = family_named(flags.family)
    if not family.trainer:
        raise UserError(f"{family.name} is a published checkpoint; there is no training for it here.")
    if flags.expert is not None and family.experts:
        check_expert(family, flags.expert)
    if flags.seed < 0:
        raise UserError(f"--seed is {flags.seed}; it is a whole number, 0 or more.")
    options = TrainingOptions(flags.expert, flags.preset, flags.seed, flags.resume, base=flags.base)
    files = named(family.trainer)(family, options)
    for name, path in files.items():
        print(f"{name}: {path}")
