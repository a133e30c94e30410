"""Multi-SLERP: the mean of several directions on the sphere, in one step from their straight mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.merging.errors import MergeError
from pipelines.merging.method import MergeMethod
from pipelines.merging.shares import SPACE, cosines, share_writer

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, TileWriter

LEAST_MEAN = 1e-8  # length of the mean of unit vectors below which it has no direction
LEAST_SINE = 1e-9


def multislerp(mixture: Mixture, *, space: str) -> TileWriter:
    """base + factor * mean length * the direction that one step of `mean_direction` gives.

    Differs from the first published code, whose tangent vectors lack the factor angle / sine: there the step is 0.
    """
    return share_writer(mixture, lambda products, sizes, key: sphere_shares(products[0], sizes, key, 1), space=space)


def sphere_shares(products: Tensor, sizes: Tensor, key: str, steps: int, tolerance: float = 0.0) -> Tensor:
    """Shares of the members in the spherical mean of one tensor, (1, K).

    Args:
        products: Gram matrix, (K, K) float64. sizes: weights, relative, (K,).
        steps, tolerance: of `mean_direction`.

    Raises:
        MergeError: directions cancel. A member that is zero has no direction and only shortens the mean.
    """
    import torch

    norms = products.diagonal().sqrt()
    heard = norms > 0
    shares = torch.zeros(1, len(sizes), dtype=torch.float64)
    if not bool(heard.any()):
        return shares
    weights = sizes / sizes.sum()
    found = mean_direction(cosines(products[None])[0][heard][:, heard], weights[heard], key, steps, tolerance)
    shares[0, heard] = float(weights @ norms) * found / norms[heard]
    return shares


def mean_direction(unit_products: Tensor, weights: Tensor, key: str, steps: int, tolerance: float) -> Tensor:
    """Coefficients over unit vectors of their weighted mean on the sphere, (K,); only inner products are needed.

    From the straight mean, each step adds up the members in the tangent plane and follows the sum along the sphere.
    """
    weights = weights / weights.sum()
    length = _length(unit_products, weights)
    if length < LEAST_MEAN:
        raise MergeError(f"{key}: directions of the experts cancel, their mean has none: change one of the faders")
    mean = weights / length
    for _ in range(steps):
        tangent = tangent_sum(unit_products, weights, mean)
        length = _length(unit_products, tangent)
        if length <= max(tolerance, LEAST_SINE):
            break
        mean = _follow(mean, tangent, length)
        mean = mean / _length(unit_products, mean)
    return mean


def tangent_sum(unit_products: Tensor, weights: Tensor, mean: Tensor) -> Tensor:
    """Weighted sum of the logarithms at `mean`: angle / sine * (member - cosine * mean), as coefficients, (K,)."""
    import torch

    cosine = (unit_products @ mean).clamp(-1.0, 1.0)
    angle, sine = cosine.acos(), (1.0 - cosine**2).sqrt()
    stretched = weights * torch.where(sine > LEAST_SINE, angle / sine.clamp(min=LEAST_SINE), 1.0)
    return stretched - (stretched @ cosine) * mean


def _follow(mean: Tensor, tangent: Tensor, length: float) -> Tensor:
    import math

    return math.cos(length) * mean + math.sin(length) / length * tangent


def _length(unit_products: Tensor, coefficients: Tensor) -> float:
    return float((coefficients @ unit_products @ coefficients).clamp(min=0.0).sqrt())


MULTISLERP = MergeMethod(
    name="multislerp",
    title="Multi-SLERP",
    group="averages",
    paper="arXiv:2403.13257",
    formula="θ = θ0 + α Σ w_t |τ_t| · exp_m(Σ w_t log_m(τ_t / |τ_t|)),  m the straight mean",
    settings=(SPACE,),
    combine=multislerp,
    cost="one pass for K² inner products, then one pass for each move",
    piecewise_when=(),
)
