"""Plain masks: a task's largest entries, or any at random, over the summed vector. What TALL-masks must beat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipelines.merging.dare import WORD, draws
from pipelines.merging.method import MergeMethod, Setting
from pipelines.merging.sparsify import SEED
from pipelines.merging.task_arithmetic import adder

if TYPE_CHECKING:
    from torch import Tensor

    from pipelines.merging.mixture import Mixture, Part, Tile, TileWriter


def plain_masks(mixture: Mixture, *, pick: str, density: float, seed: float) -> TileWriter:
    """base + factor * sum of the weighted vectors where enough selected masks keep it, elsewhere the base to the bit.

    Args:
        pick: "magnitude" keeps the largest entries of a task's whole vector, ties with the last too; "random" any.
        density: share that each mask keeps. seed: of "random"; a larger density only adds entries.
    """
    modes = {"off": 0, "consensus": mixture.masks.votes}
    needed, add = modes.get(mixture.masks.mode, 1), adder(mixture)

    def write(tile: Tile, live: Tensor) -> None:
        import torch

        add(tile, live)
        votes = torch.zeros(live.shape, dtype=torch.uint8)
        for _, keep in picked_masks(mixture, tile, pick=pick, density=density, seed=seed):
            votes += keep
        torch.where(votes >= needed, live, tile.base, out=live)

    return add if needed == 0 else write


def picked_masks(
    mixture: Mixture, tile: Tile, *, pick: str, density: float, seed: float
) -> Iterator[tuple[str, Tensor]]:
    """Each selected task with its mask, (tile,) bool."""
    for part in tile.parts:
        if part.task in mixture.selected:
            is_random = pick == "random"
            yield (
                part.task,
                random_mask(mixture, tile, part, density, int(seed))
                if is_random
                else magnitude_mask(mixture, part, density),
            )


def magnitude_mask(mixture: Mixture, part: Part, density: float) -> Tensor:
    """Where an expert's vector is among its largest, (tile,) bool."""
    from pipelines.merging.pruning import whole_threshold

    return part.vector.abs() >= whole_threshold(mixture, part.task, density)


def random_mask(mixture: Mixture, tile: Tile, part: Part, density: float, seed: int) -> Tensor:
    """Entries drawn for an expert, (tile,) bool, apart from what they hold."""
    import torch

    keep = torch.zeros(part.vector.shape, dtype=torch.bool)
    for slot, where in mixture.slots_in(tile):
        first = tile.start + where.start - slot.start
        drawn = draws(seed, part.task, slot.key, first, where.stop - where.start)
        torch.lt(drawn, density * (WORD + 1), out=keep[where])
    return keep


PLAIN_MASKS = MergeMethod(
    name="plain_masks",
    title="Magnitude or random masks",
    group="masks",
    paper="arXiv:2405.07813",
    formula="θ = θ0 + α m_t ∘ τ,  m_t the largest of |τ_t|, or drawn at random",
    settings=(
        Setting(
            "pick", "Pick", "magnitude", "The largest entries of the task, or any", choices=("magnitude", "random")
        ),
        Setting("density", "Density", 0.1, "Share of the weights that each mask keeps", 0.01),
        SEED,
    ),
    combine=plain_masks,
    masks=("task", "union", "consensus", "off"),
    cost="one pass over all vectors",
    piecewise_when=(("pick", ("random",)),),
)
