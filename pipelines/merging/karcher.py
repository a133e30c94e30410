"""Karcher mean: the direction from which the squared angles to all experts are least (Karcher 1977)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.method import MergeMethod
from pipelines.merging.multislerp import sphere_shares
from pipelines.merging.shares import SPACE, share_writer

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, TileWriter

STEPS = 10
TOLERANCE = 1e-5  # radians


def karcher(mixture: Mixture, *, space: str) -> TileWriter:
    """base + factor * mean length * the Karcher mean of the directions, tensor by tensor."""

    def solve(products: Tensor, sizes: Tensor, key: str) -> Tensor:
        return sphere_shares(products[0], sizes, key, STEPS, TOLERANCE)

    return share_writer(mixture, solve, space=space)


KARCHER = MergeMethod(
    name="karcher",
    title="Karcher mean",
    group="averages",
    paper="doi:10.1002/cpa.3160300502",
    formula="θ = θ0 + α Σ w_t |τ_t| · argmin_m Σ w_t ∠(m, τ_t)²",
    settings=(SPACE,),
    combine=karcher,
    cost="one pass for K² inner products, then one pass for each move",
    piecewise_when=(),
)
