"""A family laid out for merging: flat float32 buffers, one for the base and one task vector per expert.

A merge is one pass over these buffers into a reused live buffer; the network's parameters are views of that buffer, so
nothing is copied after the merge. Expert order is fixed, sums are float32, and the result depends on the recipe alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from pipelines.merging.ballots import Ballots
from pipelines.merging.errors import MergeError
from pipelines.merging.halves import Halves, Stored, decoded, fits
from pipelines.merging.layout import (
    STATISTICS,
    Layout,
    Weights,
    as_float32,
    beside,
    check_blocks,
    check_finite,
    check_same_names_and_shapes,
    classify,
    same_bits,
    tied_names,
)
from pipelines.merging.mixture import TILE, Mixture, Span, check_rules, selected_tasks, spans_of
from pipelines.merging.native import ENGINE, Kernels
from pipelines.merging.recipe import MergeRecipe, check_recipe
from pipelines.merging.registry import method
from pipelines.merging.report import Diagnostics, MaskReport, diagnostics, mask_report
from pipelines.merging.residual import Residual
from pipelines.merging.store import Store
from pipelines.merging.writer import Writer, bytes_moved, fill

STAGGER_BYTES = 4096 + 256  # streams that share their page offset evict each other


@dataclass(frozen=True)
class Merged:
    """A finished merge: the live buffer, (length,) float32, bytes read and written at least, and seconds."""

    flat: Tensor
    bytes_moved: int
    elapsed_s: float


@dataclass(frozen=True)
class Expert:
    """A task vector, (length,), and what it takes to get the expert back to the bit.

    base + (expert - base) is not the expert in float32 where both differ much; `index` holds those places, `values`
    the expert's own numbers there. For fine-tuned siblings they are few. A vector of 16 bits gives no expert back.
    """

    stored: Stored
    index: Tensor
    values: Tensor

    @classmethod
    def between(cls, base: Tensor, expert: Tensor, out: Tensor) -> Expert:
        torch.sub(expert, base, out=out)
        differs = (base + out).view(torch.int32) != expert.view(torch.int32)
        index = differs.nonzero().squeeze(1)
        return cls(out, index, expert[index])

    @property
    def vector(self) -> Tensor:
        """(length,) float32."""
        return decoded(self.stored)

    @property
    def is_exact(self) -> bool:
        """Whether `restore` gives the expert to the bit."""
        return not isinstance(self.stored, Halves)

    def restore(self, base: Tensor, live: Tensor, start: int = 0, stop: int | None = None) -> None:
        """Fill the elements start to stop (None: all from there) of `live`, (length,), with the expert's own."""
        here = slice(start, len(base) if stop is None else stop)
        torch.add(base[here], decoded(self.stored[here]), out=live[here])
        first, last = torch.searchsorted(self.index, self.index.new_tensor([here.start, here.stop])).tolist()
        live[self.index[first:last]] = self.values[first:last]


class Arena:
    """Base and experts of one family, ready to be merged. Inputs are read once and never written to.

    Attributes:
        tasks: names of the experts, in family order.
        key_classes: key -> "MERGE", "FROZEN", "COPY", "BN_STAT" or "TIED".
        others: the tensors that are not merged, by key; the base's.
        tied: second name of a tensor -> its first.
        block_names: names of the blocks, in order of depth.
        is_mapped: base and task vectors lie in files; their memory is the system's to take back.
        notices: what a person should know about the checkpoints, such as counters that differ between them.
        store: votes and planes that earlier merges left, at most as large as base and task vectors together.
    """

    def __init__(
        self,
        layout: Layout,
        base: Tensor,
        experts: Mapping[str, Expert],
        others: Weights,
        key_classes: Mapping[str, str],
        tied: Mapping[str, str],
        block_names: tuple[str, ...] = (),
        notices: tuple[str, ...] = (),
        tile_size: int = TILE,
        engine: Callable[[], Kernels | None] = ENGINE.kernels,
        is_mapped: bool = False,
    ) -> None:
        self.layout = layout
        self.base = base
        self.experts = dict(experts)
        self.tasks = tuple(experts)
        self.key_classes = dict(key_classes)
        self.block_names = block_names
        self.notices = notices
        self.tile_size = tile_size
        self.engine = engine
        self.is_mapped = is_mapped
        self.store = Store(self.size_bytes)
        self.others = dict(others)
        self.tied = dict(tied)
        self._memory: dict[Any, Any] = {}
        self._buffers = 1 + len(self.tasks)

    @classmethod
    def from_checkpoints(
        cls,
        base: Weights,
        experts: Mapping[str, Weights],
        blocks: Sequence[tuple[str, str]] = (),
        tile_size: int = TILE,
        engine: Callable[[], Kernels | None] = ENGINE.kernels,
        is_compact: bool = False,
    ) -> Arena:
        """Lay out a base and the experts tuned from it.

        Args:
            base, experts: state dicts; the order of `experts` is the order of summation, that of `base` of the layout.
            blocks: (name, glob over keys); together they hold every key once.
            engine: gives the native engine or None; the results are the same to the bit.
            is_compact: task vectors in 16 bits (halves.py), where they fit.

        Raises:
            MergeError: a key is missing, has another shape, is not finite, or belongs to no block or to two.
        """
        check_finite("the base", base)
        for task, expert in experts.items():
            check_same_names_and_shapes(base, task, expert)
            check_finite(f'expert "{task}"', expert)
        check_blocks(base, blocks)
        classes = classify(base, experts)
        layout = Layout.of((key, tuple(base[key].shape)) for key in base if classes[key] == "MERGE")
        flat_base = flatten(layout, base, 0)
        vectors = {
            task: expert_of(flat_base, flatten(layout, expert, 0), number, is_compact)
            for number, (task, expert) in enumerate(experts.items(), start=1)
        }
        return cls(
            layout,
            flat_base,
            vectors,
            others={key: live_dtype(base[key]) for key in base if classes[key] in ("FROZEN", "COPY", "BN_STAT")},
            key_classes=classes,
            tied=tied_names(base),
            block_names=tuple(name for name, _ in blocks),
            notices=(*copy_notices(base, experts, classes), *statistics_notices(base, experts, classes)),
            tile_size=tile_size,
            engine=engine,
        )

    @property
    def size_bytes(self) -> int:
        """Memory of base and task vectors."""
        return self.base.nbytes + sum(expert.stored.nbytes for expert in self.experts.values())

    @property
    def private_bytes(self) -> int:
        """What of it is this process's own."""
        return 0 if self.is_mapped else self.size_bytes

    def new_buffer(self) -> Tensor:
        """An uninitialised live buffer, (length,) float32, at an offset that no other stream of this arena has."""
        self._buffers += 1
        if self.base.device.type != "cpu":
            return torch.empty_like(self.base)
        return staggered(self.layout.length, self._buffers % 16)

    def merge(self, recipe: MergeRecipe, out: Tensor | None = None, ballots: Ballots | None = None) -> Merged:
        """The canonical merge: the same bits whichever way the faders got there.

        Args:
            out: a buffer of `new_buffer` to be filled; None takes a new one.
            ballots: given where this arena is a piece of a larger merge, whose experts elect signs together.

        Raises:
            MergeError: the recipe names an unknown expert, setting or key, or the method cannot take it.
        """
        start_s = time.perf_counter()
        live = self.new_buffer() if out is None else out
        with beside(self.base):
            moved = self._write(recipe, replace(self.mixture(recipe), ballots=ballots), live)
        return Merged(live, moved, time.perf_counter() - start_s)

    def mixture(self, recipe: MergeRecipe) -> Mixture:
        """The recipe checked against this family and spread over its tensors."""
        check_recipe(recipe, self.tasks)
        check_rules(recipe, self.key_classes)
        self._check_expert_count(recipe)
        return Mixture(
            layout=self.layout,
            base=self.base,
            stored={task: expert.stored for task, expert in self.experts.items()},
            spans=spans_of(self.layout, recipe, self.tasks),
            masks=recipe.masks,
            selected=() if is_base(recipe, self.tasks) else selected_tasks(recipe, self.tasks),
            memory=self._memory,
            store=self.store,
            engine=self.engine,
            tile_size=self.tile_size,
            densities=recipe.densities,
        )

    def views(self, flat: Tensor) -> dict[str, Tensor]:
        """The whole state dict: merged keys are views of `flat`, the others share the base's memory."""
        merged = {slot.key: flat[slot.start : slot.stop].view(slot.shape) for slot in self.layout.slots}
        merged |= self.others
        return {key: merged[self.tied.get(key, key)] for key in self.key_classes}

    def residual(self, recipe: MergeRecipe, task: str) -> Residual:
        """Hold a fader: the merge of all others, ready for `move`."""
        return Residual.of(self, recipe, task)

    def mask_report(self, recipe: MergeRecipe) -> MaskReport:
        """Densities and votes of the recipe's masks.

        Raises:
            MergeError: its method lays no masks.
        """
        return mask_report(self.mixture(recipe), recipe)

    def diagnostics(self) -> Diagnostics:
        """Norms of the task vectors against the base's, and the cosines between them."""
        return diagnostics(self.base, {task: expert.vector for task, expert in self.experts.items()})

    def _write(self, recipe: MergeRecipe, mixture: Mixture, live: Tensor) -> int:
        """Fill `live`; gives the bytes read and written."""
        if is_base(recipe, self.tasks):
            live.copy_(self.base)
            return 2 * live.nbytes
        whole = self._whole_spans(recipe, mixture)
        if len(whole) == len(mixture.spans) and mixture.ballots is None:
            moved = 3 * live.nbytes
        else:  # stretches of one expert too: a method may count over all of them
            write = method(recipe.method).combine(mixture, **recipe.full_settings())
            fill(write, mixture.tiles(write.size if isinstance(write, Writer) else None), live)
            moved = bytes_moved(mixture, write)
        for span, expert in whole:
            expert.restore(self.base, live, span.start, span.stop)
        return moved

    def _whole_spans(self, recipe: MergeRecipe, mixture: Mixture) -> list[tuple[Span, Expert]]:
        """Stretches where the recipe amounts to one expert, each with that expert."""
        settings = recipe.full_settings()
        is_whole = settings.get("density", 1.0) == 1.0 and settings.get("vector", "sum") == "sum"
        if recipe.densities or recipe.masks.mode != "off" or not is_whole or not method(recipe.method).is_expert_alone:
            return []
        found = ((span, self._whole_expert(span)) for span in mixture.spans)
        return [(span, expert) for span, expert in found if expert is not None]

    def _whole_expert(self, span: Span) -> Expert | None:
        active = {task: value for task, value in zip(self.tasks, span.coefficients, strict=True) if value != 0}
        if span.factor != 1 or list(active.values()) != [1]:
            return None
        expert = self.experts[next(iter(active))]
        return expert if expert.is_exact else None

    def _check_expert_count(self, recipe: MergeRecipe) -> None:
        record = method(recipe.method)
        active = [task for task in self.tasks if recipe.coefficient(task) != 0]
        if record.max_experts is not None and len(active) > record.max_experts:
            raise MergeError(
                f"{record.title} takes at most {record.max_experts} experts, {len(active)} are raised: "
                f"set the faders of all but {record.max_experts} of {', '.join(active)} to 0"
            )
        if 0 < len(active) < record.min_experts:
            raise MergeError(
                f"{record.title} takes at least {record.min_experts} experts, {len(active)} is raised: "
                f"raise another one beside {', '.join(active)}, or choose another method"
            )


def is_base(recipe: MergeRecipe, tasks: Sequence[str]) -> bool:
    """Whether nothing is added to the base: scale 0, or every effective coefficient 0."""
    return recipe.scale == 0 or all(recipe.coefficient(task) == 0 for task in tasks)


def staggered(length: int, number: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Uninitialised memory, (length,), starting on 64 bytes and `number` staggers into a page."""
    offset_bytes, size = number * STAGGER_BYTES, dtype.itemsize
    memory = torch.empty(length + (offset_bytes + 64) // size, dtype=dtype)
    start = (-memory.data_ptr() % 64 + offset_bytes) // size
    return memory[start : start + length]


def expert_of(base: Tensor, expert: Tensor, number: int, is_compact: bool) -> Expert:
    """The expert of two flat checkpoints, float32, in memory of its own; `number` as `staggered` takes it."""
    whole = Expert.between(base, expert, staggered(len(base), number))
    if not is_compact or not fits(whole.vector):
        return whole
    values = staggered(len(base), number, torch.float16)
    return Expert(Halves.of(whole.vector, values), whole.index[:0], whole.values[:0])


def flatten(layout: Layout, weights: Weights, number: int) -> Tensor:
    """A state dict's merged keys in one buffer, zeros between them."""
    flat = staggered(layout.length, number).zero_()
    for slot in layout.slots:
        flat[slot.start : slot.stop] = as_float32(weights[slot.key])
    return flat


def live_dtype(tensor: Tensor) -> Tensor:
    """Floats as float32, like the merged keys beside them; other types as they are. Shares memory where it can."""
    return tensor.detach().float() if tensor.is_floating_point() else tensor.detach()


def copy_notices(base: Weights, experts: Mapping[str, Weights], classes: Mapping[str, str]) -> tuple[str, ...]:
    """A line for each expert whose integer or bool tensors are not the base's, which are the ones used."""
    copied = [key for key in base if classes[key] == "COPY"]
    differing = {
        task: [key for key in copied if not torch.equal(base[key], expert[key])] for task, expert in experts.items()
    }
    told = ((task, ", ".join(keys)) for task, keys in differing.items() if keys)
    return tuple(f'expert "{task}" has other values in {keys}: those of the base are used' for task, keys in told)


def statistics_notices(base: Weights, experts: Mapping[str, Weights], classes: Mapping[str, str]) -> tuple[str, ...]:
    """A line for each expert whose batch-norms have seen something else than the base's."""
    statistics = [key for key in base if classes[key] == "BN_STAT"]
    moved = (task for task, expert in experts.items() if any(not same_bits(base[k], expert[k]) for k in statistics))
    return tuple(
        f'expert "{task}" has other batch-norm statistics ({" and ".join(STATISTICS)}): those of the base are used '
        "and are stale for the mix; run some hundred samples through it in training mode to renew them"
        for task in moved
    )
