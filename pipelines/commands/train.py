"""`train`: a family's base, or experts from it."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from pipelines.commands.common import check_expert, named, write_json
from pipelines.shared.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.add_argument("family", metavar="FAMILY", help="a name of `python -m pipelines list`")
    parser.add_argument("--expert", help="train this expert only, from the base that is there")
    parser.add_argument("--preset", choices=("cpu", "gpu"), default="cpu", help="default %(default)s")
    parser.add_argument("--seed", type=int, default=0, help="default %(default)s")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint of the same run")
    parser.add_argument("--json", type=Path, help="write what was made to this file")


def run(flags: argparse.Namespace) -> None:
    """Train, then print the files."""
    from pipelines.registry import family as family_named

    family = family_named(flags.family)
    if not family.trainer:
        raise UserError(f"{family.name} cannot be trained here: it is a published checkpoint.")
    if flags.expert is not None:
        check_expert(family, flags.expert)
    if flags.seed < 0:
        raise UserError(f"--seed is {flags.seed}; it should be 0 or more.")
    began = time.perf_counter()
    files = named(family.trainer)(
        family, expert=flags.expert, preset=flags.preset, seed=flags.seed, resume=flags.resume
    )
    for name, path in files.items():
        print(f"{name}  {path}")
    write_json(
        flags.json,
        {
            "family": family.name,
            "expert": flags.expert,
            "preset": flags.preset,
            "seed": flags.seed,
            "seconds": round(time.perf_counter() - began, 3),
            "files": {name: str(path) for name, path in files.items()},
        },
    )
