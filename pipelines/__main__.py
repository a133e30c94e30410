"""`python -m pipelines COMMAND`: everything that can be done without the page."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from pipelines.commands import bench, evaluate, import_igtr, learn, list, merge, pack, run, train
from pipelines.merging.errors import MergeError
from pipelines.shared.errors import UserError

COMMANDS = (list, run, evaluate, train, learn, merge, pack, import_igtr, bench)
INTERRUPTED = 130
NO_READER = 141  # as the shell counts a program that a closed pipe has ended


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message} (--help says more)\n")


def build_parser() -> Parser:
    """All commands; nothing heavy is imported for it."""
    parser = Parser(prog="python -m pipelines", description="Mix task experts and run, score, train or store the mix.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; `arguments` None reads the command line.

    Returns:
        exit code: 0, or 1 with one line on stderr when an input, a recipe or a file is not right; 130 when
        interrupted, 141 when nobody reads the output any more.

    Raises:
        SystemExit: 2 on unknown arguments, 0 after `--help`.
    """
    flags = build_parser().parse_args(arguments)
    try:
        flags.command(flags)
        sys.stdout.flush()
    except BrokenPipeError:
        return _unheard()
    except (UserError, MergeError) as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.strerror}: {error.filename}" if error.filename else str(error))
    except KeyboardInterrupt:
        return _fail("interrupted", INTERRUPTED)
    return 0


def _unheard() -> int:
    """Whoever read the output has enough (`| head`): no complaint, here or when Python flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return NO_READER


def _fail(message: str, code: int = 1) -> int:
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
