"""`run`: a pipeline on files, with the same result and the same recipe inside as on the page."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines.commands.common import add_device, named, open_cache, read_recipe
from pipelines.shared.errors import UserError

RUNNERS = {"fusion": "pipelines.fusion.command:run"}  # pipeline -> run(cache, inputs, out, document, settings)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.add_argument("pipeline", metavar="PIPELINE", choices=tuple(RUNNERS), help=f"one of: {', '.join(RUNNERS)}")
    parser.add_argument("inputs", metavar="INPUT", nargs="+", type=Path, help="pictures, in the order of the slots")
    parser.add_argument("--recipe", type=Path, help="YAML or JSON file, or a picture with a recipe inside")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="an option, such as task=mef")
    parser.add_argument("--task", help="short for --set task=TASK")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results; made if missing")
    add_device(parser)


def run(flags: argparse.Namespace) -> None:
    """Write the results into the folder and print their paths."""
    settings = parse_settings([*flags.set, *([f"task={flags.task}"] if flags.task else [])])
    for path in flags.inputs:
        if not path.is_file():
            raise UserError(f"No input file {path}.")
    document = None if flags.recipe is None else read_recipe(flags.recipe)
    if document is not None and document.pipeline != flags.pipeline:
        raise UserError(
            f"{flags.recipe} is a recipe of {document.pipeline}; the pipeline asked for is {flags.pipeline}."
        )
    flags.out.mkdir(parents=True, exist_ok=True)
    with open_cache(flags.device) as cache:
        for path in named(RUNNERS[flags.pipeline])(cache, flags.inputs, flags.out, document, settings):
            print(path)


def parse_settings(pairs: list[str]) -> dict[str, object]:
    """NAME=VALUE texts as a mapping; a value that reads as YAML (0.5, true, [1, 2]) is that, else a text."""
    import yaml

    settings: dict[str, object] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise UserError(f"--set {pair!r}: expected NAME=VALUE, such as task=mef.")
        try:
            settings[name] = yaml.safe_load(text)
        except yaml.YAMLError:
            settings[name] = text
    return settings
