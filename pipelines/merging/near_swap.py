"""Near-swap: go from one expert to another, but no weight farther than a limit; weights that are near are swapped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.method import MergeMethod, Setting

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Tile, TileWriter


def near_swap(mixture: Mixture, *, limit: float) -> TileWriter:
    """base + factor * (v1 + (v2 - v1) clipped to ± limit), v the weighted vectors; one raised fader gives its expert.

    The published weight is clamp(limit / |a - b|, 0, 1) towards b: times b - a, that is b - a clipped.
    """

    def write(tile: Tile, live: Tensor) -> None:
        import torch

        first = tile.parts[0].vector * tile.parts[0].coefficient
        if len(tile.parts) == 2:
            second = tile.parts[1]
            first += (second.vector * second.coefficient).sub_(first).clamp_(-limit, limit)
        torch.add(tile.base, first, alpha=tile.factor, out=live)

    return write


NEAR_SWAP = MergeMethod(
    name="near_swap",
    title="Near-swap",
    group="averages",
    paper="arXiv:2403.13257",
    formula="θ = θ0 + α (τ_1 + clip(τ_2 - τ_1, ±limit))",
    settings=(
        Setting("limit", "Limit", 0.001, "The farthest a weight may go from the first expert", 0.0, 0.1, 0.0005),
    ),
    combine=near_swap,
    max_experts=2,
    is_symmetric=False,  # it goes from the first expert
    is_scale_free=False,  # the limit is in units of weights
    cost="one pass",
    piecewise_when=(),
)
