"""`list`: families, their experts, licences, and where the weights are."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.shared.family import ModelFamily, ModelSpec

HEAD = ("checkpoint", "licence", "weights", "size", "trained for")


def add(commands: Any) -> None:
    """Register the command."""
    parser = commands.add_parser("list", help="families, experts, licences, where the weights are")
    parser.set_defaults(command=run)


def run(flags: argparse.Namespace) -> None:
    """Print one table per family."""
    from pipelines.registry import FAMILIES

    print("\n\n".join(describe(family) for family in FAMILIES))


def describe(family: ModelFamily) -> str:
    """A family as a heading and a row per checkpoint."""
    from pipelines.commands.reports import table

    heading = f"{family.name} ({family.pipeline}, {family.tier}): {family.paper}"
    return heading + "\n" + table([HEAD, *_rows(family)])


def _rows(family: ModelFamily) -> Iterator[tuple[str, ...]]:
    for spec in (family.base, *family.experts.values()):
        yield spec.name, spec.license, spec.source, _size(spec), spec.task


def _size(spec: ModelSpec) -> str:
    """Size of the weight files, or that they are not there."""
    from pipelines.commands.loading import ASSETS
    from pipelines.shared.presence import bytes_here

    size_bytes = bytes_here(spec, ASSETS)
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes else "missing"
