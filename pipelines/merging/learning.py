"""Learning coefficients of task vectors: what AdaMerging, aTLAS and Concrete masks share.

One trick serves all. A network merged from base + sum of coefficient * vector has, for each coefficient, the gradient
<gradient of the weights, vector>: a plain backward pass, then dot products. No copy of the network per expert stands in
the graph, and the engine never sees more of a model than `loss(weights, step) -> scalar`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pipelines.merging.dare import draws
from pipelines.merging.errors import MergeError
from pipelines.merging.layout import Layout, Slot
from pipelines.merging.mergekit_values import escaped
from pipelines.merging.recipe import BlockRule, MergeRecipe
from pipelines.merging.sums import dot

if TYPE_CHECKING:
    from pipelines.merging.arena import Arena

Weights = Mapping[str, Tensor]
Loss = Callable[[Weights, int], Tensor]  # whole state dict (merged floats have gradients), step -> scalar
Judge = Callable[[Weights], float | None]  # score of a network, higher is better; None: it is not acceptable

GRAINS = ("task", "module", "tensor")


@dataclass(frozen=True)
class Mergeable:
    """Base and task vectors as flat buffers, (length,), of any float dtype; `views` makes a state dict of a buffer."""

    layout: Layout
    base: Tensor
    vectors: Mapping[str, Tensor]
    views: Callable[[Tensor], dict[str, Tensor]]

    @classmethod
    def of(cls, arena: Arena) -> Mergeable:
        """What an arena holds; nothing is copied."""
        vectors = {task: expert.vector for task, expert in arena.experts.items()}
        return cls(arena.layout, arena.base, vectors, arena.views)

    def elected(self, density: float = 0.2) -> Mergeable:
        """The "++" form: vectors trimmed to their largest entries, and to those with the elected sign."""
        from pipelines.merging.pruning import kept_count, magnitude_threshold

        kept = kept_count(density, self.layout.count)
        trimmed = {}
        for task, vector in self.vectors.items():
            threshold = magnitude_threshold(vector.float(), kept)
            trimmed[task] = torch.where(vector.abs() >= threshold, vector, 0.0)
        sign = torch.where(sum(trimmed.values(), torch.zeros_like(self.base)) < 0, -1.0, 1.0)
        return replace(self, vectors={t: torch.where(v.sign() == sign, v, 0.0) for t, v in trimmed.items()})

    def masked(self, mask: Tensor) -> Mergeable:
        """Every vector times the same mask, (length,)."""
        return replace(self, vectors={task: vector * mask for task, vector in self.vectors.items()})


@dataclass(frozen=True)
class Places:
    """Which coefficient each weight has: `columns[slot]` is one column of the matrix, or one for every entry.

    Attributes:
        names: of the columns, in order of depth.
        matches: a glob over keys for each column; empty where parts of tensors have columns of their own.
    """

    names: tuple[str, ...]
    columns: tuple[int | Tensor, ...]
    matches: tuple[str, ...]

    @classmethod
    def of(cls, layout: Layout, grain: str, blocks: Iterable[tuple[str, str]] = ()) -> Places:
        """Columns by "task" (one), "module" (one for each block (name, glob) that has a merged tensor) or "tensor".

        Raises:
            MergeError: an unknown grain, or a tensor that belongs to no block.
        """
        from fnmatch import fnmatchcase

        if grain == "task":
            return cls(("all",), (0,) * len(layout.slots), ("*",))
        if grain == "tensor":
            keys = tuple(slot.key for slot in layout.slots)
            return cls(keys, tuple(range(len(keys))), tuple(escaped(key) for key in keys))
        if grain != "module":
            raise MergeError(f'unknown grain "{grain}"; known are {", ".join(GRAINS)}')
        named = tuple(one for one in blocks if any(fnmatchcase(slot.key, one[1]) for slot in layout.slots))
        globs = tuple(glob for _, glob in named)
        owners = [[i for i, glob in enumerate(globs) if fnmatchcase(slot.key, glob)] for slot in layout.slots]
        for slot, owner in zip(layout.slots, owners, strict=True):
            if len(owner) != 1:
                raise MergeError(f"{slot.key} belongs to {len(owner)} blocks, it must belong to exactly one")
        return cls(tuple(name for name, _ in named), tuple(owner[0] for owner in owners), globs)

    @classmethod
    def partitioned(cls, layout: Layout, parts: int, seed: int = 0, *, is_compat: bool = False) -> Places:
        """Each tensor cut into `parts` random parts, each with a column; none has more parts than entries.

        Args:
            is_compat: as the released code of aTLAS: tensors of two axes alone are cut, those of one shape alike.
        """
        names: list[str] = []
        columns: list[int | Tensor] = []
        for slot in layout.slots:
            is_whole = is_compat and len(slot.shape) != 2
            first, count = len(names), 1 if is_whole else max(1, min(parts, slot.stop - slot.start))
            cut = replace(slot, key=str(slot.shape)) if is_compat else slot
            names += [slot.key if count == 1 else f"{slot.key}/{part}" for part in range(count)]
            columns.append(first if count == 1 else first + part_of(cut, count, seed))
        return cls(tuple(names), tuple(columns), ())


def part_of(slot: Slot, parts: int, seed: int) -> Tensor:
    """Part of each entry of a tensor, (numel,) int64, 0 to parts - 1; the parts are as equal as can be."""
    count = slot.stop - slot.start
    order = draws(seed, "partition", slot.key, 0, count).argsort(stable=True)
    part = torch.empty(count, dtype=torch.int64)
    part[order] = torch.arange(count) % parts
    return part


@dataclass(frozen=True)
class Learning:
    """One step: the coefficients, (experts, columns) float64, and the loss with them.

    `score` is a judge's, None where none was asked or it would not have the network.
    """

    step: int
    loss: float
    coefficients: Tensor
    score: float | None = None


def mixed(ground: Mergeable, places: Places, coefficients: Tensor) -> Tensor:
    """The merged buffer, (length,)."""
    flat = ground.base.clone()
    for row, vector in zip(coefficients.to(flat.dtype), ground.vectors.values(), strict=True):
        for slot, column in zip(ground.layout.slots, places.columns, strict=True):
            flat[slot.start : slot.stop].addcmul_(vector[slot.start : slot.stop], row[column])
    return flat


def weight_gradient(ground: Mergeable, flat: Tensor, loss: Loss, step: int) -> tuple[float, Tensor]:
    """The loss of a merged buffer, and its gradient, (length,).

    Raises:
        MergeError: the loss is not finite.
    """
    leaf = flat.detach().requires_grad_()
    scalar = loss(ground.views(leaf), step)
    value = float(scalar.detach())
    if not math.isfinite(value):
        raise MergeError(f"the loss is {value} at step {step}: lower the rate, or look at the data")
    scalar.backward()
    return value, torch.zeros_like(flat) if leaf.grad is None else leaf.grad


def module_loss(module: torch.nn.Module, criterion: Callable[[Callable[..., Any], int], Tensor]) -> Loss:
    """A loss over state dicts from one over calls: `criterion(call, step)` calls the module as if it had the weights.

    Neither weights nor buffers of the module are written to.
    """

    def loss(weights: Weights, step: int) -> Tensor:
        def call(*inputs: Any, **options: Any) -> Any:
            return torch.func.functional_call(module, dict(weights), inputs, options)

        return criterion(call, step)

    return loss


def coefficient_gradient(ground: Mergeable, places: Places, gradient: Tensor) -> Tensor:
    """Gradient of every coefficient, (experts, columns) float64: inner products, summed in a fixed order."""
    found = torch.zeros(len(ground.vectors), len(places.names), dtype=torch.float64)
    for row, vector in zip(found, ground.vectors.values(), strict=True):
        for slot, column in zip(ground.layout.slots, places.columns, strict=True):
            pair = gradient[slot.start : slot.stop], vector[slot.start : slot.stop]
            if isinstance(column, int):
                row[column] += dot(*pair)
            else:
                row.index_add_(0, column, pair[0].double() * pair[1].double())
    return found


def network(ground: Mergeable, places: Places, coefficients: Tensor) -> dict[str, Tensor]:
    """The merged state dict."""
    return ground.views(mixed(ground, places, coefficients))


def best_of(steps: Iterable[Learning]) -> Learning:
    """The step of highest score; where nothing was scored, the last. Runs a generator to its end.

    Raises:
        MergeError: no steps.
    """
    best = last = None
    for last in steps:
        if last.score is not None and (best is None or best.score is None or last.score > best.score):
            best = last
    if last is None:
        raise MergeError("nothing was learned: there were no steps")
    return best or last


def learned_recipe(tasks: Iterable[str], places: Places, coefficients: Tensor) -> MergeRecipe:
    """The same network as a recipe: faders, and a block rule for each tensor or module, which a person can move on.

    Raises:
        MergeError: parts of tensors have coefficients of their own; store the network instead.
    """
    if not places.matches:
        raise MergeError("parts of tensors have coefficients of their own: a recipe cannot say that; store the network")
    rows = list(zip(tasks, coefficients.tolist(), strict=True))
    if places.matches == ("*",):
        return MergeRecipe("task_arithmetic", tuple((task, row[0]) for task, row in rows))
    rules = [BlockRule(match, value, t) for t, row in rows for match, value in zip(places.matches, row, strict=True)]
    return MergeRecipe("task_arithmetic", tuple((task, 1.0) for task, _ in rows), blocks=tuple(rules))
