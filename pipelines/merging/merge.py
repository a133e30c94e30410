"""merge(): base, experts and a recipe in, weights out. For one merge; keep an Arena where faders move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from pipelines.merging.arena import Arena
from pipelines.merging.errors import MergeError
from pipelines.merging.layout import Weights, is_finite
from pipelines.merging.recipe import MergeRecipe


def merge(
    base: Weights, experts: Mapping[str, Weights], recipe: MergeRecipe, blocks: Sequence[tuple[str, str]] = ()
) -> dict[str, Tensor]:
    """The merged state dict, with the base's keys, shapes and dtypes. Nothing given is written to.

    Sums are float32; a float of another dtype is rounded once, at the end.

    Raises:
        MergeError: the checkpoints do not fit each other, or the mix overflows its dtype.
    """
    return finished(Arena.from_checkpoints(base, experts, blocks), base, recipe)


def finished(arena: Arena, base: Weights, recipe: MergeRecipe) -> dict[str, Tensor]:
    """The mix of an arena in the dtypes of `base`.

    Raises:
        MergeError: a value is not finite in its dtype; names the key.
    """
    merged = arena.views(arena.merge(recipe).flat)
    rounded: dict[int, Tensor] = {}  # tied names stay one tensor
    result = {key: rounded.setdefault(id(merged[key]), merged[key].to(base[key].dtype)) for key in base}
    for key, tensor in result.items():
        if not is_finite(tensor):
            raise MergeError(f"the mix has values in {key} beyond the range of {tensor.dtype}: lower the faders")
    return result
