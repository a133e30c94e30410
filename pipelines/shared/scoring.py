"""Scores beside the faders: a mix on the fixed sets of its family, a set at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.merging.recipe import MergeRecipe

if TYPE_CHECKING:
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.family import ModelFamily

Scorer = Callable[[Any, Sequence[str]], Mapping[str, float]]  # network, sets -> set: score


def scores_so_far(
    cache: ModelCache, family: ModelFamily, recipe: MergeRecipe | None, sets: Sequence[str], score: Scorer
) -> Iterator[dict[str, float]]:
    """Set -> score, 0 to 1, of the sets that are done; the network is lent anew for each, so nobody waits for long.

    Args:
        recipe: None is the base.
    """
    found: dict[str, float] = {}
    for name in sets:
        with cache.lease(family, recipe) as lease:
            found |= score(lease.model, (name,))
        yield dict(found)
