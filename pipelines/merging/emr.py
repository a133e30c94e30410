"""EMR: elect one vector for all, then mask and rescale it for a task, with nothing to tune (arXiv:2405.17461)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.masks import restore_base
from pipelines.merging.method import MergeMethod
from pipelines.merging.ties import merge_agreeing, signs, sum_of

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Part, Tile, TileWriter


def emr(mixture: Mixture) -> TileWriter:
    """base + factor * rescaler * (mask ∘ unified vector) of one task; the unified vector itself without a mask.

    The rescaler makes the mean size of the task's part equal to that of its own vector.
    """
    if mixture.masks.mode == "off":
        return write_unified
    scales = {task: rescaler(mixture, task) for task in mixture.selected}

    def write(tile: Tile, live: Tensor) -> None:
        live.copy_(tile.base)
        for part in tile.parts:
            if part.task in scales:
                write_task(tile, part, scales[part.task], live)

    return write


def write_unified(tile: Tile, live: Tensor) -> None:
    """Fill the tile with the base plus the unified vector, no mask over it."""
    import torch

    torch.add(tile.base, unified_vector(tile), alpha=tile.factor, out=live)


def write_task(tile: Tile, part: Part, scale: float, live: Tensor) -> None:
    """Fill the tile with one task's reconstruction: its mask and its rescaler (`scale`) on the unified vector."""
    import torch

    unified = unified_vector(tile)
    torch.add(tile.base, unified, alpha=tile.factor * scale, out=live)
    restore_base(emr_mask(part, unified), tile.base, live)


def unified_vector(tile: Tile) -> Tensor:
    """The elected sign times the largest entry of that sign, (tile,). Tied votes take +1."""
    vectors = [part.vector * part.coefficient for part in tile.parts]
    return merge_agreeing(vectors, signs(sum_of(vectors), tied=1.0), "max")


def emr_mask(part: Part, unified: Tensor) -> Tensor:
    """1.0 where the task moved the way the unified vector does, else 0.0. Of signs: products of entries underflow."""
    own = part.vector * part.coefficient
    return own.sign_().mul_(unified.sign()).gt_(0)


def rescaler(mixture: Mixture, task: str) -> float:
    """Sum of sizes of the task's weighted vector over that of its masked part of the unified vector."""
    from pipelines.merging.sums import absolute_sum

    own = masked = 0.0
    for _, tile in mixture.slots():
        for part in tile.parts:
            if part.task == task:
                mixture.note_parts(tile)
                unified = unified_vector(tile)
                own += absolute_sum(part.vector * part.coefficient)
                masked += absolute_sum(unified * emr_mask(part, unified))
    return own / masked if masked else 1.0


EMR = MergeMethod(
    name="emr",
    title="EMR",
    group="masks",
    paper="arXiv:2405.17461",
    formula="θ = θ0 + α s_t m_t ∘ τ_uni",
    settings=(),
    combine=emr,
    masks=("task", "off"),
    cost="one pass; two with a mask",
)
