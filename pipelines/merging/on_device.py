"""A family on an accelerator: the same flat layout, base and task vectors resident, merged there by tensor operations.

Tiles are as long as the buffers: what a processor's cache wants short, launches want long. Masks, thresholds and
elections are the processor's; sums agree to rounding, for an accelerator may fuse a multiplication and an addition.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from pipelines.merging.arena import Arena, Expert
from pipelines.merging.halves import Halves
from pipelines.merging.mixture import no_engine

if TYPE_CHECKING:
    from pipelines.merging.halves import Stored


def moved(arena: Arena, device: str) -> Arena:
    """The family with all its memory on `device`, "cuda" or "cuda:1"; nothing of it is shared with `arena`."""
    return Arena(
        arena.layout,
        arena.base.to(device),
        {task: _moved(expert, device) for task, expert in arena.experts.items()},
        {key: tensor.to(device) for key, tensor in arena.others.items()},
        arena.key_classes,
        arena.tied,
        arena.block_names,
        arena.notices,
        tile_size=arena.layout.length,
        engine=no_engine,
    )


def can_merge(device: str) -> bool:
    """Whether merges run there: on CUDA; float64, which sums of whole vectors are in, is missing on MPS."""
    return torch.device(device).type not in ("cpu", "mps")


def _moved(expert: Expert, device: str) -> Expert:
    return Expert(_placed(expert.stored, device), expert.index.to(device), expert.values.to(device))


def _placed(stored: Stored, device: str) -> Stored:
    return replace(stored, values=stored.values.to(device)) if isinstance(stored, Halves) else stored.to(device)
