"""Which checkpoints of a family are on this machine, how large they are, and how the others come here."""

from __future__ import annotations

from pathlib import Path

from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily, ModelSpec
from pipelines.shared.weights import locate


def bytes_here(spec: ModelSpec, assets: Path) -> int:
    """Size of its weight files; 0 where they are not on this machine. Nothing is fetched."""
    try:
        return sum(path.stat().st_size for path in locate(spec, assets))
    except UserError:
        return 0


def absent(family: ModelFamily, assets: Path) -> tuple[ModelSpec, ...]:
    """Checkpoints of a family that are not on this machine, the base first."""
    return tuple(spec for spec in (family.base, *family.experts.values()) if not bytes_here(spec, assets))


def fetch_command(spec: ModelSpec) -> str:
    """The command that brings a checkpoint to this machine; empty where none is known."""
    kind, _, rest = spec.source.partition(":")
    if kind == "hub":
        from pipelines.shared.hub import download_command

        return download_command(rest)
    return spec.fetch
