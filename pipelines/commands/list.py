"""`list`: families, experts, licences, and where the weights are."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipelines.commands.common import ASSETS
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily, ModelSpec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of the command."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(flags: argparse.Namespace) -> None:
    """Print the families."""
    from pipelines.registry import FAMILIES

    rows = [describe(family, ASSETS) for family in FAMILIES]
    print(json.dumps(rows, indent=1) if flags.json else "\n\n".join(as_text(row) for row in rows))


def describe(family: ModelFamily, assets: Path) -> dict[str, Any]:
    """One family as plain values."""
    return {
        "family": family.name,
        "pipeline": family.pipeline,
        "tier": family.tier,
        "paper": family.paper,
        "base": describe_spec(family.base, assets),
        "experts": {task: describe_spec(spec, assets) for task, spec in family.experts.items()},
    }


def describe_spec(spec: ModelSpec, assets: Path) -> dict[str, Any]:
    """One checkpoint; `size_bytes` is None where its weights are not on this machine."""
    return {
        "name": spec.name,
        "task": spec.task,
        "license": spec.license,
        "source": spec.source,
        "size_bytes": size_bytes(spec, assets),
    }


def size_bytes(spec: ModelSpec, assets: Path) -> int | None:
    """Bytes on disk, None where there are none."""
    from pipelines.shared.weights import locate

    try:
        return sum(path.stat().st_size for path in locate(spec, assets))
    except UserError:
        return None


def as_text(row: dict[str, Any]) -> str:
    """A heading and a line per checkpoint."""
    lines = [f"{row['family']}  ({row['pipeline']}, {row['tier']})  {row['paper']}"]
    checkpoints: Iterable[tuple[str, dict[str, Any]]] = [("base", row["base"]), *row["experts"].items()]
    for title, spec in checkpoints:
        lines.append(f"  {title:<12}{_size(spec['size_bytes']):>10}  {spec['license']:<12}{spec['source']}")
        if spec["task"]:
            lines.append(f"  {'':<12}{'':>10}  {spec['task']}")
    return "\n".join(lines)


def _size(count: int | None) -> str:
    if count is None:
        return "missing"
    return f"{count / 1e6:.2f} MB" if count < 1e9 else f"{count / 1e9:.2f} GB"
