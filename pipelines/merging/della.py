"""DELLA: drop at random, but rather the small entries of each row than the large ones (arXiv:2406.11617)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from pipelines.merging.dare import WORD, draws
from pipelines.merging.method import MergeMethod, Setting
from pipelines.merging.sparsify import COMBINE, SEED, sparse_writer

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Part, Tile, TileWriter

    KeepOf = Callable[[str], Tensor]

STEPS = 255  # ranks are kept in a byte: probabilities are right to epsilon / 255


def della(mixture: Mixture, *, density: float, epsilon: float, rescale: str, combine: str, seed: float) -> TileWriter:
    """base + factor * the sum, or the election, of vectors thinned by rank.

    Args:
        density: mean probability with which an entry is kept.
        epsilon: half the difference between a row's largest and smallest entry; less near density 0 and 1.
        rescale: "inverse" divides what is kept by its own probability (unbiased), "none" leaves it.
        combine, seed: as in DARE; the draw is nested in density.

    Differs: ranks in 256 steps. A tensor of one axis is one row.
    """
    planes, table = {task: ranks(mixture, task) for task in mixture.raised}, cache(keep_probabilities)

    def kept(task: str) -> KeepOf:
        return lambda key: table(mixture.density(task, key, density), epsilon)

    def thinned(tile: Tile) -> list[Tensor]:
        return [
            thin(mixture, tile, part, planes[part.task], kept(part.task), rescale, int(seed)) for part in tile.parts
        ]

    return sparse_writer(mixture, thinned, combine)


def keep_probabilities(density: float, epsilon: float) -> Tensor:
    """Probability for every step of rank, smallest entry first, (STEPS + 1,) float64."""
    import torch

    half = min(epsilon, density, 1.0 - density)
    return torch.linspace(density - half, density + half, STEPS + 1, dtype=torch.float64)


def thin(mixture: Mixture, tile: Tile, part: Part, plane: Tensor, keep_of: KeepOf, rescale: str, seed: int) -> Tensor:
    """Coefficient * vector of one expert, (tile,), 0 where it was dropped, the rest made up for it.

    Args:
        keep_of: key of a tensor -> its `keep_probabilities`.
    """
    mixture.note(plane[tile.start : tile.stop])
    thinned = part.vector * part.coefficient
    for slot, where in mixture.slots_in(tile):
        rank, keep = plane[tile.start + where.start : tile.start + where.stop].long(), keep_of(slot.key)
        if rescale == "inverse":
            thinned[where] *= keep.clamp(min=1e-12).reciprocal().float()[rank]
        first = tile.start + where.start - slot.start
        drawn = draws(seed, part.task, slot.key, first, where.stop - where.start)
        thinned[where].masked_fill_(drawn >= (keep * (WORD + 1)).round().long()[rank], 0.0)
    return thinned


def ranks(mixture: Mixture, task: str) -> Tensor:
    """Rank of each entry by size inside its row, 0 to STEPS, (length,) uint8; kept in `store`."""
    import torch

    plane = mixture.store.get(("ranks", task))
    if plane is None:
        vector, plane = mixture.vectors[task], torch.zeros(mixture.layout.length, dtype=torch.uint8)
        for slot in mixture.layout.slots:
            own = vector[slot.start : slot.stop]
            rows = own.view(slot.shape[0], -1) if len(slot.shape) > 1 else own.view(1, -1)
            plane[slot.start : slot.stop] = row_ranks(rows).view(-1)
        mixture.note(mixture.stored[task], mixture.store.put(("ranks", task), plane))
    return plane


def row_ranks(rows: Tensor) -> Tensor:
    """Ranks of absolute values in each row, rounded to 0 to STEPS, (rows, width) uint8; ties go by place."""
    import torch

    width = rows.shape[1]
    order = rows.abs().argsort(dim=1, stable=True)
    steps = torch.arange(width) * STEPS
    steps = (steps + (width - 1) // 2) // (width - 1) if width > 1 else torch.tensor([STEPS // 2])
    plane = torch.empty(rows.shape, dtype=torch.uint8)
    return plane.scatter_(1, order, steps.to(torch.uint8).expand_as(order))


DELLA = MergeMethod(
    name="della",
    title="DELLA",
    group="elect",
    paper="arXiv:2406.11617",
    formula="θ = θ0 + α Σ w_t b_t ∘ τ_t / p_t,  p_t rises with rank from p - ε to p + ε",
    settings=(
        Setting("density", "Density p", 0.5, "Mean probability with which an entry is kept", 0.01),
        Setting("epsilon", "Spread ε", 0.15, "How much rather the large entries of a row are kept", 0.0, 0.5),
        Setting("rescale", "Rescale", "inverse", "What makes up for the dropped", choices=("inverse", "none")),
        COMBINE,
        SEED,
    ),
    combine=della,
    default_scale=0.3,
    cost="rows sorted once, then one pass over all vectors and a byte for each entry",
    has_densities=True,
    piecewise_when=(),
)
