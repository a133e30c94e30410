"""Families as real files, to be weighed: base and experts, or base, one vector and a mask per task."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipelines.merging.arena import Arena
from pipelines.merging.masks import tall_mask
from pipelines.merging.mixture import Part
from pipelines.merging.recipe import DEFAULT_THRESHOLD


def write_collection(arena: Arena, tasks: Sequence[str], folder: Path) -> int:
    """Base and experts, fp16 safetensors each; the experts without the weights that nobody moved. Returns bytes."""
    whole = {"base": arena.views(arena.base)}
    for task in tasks:
        views = arena.views(arena.base + arena.experts[task].vector)
        whole[task] = {key: views[key] for key, kind in arena.key_classes.items() if kind == "MERGE"}
    return sum(_write(tensors, folder / f"{name}.safetensors") for name, tensors in whole.items())


def write_tall(arena: Arena, tasks: Sequence[str], folder: Path) -> int:
    """Base, sum of the task vectors and TALL masks (lambda 0.4, bits packed) in one safetensors file. Returns bytes.

    The sum is stored in fp16 after a power of two that keeps small entries out of fp16's subnormals.
    """
    vectors = {task: _packed(arena, arena.experts[task].vector) for task in tasks}
    total = torch.stack(list(vectors.values())).sum(0)
    masks = [tall_mask(Part(task, vector, 1.0), total, DEFAULT_THRESHOLD, "gt") for task, vector in vectors.items()]
    bits = np.packbits(torch.stack(masks).bool().numpy(), axis=1, bitorder="little")
    exponent = int(-torch.frexp(total.abs().max()).exponent) + 15
    extra = {"tall.vector": torch.ldexp(total, torch.tensor(exponent)), "tall.masks": torch.from_numpy(bits)}
    return _write(arena.views(arena.base) | extra, folder / "tall.safetensors", {"exponent": str(exponent)})


def _packed(arena: Arena, flat: Tensor) -> Tensor:
    """The merged weights of a flat buffer without the gaps between tensors."""
    return torch.cat([flat[slot.start : slot.stop] for slot in arena.layout.slots])


def _write(tensors: dict[str, Tensor], path: Path, about: dict[str, str] | None = None) -> int:
    from safetensors.torch import save_file

    halves = {key: value.half() if value.is_floating_point() else value for key, value in tensors.items()}
    save_file({key: value.clone().contiguous() for key, value in halves.items()}, path, metadata=about)
    return path.stat().st_size
