"""Model Stock: how far from the base towards the mean, read off the angles between the experts (arXiv:2403.19522)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.method import MergeMethod, Setting
from pipelines.merging.shares import cosines, grams, share_writer

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, TileWriter


def model_stock(mixture: Mixture, *, along: str) -> TileWriter:
    """base + factor * t * mean of the raised experts' vectors; fader heights do not count, their signs do.

    Meant for several runs of one task. Vectors of different tasks stand at right angles, and then it gives the base.
    """
    return share_writer(mixture, stock_shares, along=along)


def stock_shares(products: Tensor, sizes: Tensor, key: str) -> Tensor:
    """t / K for each of K members, (groups, K)."""
    count = len(sizes)
    return (ratio(products)[:, None] / count).expand(-1, count)


def ratio(products: Tensor) -> Tensor:
    """t of each group, 0 (base) to 1 (mean): K c / (1 + (K - 1) c), c the mean cosine of pairs, at least 0."""
    import torch

    count = products.shape[1]
    if count == 1:
        return torch.ones(len(products), dtype=torch.float64)
    above = torch.ones(count, count, dtype=torch.bool).triu(1)
    mean_cosine = cosines(products)[:, above].mean(1).clamp(0.0, 1.0)
    return count * mean_cosine / (1.0 + (count - 1) * mean_cosine)


def stock_ratios(mixture: Mixture) -> dict[str, float]:
    """t of every tensor that somebody raised moves, key -> 0 to 1, for the desk to show."""
    return {
        slot.key: float(ratio(grams(slot, tile, "tensor", "vectors"))[0])
        for slot, tile in mixture.slots()
        if tile.parts
    }


MODEL_STOCK = MergeMethod(
    name="model_stock",
    title="Model Stock",
    group="averages",
    paper="arXiv:2403.19522",
    formula="θ = θ0 + α t mean(τ),  t = K c / (1 + (K-1) c),  c the mean cosine of pairs",
    settings=(
        Setting(
            "along",
            "Ratio of each",
            "tensor",
            "What has a ratio of its own; near 0 gives the base",
            choices=("tensor", "row"),
        ),
    ),
    combine=model_stock,
    min_experts=2,
    cost="one pass for K² inner products, then one pass for each move",
    piecewise_when=(),
)
