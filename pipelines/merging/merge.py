"""merge(): base, experts and a recipe in, weights out. For one merge; keep an Arena where faders move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from pipelines.merging.arena import Arena
from pipelines.merging.layout import Weights
from pipelines.merging.recipe import MergeRecipe


def merge(
    base: Weights, experts: Mapping[str, Weights], recipe: MergeRecipe, blocks: Sequence[tuple[str, str]] = ()
) -> dict[str, Tensor]:
    """The merged state dict, with the base's keys, shapes and dtypes. Nothing given is written to.

    Sums are float32; a float of another dtype is rounded once, at the end.
    """
    arena = Arena.from_checkpoints(base, experts, blocks)
    merged = arena.views(arena.merge(recipe).flat)
    rounded: dict[int, Tensor] = {}  # tied names stay one tensor
    return {key: rounded.setdefault(id(merged[key]), merged[key].to(base[key].dtype)) for key in base}
