"""merge(): base, experts and a recipe in, weights out. For one merge; keep an Arena where faders move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from pipelines.merging.arena import Arena
from pipelines.merging.ballots import Ballots
from pipelines.merging.errors import MergeError
from pipelines.merging.layout import Weights, is_finite
from pipelines.merging.recipe import MergeRecipe


def merge(
    base: Weights, experts: Mapping[str, Weights], recipe: MergeRecipe, blocks: Sequence[tuple[str, str]] = ()
) -> dict[str, Tensor]:
    """The merged state dict, with the base's keys, shapes and dtypes. Nothing given is written to.

    Sums are float32; a float of another dtype is rounded once, at the end. A float64 that nothing moved is the base's.

    Raises:
        MergeError: the checkpoints do not fit each other, or the mix overflows its dtype.
    """
    return finished(Arena.from_checkpoints(base, experts, blocks), base, recipe)


def finished(arena: Arena, base: Weights, recipe: MergeRecipe, ballots: Ballots | None = None) -> dict[str, Tensor]:
    """The mix of an arena in the dtypes of `base`; `ballots` as `Arena.merge` takes them.

    Raises:
        MergeError: a value is not finite in its dtype; names the key.
    """
    merged = arena.views(arena.merge(recipe, ballots=ballots).flat)
    result: dict[str, Tensor] = {}
    for key in base:
        first = arena.tied.get(key, key)  # tied names stay one tensor
        result[key] = result[first] if first in result else in_dtype_of(base[key], merged[key])
    check_range(result)
    return result


def check_range(mix: Weights) -> None:
    """Refuse a mix before it is used.

    Raises:
        MergeError: a value is not finite in its dtype; names the key.
    """
    for key, tensor in mix.items():
        if not is_finite(tensor):
            wider = "" if tensor.dtype == torch.float32 else ", or take a dtype of wider range"
            raise MergeError(f"the mix has values in {key} beyond the range of {tensor.dtype}: lower the faders{wider}")


def in_dtype_of(base: Tensor, merged: Tensor) -> Tensor:
    """Merged numbers in the base's dtype; those that are the base's as float32 are its own, to the last bit."""
    if base.dtype != torch.float64:
        return merged.to(base.dtype)
    return torch.where(merged == base.float(), base, merged.double())
