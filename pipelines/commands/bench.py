"""`bench NAME`: one of the benchmarks in benchmarks/."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from pipelines.shared.errors import UserError

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def add(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser("bench", help="run a benchmark")
    parser.add_argument("name", metavar="NAME", help="NAME of benchmarks/bench_NAME.py")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers as JSON")
    parser.set_defaults(command=run)


def run(flags: argparse.Namespace) -> None:
    """Run the benchmark's main, which prints its own table."""
    files = benchmarks()
    if flags.name not in files:
        raise UserError(f"No benchmark {flags.name!r}; known are {', '.join(files) or 'none'}.")
    if flags.json is not None:
        flags.json.parent.mkdir(parents=True, exist_ok=True)
    _loaded(files[flags.name]).main(flags.json)


def benchmarks() -> dict[str, Path]:
    """Name -> file of every benchmark."""
    return {path.stem.removeprefix("bench_"): path for path in sorted(BENCHMARKS.glob("bench_*.py"))}


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their own module up
    spec.loader.exec_module(module)
    return module
