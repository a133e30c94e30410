"""TALL-masks and Consensus: one merged vector, kept where one task, or enough of them, use it (arXiv:2405.07813)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.masks import VECTOR, merged_vector
from pipelines.merging.method import MergeMethod
from pipelines.merging.task_arithmetic import adder
from pipelines.merging.votes import voted_writer

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Tile, TileWriter


def keep_used(mixture: Mixture, *, vector: str) -> TileWriter:
    """base + factor * merged vector where enough of the selected tasks use it.

    One of them is enough for the mask of a task and for the union. With lambda towards 0 that is task arithmetic, not
    the expert; the expert is approached in between. Consensus asks for k: 0 is the plain merge, 1 drops catastrophic
    weights (used by no task), 2 the selfish ones (used by one) too.
    """
    needed = {"off": 0, "consensus": mixture.masks.votes}.get(mixture.masks.mode, 1)
    if needed:
        return voted_writer(mixture, vector, needed)
    return adder(mixture) if vector == "sum" else unmasked_writer(mixture, vector)


def unmasked_writer(mixture: Mixture, vector: str) -> TileWriter:
    """base + factor * merged vector."""
    merged_of = merged_vector(mixture, vector)

    def write(tile: Tile, live: Tensor) -> None:
        import torch

        torch.add(tile.base, merged_of(tile), alpha=tile.factor, out=live)

    return write


TALL_MASKS = MergeMethod(
    name="tall_masks",
    title="TALL-masks",
    group="masks",
    paper="arXiv:2405.07813",
    formula="θ = θ0 + α m_t ∘ τ,  m_t = |τ_t| > λ_t |τ - τ_t|",
    settings=(VECTOR,),
    combine=keep_used,
    masks=("task", "union", "off"),
)
CONSENSUS = MergeMethod(
    name="consensus",
    title="Consensus",
    group="masks",
    paper="arXiv:2405.07813",
    formula="θ = θ0 + α 1{Σ m_t ≥ k} ∘ τ",
    settings=(VECTOR,),
    combine=keep_used,
    masks=("consensus", "off"),
    default_scale=0.4,
)
