"""Families as real files, to be weighed: experts whole, as lossless differences, or one vector and a mask per task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pipelines.merging.arena import Arena
from pipelines.shared.delta_store import write_delta
from pipelines.shared.tall_archive import build_archive, tall_recipe, write_archive

if TYPE_CHECKING:
    from pipelines.shared.tall_archive import Sizes

COUNTS = (2, 4, 8)
BITS = 16


@dataclass(frozen=True)
class StorageRow:
    """Bytes of real files for `tasks` experts: base and experts; base and differences; the two forms of the archive.

    `formula` is what (2 d + T) P bits say of the archive with masks as plain bits, `planes` that archive.
    """

    tasks: int
    experts: int
    deltas: int
    planes: Sizes
    coded: Sizes

    @property
    def formula(self) -> float:
        return self.planes.formula

    @property
    def off_formula(self) -> float:
        """Size of the archive over the formula's, less 1."""
        return self.planes.total / self.formula - 1

    @property
    def smallest(self) -> str:
        """What to keep: lossless differences where they are no larger than the lossy archive."""
        sizes = {"differences": self.deltas, "masks coded": self.coded.total, "vector and masks": self.planes.total}
        return min(sizes, key=lambda form: sizes[form])


def storage_rows(arena: Arena, tasks: Sequence[str], counts: Sequence[int] = COUNTS) -> Iterator[StorageRow]:
    """A row for each number of tasks that there are, from files in a folder that is gone afterwards."""
    return (step for step in storage_steps(arena, tasks, counts) if isinstance(step, StorageRow))


def storage_steps(arena: Arena, tasks: Sequence[str], counts: Sequence[int] = COUNTS) -> Iterator[str | StorageRow]:
    """The same rows, and before each the forms that were written for it, `step_count` steps a row."""
    for count in counts:
        if count <= len(tasks):
            with TemporaryDirectory() as folder:
                yield from weigh(arena, tasks[:count], Path(folder))


def step_count(tasks: int) -> int:
    """Steps of one row: both archives, the collection, a difference for each task and the row."""
    return tasks + 4


def weigh(arena: Arena, tasks: Sequence[str], folder: Path) -> Iterator[str | StorageRow]:
    """Write every form into a folder, tell each when it is there, and give the bytes."""
    archive = build_archive(arena, tall_recipe(tasks))
    planes = write_archive(archive, folder / "planes.safetensors", "planes")
    yield "vector and masks"
    coded = write_archive(archive, folder / "coded.safetensors", "coded")
    yield "masks coded"
    experts = write_collection(arena, tasks, folder)
    yield "base and experts"
    base = halves(arena, arena.base)
    deltas = _write(base, folder / "base.safetensors")
    for task in tasks:
        deltas += write_delta(base, halves(arena, expert_of(arena, task)), folder / f"{task}.delta.safetensors")
        yield f"difference of {task}"
    yield StorageRow(len(tasks), experts, deltas, planes, coded)


def write_collection(arena: Arena, tasks: Sequence[str], folder: Path) -> int:
    """Base and experts, fp16 safetensors each; the experts without the weights that nobody moved. Returns bytes."""
    whole = {"base": halves(arena, arena.base)}
    for task in tasks:
        views = halves(arena, expert_of(arena, task))
        whole[task] = {key: views[key] for key, kind in arena.key_classes.items() if kind == "MERGE"}
    return sum(_write(tensors, folder / f"{name}.safetensors") for name, tensors in whole.items())


def expert_of(arena: Arena, task: str) -> Tensor:
    """The flat weights of one expert, to the bit."""
    live = torch.empty_like(arena.base)
    arena.experts[task].restore(arena.base, live)
    return live


def halves(arena: Arena, flat: Tensor) -> dict[str, Tensor]:
    """A state dict with floats in fp16, nothing shared."""
    return {
        key: value.half() if value.is_floating_point() else value.clone() for key, value in arena.views(flat).items()
    }


def _write(tensors: dict[str, Any], path: Path) -> int:
    from safetensors.torch import save_file

    save_file({key: value.contiguous() for key, value in tensors.items()}, path)
    return path.stat().st_size
