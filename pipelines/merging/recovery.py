"""How near a masked mix comes to the experts whose masks it has, and how much of what it keeps goes against them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pipelines.merging.mask_counts import VOTED
from pipelines.merging.masks import count_votes, merged_vector
from pipelines.merging.mixture import Mixture
from pipelines.merging.recipe import MergeRecipe

MOST_READ = 1 << 25  # weights of all vectors together: a tenth of a second


@dataclass(frozen=True)
class Recovery:
    """Of one expert.

    Attributes:
        distance: |mix - expert|_1 / |expert - base|_1: 0 the expert itself, 1 as far from it as the base, or further.
        against: share of the weights that the mask keeps and the mix moves away from where the expert moved, 0 to 1.
    """

    distance: float
    against: float


def recoveries(mixture: Mixture, recipe: MergeRecipe) -> dict[str, Recovery]:
    """Task -> recovery, of the tasks whose masks count, in the tensors where they have a coefficient.

    Nothing for other methods than TALL-masks and Consensus, without a mask, and where too many weights would be read.

    Source: Wang et al. 2024, arXiv:2405.07813. Differs: the network of the recipe is held against the expert, with its
    scale and coefficients; in the paper both are 1.
    """
    if recipe.method not in VOTED or recipe.masks.mode == "off":
        return {}
    if mixture.layout.length * (1 + len(mixture.vectors)) > MOST_READ:
        return {}
    needed = recipe.masks.votes if recipe.masks.mode == "consensus" else 1
    merged_of = merged_vector(mixture, str(recipe.full_settings()["vector"]))
    sums = {task: torch.zeros(4, dtype=torch.float64) for task in mixture.selected}
    for tile in mixture.tiles():
        if not tile.parts:
            continue
        merged = merged_of(tile)
        moved = merged * count_votes(mixture, tile, merged).ge_(needed) * tile.factor
        kept = (moved != 0).sum()
        for part in tile.parts:
            if part.task in sums:
                far, whole = (moved - part.vector).abs().sum(), part.vector.abs().sum()
                sums[part.task] += torch.stack([far, whole, (moved * part.vector < 0).sum(), kept])
    return {
        task: Recovery(far / whole if whole else 0.0, wrong / kept if kept else 0.0)
        for task, (far, whole, wrong, kept) in ((task, found.tolist()) for task, found in sums.items())
    }
