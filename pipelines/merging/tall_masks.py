"""TALL-masks: one merged vector, and for each task a mask that finds its own part in it (arXiv:2405.07813)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.masks import VECTOR, count_votes, masked_writer
from pipelines.merging.recipe import MergeMethod

if TYPE_CHECKING:
    from pipelines.merging.mixture import Mixture, TileWriter


def tall_masks(mixture: Mixture, *, vector: str) -> TileWriter:
    """base + factor * (mask ∘ merged vector): the mask of one task, or of any selected task ("union").

    With lambda towards 0 this is task arithmetic, not the expert; the expert is approached in between.
    """
    needed = 0 if mixture.masks.mode == "off" else 1
    return masked_writer(mixture, vector, lambda tile, merged: count_votes(mixture, tile, merged).ge_(needed))


TALL_MASKS = MergeMethod(
    name="tall_masks",
    title="TALL-masks",
    group="masks",
    paper="arXiv:2405.07813",
    formula="θ = θ0 + α m_t ∘ τ,  m_t = |τ_t| > λ_t |τ - τ_t|",
    settings=(VECTOR,),
    combine=tall_masks,
    masks=("task", "union", "off"),
)
