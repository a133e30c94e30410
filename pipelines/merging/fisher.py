"""Fisher merging: an average that weighs each weight by what the data say about it (arXiv:2111.09832)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipelines.merging.recipe import MergeError, OfflineMethod, Setting

if TYPE_CHECKING:
    from torch import Tensor

FLOOR = 1e-6


def fisher_mean(experts: Sequence[Tensor], fishers: Sequence[Tensor], *, floor: float = FLOOR) -> Tensor:
    """Sum of F * weights over sum of F, entry by entry; the plain mean where all F are 0. Shape of the tensors.

    Args:
        fishers: diagonal Fisher information, the mean squared gradient of the log-likelihood over samples.
        floor: least value of F where it is not 0 in all.

    Raises:
        MergeError: shapes or numbers differ.
    """
    import torch

    _check_alike(experts, fishers)
    information = torch.stack([one.double() for one in fishers])
    is_dark = (information == 0).all(0)
    information = torch.where(is_dark, 1.0, information.clamp(min=floor))
    values = torch.stack([one.double() for one in experts])
    return ((information * values).sum(0) / information.sum(0)).to(experts[0].dtype)


def _check_alike(experts: Sequence[Tensor], fishers: Sequence[Tensor]) -> None:
    shapes = {tuple(one.shape) for one in (*experts, *fishers)}
    if len(experts) != len(fishers) or len(shapes) != 1:
        raise MergeError(f"{len(experts)} experts and {len(fishers)} Fisher diagonals of shapes {sorted(shapes)}")


FISHER = OfflineMethod(
    name="fisher",
    title="Fisher merging",
    group="statistics",
    paper="arXiv:2111.09832",
    formula="θ = Σ F_t θ_t / Σ F_t",
    settings=(Setting("floor", "Floor", FLOOR, "Least information of a weight", 0.0, 1e-3, 1e-7),),
    needs="about 256 samples of every task, and gradients",
    cost="256 forward and backward passes for every task, once",
    entry="fisher:fisher_mean",
)
