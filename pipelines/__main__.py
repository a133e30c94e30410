"""`python -m pipelines COMMAND`: everything the page does, without the page. Heavy imports wait for the command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

COMMANDS = {
    "list": "families, experts, licences, and where the weights are",
    "run": "run a pipeline on files",
    "evaluate": "score a family, a mix of it or one expert beside the classical methods",
    "train": "train a family's base, or experts from it",
    "merge": "write a merged checkpoint, of a family or of any local safetensors files",
    "bench": "time one part of the program beside its peers",
}


def build_parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """The parser; arguments of a command are read from its module only when it is the chosen one."""
    parser = argparse.ArgumentParser(prog="python -m pipelines", description="Mixdeck on the command line.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == chosen:
            import_module(f"pipelines.commands.{name}").add_arguments(command)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        exit status: 0 done, 1 something a person can put right (one line on stderr), 130 interrupted.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    chosen = next((word for word in arguments if word in COMMANDS), None)
    flags = build_parser(chosen).parse_args(arguments)
    from pipelines.merging.recipe import MergeError
    from pipelines.shared.errors import UserError

    try:
        import_module(f"pipelines.commands.{flags.command}").run(flags)
    except (UserError, MergeError) as error:
        sys.stderr.write(f"{flags.command}: {' '.join(str(error).split())}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(f"{flags.command}: interrupted\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
