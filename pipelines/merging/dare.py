"""DARE: drop entries of each task vector at random and rescale the rest (Yu et al. 2023, arXiv:2311.03099)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pipelines.merging.method import MergeMethod, Setting
from pipelines.merging.sparsify import COMBINE, SEED, sparse_writer

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Part, Tile, TileWriter

WORD = 0xFFFFFFFF


def dare(mixture: Mixture, *, density: float, rescale: str, combine: str, seed: float) -> TileWriter:
    """base + factor * the sum, or the TIES election, of randomly thinned vectors.

    Args:
        density: probability p with which an entry is kept. The draw is nested: a larger p only adds entries.
        rescale: "inverse" multiplies by 1/p (unbiased), "l1" keeps each vector's sum of sizes, "none" leaves it.
        combine: "linear" sums, "ties" elects signs and takes the mean of those that agree, "ties_sum" their sum,
            "ties_weighted" that over their coefficients.
        seed: whole number. Draws depend on seed, expert name, key and index inside the tensor, on nothing else.
    """
    gains = {task: gain(mixture, task, density, rescale, int(seed)) for task in mixture.raised}

    def thinned(tile: Tile) -> list[Tensor]:
        return [thin(mixture, tile, part, density, int(seed), gains[part.task]) for part in tile.parts]

    return sparse_writer(mixture, thinned, combine)


def thin(mixture: Mixture, tile: Tile, part: Part, density: float, seed: int, gain: float | None) -> Tensor:
    """gain (None: 1 / density) * coefficient * vector of one expert, (tile,), with 0 where it was dropped."""
    import torch

    thinned = torch.zeros_like(part.vector)
    for slot, where in mixture.slots_in(tile):
        own = mixture.density(part.task, slot.key, density)
        torch.mul(part.vector[where], part.coefficient * (1.0 / own if gain is None else gain), out=thinned[where])
        if own < 1:
            first = tile.start + where.start - slot.start
            keep = draws(seed, part.task, slot.key, first, where.stop - where.start) < own * (WORD + 1)
            thinned[where].masked_fill_(~keep, 0.0)
    return thinned


def draws(seed: int, task: str, key: str, first: int, count: int) -> Tensor:
    """Uniform whole numbers 0 to 2^32 - 1, (count,) int64, for entries first, first + 1, ... of one tensor.

    Counter based: each number is a mixing function of its own index, so any stretch can be drawn by itself.
    """
    import torch

    digest = hashlib.sha256(f"{seed}\0{task}\0{key}".encode()).digest()
    low, high = int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little")
    index = torch.arange(first, first + count, dtype=torch.int64)
    return scramble(scramble((index & WORD) ^ low) + high + (index >> 32) & WORD)


def scramble(word: Tensor) -> Tensor:
    """A bijection on 32-bit words, held in int64, that sends neighbours far apart: xor-shifts and odd multipliers."""
    word = word ^ (word >> 16)
    word = (word * 0x7FEB352D) & WORD
    word = word ^ (word >> 15)
    word = (word * 0x46CA68B5) & WORD
    return word ^ (word >> 16)


def gain(mixture: Mixture, task: str, density: float, rescale: str, seed: int) -> float | None:
    """What the kept entries of one expert are multiplied by; None: by 1 / density."""
    if rescale == "inverse":
        return None
    if rescale == "none" or (density >= 1 and not mixture.densities):
        return 1.0
    key = density, seed, mixture.densities
    found: float = mixture.remembered(("gain", task), key, lambda: l1_gain(mixture, task, density, seed))
    return found


def l1_gain(mixture: Mixture, task: str, density: float, seed: int) -> float:
    """Sum of sizes before over after dropping, 1 if nothing was kept."""
    from pipelines.merging.sums import absolute_sum

    whole, before, after = mixture.vectors[task], 0.0, 0.0
    mixture.note(mixture.stored[task])
    for slot in mixture.layout.slots:
        vector = whole[slot.start : slot.stop]
        keep = draws(seed, task, slot.key, 0, vector.numel()) < mixture.density(task, slot.key, density) * (WORD + 1)
        before += absolute_sum(vector)
        after += absolute_sum(vector * keep)
    return before / after if after else 1.0


DARE = MergeMethod(
    name="dare",
    title="DARE",
    group="elect",
    paper="arXiv:2311.03099",
    formula="θ = θ0 + α Σ w_t (b_t ∘ τ_t) / p,  b_t ~ Bernoulli(p)",
    settings=(
        Setting("density", "Density p", 0.5, "Probability with which an entry of a task vector is kept", 0.01),
        Setting("rescale", "Rescale", "inverse", "What makes up for the dropped", choices=("inverse", "l1", "none")),
        COMBINE,
        SEED,
    ),
    combine=dare,
    default_scale=0.3,
    cost="one draw for each entry and one pass over all vectors",
    has_densities=True,
    piecewise_when=(("rescale", ("inverse", "none")),),
)
