"""One fader in motion: the merge without that expert is kept, so that each move is one pass over three buffers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pipelines.merging.halves import Halves
from pipelines.merging.mixture import Part, Tile
from pipelines.merging.recipe import MergeRecipe, check_recipe
from pipelines.merging.registry import method
from pipelines.merging.task_arithmetic import add_weighted

if TYPE_CHECKING:
    from pipelines.merging.arena import Arena


@dataclass(frozen=True)
class Residual:
    """What the recipe gives with `task` at 0, and the factor that the task's vector has in each stretch.

    Where the method is not affine there is no such rest (`rest` is None) and a move is a whole merge.
    """

    arena: Arena
    recipe: MergeRecipe
    task: str
    rest: Tensor | None
    factors: tuple[tuple[int, int, float], ...]  # start, stop, scale times block factors

    @classmethod
    def of(cls, arena: Arena, recipe: MergeRecipe, task: str) -> Residual:
        """Merge the others once.

        Raises:
            MergeError: the recipe cannot be merged, or there is no such expert.
        """
        check_recipe(recipe.with_coefficient(task, 0.0), arena.tasks)
        if not method(recipe.method).is_affine:
            return cls(arena, recipe, task, None, ())
        probe = replace(recipe, coefficients=((task, 1.0),), muted=(), soloed=(), negated=())
        place = arena.tasks.index(task)
        spans = arena.mixture(probe).spans  # with the fader at 1 its coefficients are the block factors
        factors = tuple((span.start, span.stop, span.coefficients[place] * span.factor) for span in spans)
        return cls(arena, recipe, task, arena.merge(recipe.with_coefficient(task, 0.0)).flat, factors)

    def move(self, value: float, out: Tensor) -> Tensor:
        """Fill `out` with the network at fader position `value`; within rounding of the canonical merge.

        Args:
            value: the fader's value; mute, solo and sign of the recipe still apply.
            out: a live buffer, (length,) float32.
        """
        if self.rest is None:
            return self.arena.merge(self.recipe.with_coefficient(self.task, value), out).flat
        weight = self.recipe.with_coefficient(self.task, value).coefficient(self.task)
        for start, stop, factor in self.factors:
            self._add(slice(start, stop), weight, factor, out)
        return out

    def _add(self, stretch: slice, weight: float, factor: float, out: Tensor) -> None:
        assert self.rest is not None
        stored = self.arena.experts[self.task].stored
        if not isinstance(stored, Halves):
            torch.add(self.rest[stretch], stored[stretch], alpha=weight * factor, out=out[stretch])
            return
        kernels = self.arena.engine()
        write = add_weighted if kernels is None else kernels.linear
        for start in range(stretch.start, stretch.stop, self.arena.tile_size):
            here = slice(start, min(start + self.arena.tile_size, stretch.stop))
            part = Part(self.task, stored[here], weight)
            write(Tile(here.start, here.stop, self.rest[here], (part,), factor), out[here])
