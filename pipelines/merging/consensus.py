"""Consensus merging: keep what at least k tasks use (Wang et al. 2024, arXiv:2405.07813)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.masks import VECTOR, count_votes, masked_writer
from pipelines.merging.recipe import MergeMethod

if TYPE_CHECKING:
    from pipelines.merging.mixture import Mixture, TileWriter


def consensus(mixture: Mixture, *, vector: str) -> TileWriter:
    """base + factor * merged vector where k or more TALL masks agree.

    k = 0 is the plain merge, 1 drops catastrophic weights (used by no task), 2 the selfish ones (used by one) too.
    """
    votes = 0 if mixture.masks.mode == "off" else mixture.masks.votes
    return masked_writer(mixture, vector, lambda tile, merged: count_votes(mixture, tile, merged).ge_(votes))


CONSENSUS = MergeMethod(
    name="consensus",
    title="Consensus",
    group="masks",
    paper="arXiv:2405.07813",
    formula="θ = θ0 + α 1{Σ m_t ≥ k} ∘ τ",
    settings=(VECTOR,),
    combine=consensus,
    masks=("consensus", "off"),
    default_scale=0.4,
)
