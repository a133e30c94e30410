"""`bench`: one benchmark of the benchmarks folder, by name."""

from __future__ import annotations

import argparse
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from pipelines.shared.errors import UserError

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.add_argument("name", metavar="NAME", help=f"one of: {', '.join(names()) or 'none here'}")
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")


def names() -> list[str]:
    """Benchmarks there are: bench_NAME.py."""
    return sorted(path.stem.removeprefix("bench_") for path in FOLDER.glob("bench_*.py"))


def run(flags: argparse.Namespace) -> None:
    """Run it; it prints its own table."""
    if flags.name not in names():
        raise UserError(f"No benchmark {flags.name!r}; there are {', '.join(names()) or 'none'}.")
    if flags.json is not None:
        flags.json.parent.mkdir(parents=True, exist_ok=True)
    _loaded(FOLDER / f"bench_{flags.name}.py").main(flags.json)


def _loaded(path: Path) -> ModuleType:
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
