"""Numbers about a family and a recipe that the desk plots: mask densities, votes, norms and cosines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from pipelines.merging.mask_counts import counts_by_tensor, total
from pipelines.merging.mixture import Mixture
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.sums import dot


@dataclass(frozen=True)
class MaskReport:
    """Shares of the merged weights, 0 to 1.

    Attributes:
        density: task -> share that its mask keeps.
        union: kept by at least one mask.
        catastrophic, selfish: moved by the merge, but used by no task, by exactly one.
        inactive: where the merged vector is 0; masks are not counted there.
        histogram: entry n is the share used by n tasks, n = 0 to T, without the inactive; with `inactive` it sums to 1.
    """

    density: Mapping[str, float]
    union: float
    catastrophic: float
    selfish: float
    inactive: float
    histogram: tuple[float, ...]


@dataclass(frozen=True)
class Diagnostics:
    """How far the experts went, and in which directions.

    Attributes:
        base_norm: Euclidean norm of the base's merged weights.
        relative_norms: task -> |task vector| / |base|; above 0.5 the expert hardly comes from this base.
        cosines: (task, task) -> cosine of the angle between their vectors, for every pair, both ways and with itself.
    """

    base_norm: float
    relative_norms: Mapping[str, float]
    cosines: Mapping[tuple[str, str], float]


def mask_report(mixture: Mixture, recipe: MergeRecipe) -> MaskReport:
    """Count the masks of all heard tasks, whichever of them the recipe lays over the vector.

    Raises:
        MergeError: the method of the recipe lays no masks.
    """
    heard = tuple(task for task in mixture.vectors if recipe.coefficient(task) != 0)
    found = total(heard, (counts for _, counts in counts_by_tensor(mixture, recipe)))
    histogram = found.histogram() + (0.0,) * (len(mixture.vectors) - len(heard))
    return MaskReport(
        density=found.density(),
        union=sum(histogram[1:]),
        catastrophic=histogram[0],
        selfish=histogram[1],
        inactive=1.0 - found.active / max(found.weights, 1),
        histogram=histogram,
    )


def diagnostics(base: Tensor, vectors: Mapping[str, Tensor]) -> Diagnostics:
    """Norms and cosines of flat vectors, summed in float64."""
    products = {(one, other): dot(vectors[one], vectors[other]) for one in vectors for other in vectors if one <= other}
    norms = {task: products[task, task] ** 0.5 for task in vectors}
    base_norm = dot(base, base) ** 0.5
    return Diagnostics(
        base_norm=base_norm,
        relative_norms={task: norm / base_norm if base_norm else 0.0 for task, norm in norms.items()},
        cosines={(a, b): cosine(products[min(a, b), max(a, b)], norms[a] * norms[b]) for a in vectors for b in vectors},
    )


def cosine(product: float, norms: float) -> float:
    """Dot product over the product of norms; 0 where a vector is zero."""
    return product / norms if norms else 0.0
