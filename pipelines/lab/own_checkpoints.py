"""A person's own checkpoints as a family without a network: what can be told from weights alone.

Files of one folder: one named base (or the first by name), the others experts. Only safetensors are opened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.merging.arena import Arena

MOST_EXPERTS = 20
MOST_BYTES = 4 << 30


@dataclass(frozen=True)
class OwnFamily:
    """What was brought: a name for the page, the arena, and what a reader should know of it."""

    name: str
    arena: Arena
    notices: tuple[str, ...]


def own_family(paths: Sequence[Path]) -> OwnFamily:
    """Read a base and its experts.

    Raises:
        UserError: not safetensors, no base to be told, too many or too large. MergeError: not one network.
    """
    from pipelines.merging.arena import Arena
    from pipelines.shared.family import ModelSpec
    from pipelines.shared.weights import read_weights

    base, experts = base_and_experts(paths)
    _check_size([base, *experts])
    read = {
        path.stem: read_weights(ModelSpec(path.stem, f"folder:{path}", None, ""), path.parent)
        for path in (base, *experts)
    }
    weights = read.pop(base.stem)
    weights = {key: weights[key] for key in sorted(weights)}
    arena = Arena.from_checkpoints(weights, {name: {key: own[key] for key in own} for name, own in read.items()})
    return OwnFamily(f"own: {digest_of(paths)[:6]}", arena, (*arena.notices, *far_from_base(arena)))


def base_and_experts(paths: Sequence[Path]) -> tuple[Path, list[Path]]:
    """Which file is the base: the one whose name says so; the others, sorted.

    Raises:
        UserError: none or several do, another format, or no expert.
    """
    if odd := [path.name for path in paths if path.suffix != ".safetensors" and not path.name.startswith(".")]:
        raise UserError(f"{odd[0]} is not safetensors. Other formats can hide programs and are not opened.",
                        "Format not accepted")  # fmt: skip
    files = sorted(path for path in paths if path.suffix == ".safetensors")
    named = [path for path in files if path.stem.lower().startswith(("base", "pretrained", "zeroshot"))]
    if len(named) != 1 or len(files) < 2:
        raise UserError(
            "Give one file whose name begins with `base` and one file for each expert, all .safetensors; came "
            f"{', '.join(path.name for path in files) or 'none'}.", "Which is the base?",
        )  # fmt: skip
    experts = [path for path in files if path != named[0]]
    if len(experts) > MOST_EXPERTS:
        raise UserError(f"At most {MOST_EXPERTS} experts are read; came {len(experts)}.", "Too many files")
    return named[0], experts


def digest_of(paths: Sequence[Path]) -> str:
    """A hash of names and sizes: tells one folder from another on the page."""
    lines = sorted(f"{path.name} {path.stat().st_size}" for path in paths)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def far_from_base(arena: Arena) -> tuple[str, ...]:
    """A line for each expert that hardly comes from this base: its vector is more than half as long."""
    norms = arena.diagnostics().relative_norms
    return tuple(
        f'"{task}" is {norm:.2f} times the base away from it: another base?'
        for task, norm in norms.items()
        if norm > 0.5
    )


def _check_size(paths: Sequence[Path]) -> None:
    total = sum(path.stat().st_size for path in paths)
    if total > MOST_BYTES:
        raise UserError(
            f"These files have {total / 1e9:.1f} GB, the page reads {MOST_BYTES / 1e9:.1f} GB; "
            "`python -m pipelines merge` takes larger ones piece by piece.", "Too large",
        )  # fmt: skip
