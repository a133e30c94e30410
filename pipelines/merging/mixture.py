"""What a method sees of a merge: task vectors and coefficients, cut into tiles that fit the processor's cache."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from torch import Tensor

from pipelines.merging.ballots import Ballots
from pipelines.merging.errors import MergeError
from pipelines.merging.halves import Decoded, Stored, decoded
from pipelines.merging.layout import Layout, Slot
from pipelines.merging.native import MOST_EXPERTS, Kernels
from pipelines.merging.recipe import DensityRule, MaskChoice, MergeRecipe
from pipelines.merging.store import Store

TILE = 131_072  # elements; at float32 a tile of each of several streams fits a second-level cache

NEWEST = 8  # keys of a subject that are remembered: fader positions, seeds

TileWriter = Callable[["Tile", Tensor], None]


@dataclass(frozen=True)
class Part:
    """One expert inside a tile: its task vector there, (tile,), and its coefficient, not 0."""

    task: str
    stored: Stored
    coefficient: float

    @cached_property
    def vector(self) -> Tensor:
        """(tile,) float32."""
        return decoded(self.stored)


@dataclass(frozen=True)
class Tile:
    """Elements start to stop of the flat buffers, all with the same coefficients.

    `factor` is scale times the block equaliser: what the merged vector is multiplied by.
    """

    start: int
    stop: int
    base: Tensor
    parts: tuple[Part, ...]
    factor: float


@dataclass(frozen=True)
class Span:
    """A stretch of the buffers where every coefficient is the same."""

    start: int
    stop: int
    coefficients: tuple[float, ...]
    factor: float


def no_engine() -> None:
    """Of a mixture that is worked on with tensor operations."""


@dataclass(frozen=True)
class Mixture:
    """One merge to be done.

    Attributes:
        stored: task -> flat task vector, in family order, which is the order of summation.
        selected: tasks whose masks count, in family order; muted ones are not among them.
        memory: small things that outlive a merge, such as thresholds of the vectors; never a tensor as long as those.
        store: large ones, counted and given back when memory is short.
        engine: gives the native engine if it is there and ready; asked for by the methods that it serves.
        noted: bytes of each pass that `note` was told of.
        ballots: of a merge in pieces, of which this is one.
        densities: asked by `density`.
    """

    layout: Layout
    base: Tensor
    stored: Mapping[str, Stored]
    spans: tuple[Span, ...]
    masks: MaskChoice
    selected: tuple[str, ...]
    memory: dict[Any, Any] = field(default_factory=dict)
    store: Store = field(default_factory=lambda: Store(0))
    engine: Callable[[], Kernels | None] = no_engine
    tile_size: int = TILE
    noted: list[int] = field(default_factory=list)
    ballots: Ballots | None = None
    densities: tuple[DensityRule, ...] = ()

    @property
    def vectors(self) -> Mapping[str, Tensor]:
        """task -> flat task vector, float32."""
        return Decoded(self.stored)

    @property
    def kernels(self) -> Kernels | None:
        """The native engine, if it is ready and can take this many experts."""
        return self.engine() if len(self.stored) <= MOST_EXPERTS else None

    @property
    def raised(self) -> tuple[str, ...]:
        """Tasks that have a coefficient somewhere."""
        return tuple(task for i, task in enumerate(self.stored) if any(span.coefficients[i] for span in self.spans))

    def density(self, task: str, key: str, usual: float) -> float:
        """Density of one expert in one tensor: of the first rule that matches, else the usual one."""
        rules = (rule for rule in self.densities if rule.expert == task and fnmatchcase(key, rule.match))
        return next((rule.density for rule in rules), usual)

    def note(self, *passed: Stored) -> None:
        """Say what was read or written once, beside the pass that fills the live buffer."""
        self.noted.append(sum(one.nbytes for one in passed))

    def note_parts(self, tile: Tile) -> None:
        """Say that the vectors of a tile were read once, beside the pass that fills it."""
        self.note(*(part.stored for part in tile.parts))

    def remembered(self, subject: Hashable, key: Hashable, make: Callable[[], Any]) -> Any:
        """What `make` gives, kept in `memory` for the newest keys of a subject."""
        kept = self.memory.get(subject, {})
        if key not in kept:
            kept = dict([*kept.items(), (key, make())][-NEWEST:])
            self.memory[subject] = kept  # a new mapping: another merge may be reading the old one
        return kept[key]

    def tiles(self, size: int | None = None) -> Iterator[Tile]:
        """All elements once, in order, at most `size` at a time (None: `tile_size`)."""
        step = size or self.tile_size
        for span in self.spans:
            for start in range(span.start, span.stop, step):
                yield self._tile(span, start, min(start + step, span.stop))

    def slots(self) -> Iterator[tuple[Slot, Tile]]:
        """Tensor by tensor, each as one tile without padding."""
        spans = iter(self.spans)
        span = next(spans)
        for slot in self.layout.slots:
            while slot.start >= span.stop:
                span = next(spans)
            yield slot, self._tile(span, slot.start, slot.stop)

    def slots_in(self, tile: Tile) -> Iterator[tuple[Slot, slice]]:
        """Tensors that reach into a tile, each with its stretch of the tile."""
        for slot in self.layout.slots:
            start, stop = max(slot.start, tile.start), min(slot.stop, tile.stop)
            if start < stop:
                yield slot, slice(start - tile.start, stop - tile.start)

    def _tile(self, span: Span, start: int, stop: int) -> Tile:
        parts = tuple(
            Part(task, stored[start:stop], coefficient)
            for (task, stored), coefficient in zip(self.stored.items(), span.coefficients, strict=True)
            if coefficient != 0
        )
        return Tile(start, stop, self.base[start:stop], parts, span.factor)


def vector_coefficients(recipe: MergeRecipe, tasks: tuple[str, ...]) -> tuple[float, ...]:
    """Coefficients with which the experts enter the merged vector, in the order of `tasks`.

    Convention: where masks are laid over the vector and `on_mute` is "frozen", mute and solo leave the vector as it is
    and only take masks away; so switching a task is instant. Otherwise a muted expert has 0.
    """
    is_frozen = recipe.masks.mode != "off" and recipe.masks.on_mute == "frozen"
    heard = MergeRecipe(coefficients=recipe.coefficients, negated=recipe.negated) if is_frozen else recipe
    return tuple(heard.coefficient(task) for task in tasks)


def selected_tasks(recipe: MergeRecipe, tasks: tuple[str, ...]) -> tuple[str, ...]:
    """Tasks whose masks count: those chosen (none chosen means all) that are heard.

    Raises:
        MergeError: the mode wants one task and got none or several.
    """
    heard = tuple(task for task in tasks if recipe.coefficient(task) != 0)
    if recipe.masks.mode != "task":
        return tuple(task for task in heard if not recipe.masks.tasks or task in recipe.masks.tasks)
    chosen = recipe.masks.tasks or heard
    if len(set(chosen)) != 1:
        raise MergeError(f"the mask of one task is asked for, got {len(chosen)}: choose one of {', '.join(tasks)}")
    return tuple(task for task in heard if task in chosen)


def spans_of(layout: Layout, recipe: MergeRecipe, tasks: tuple[str, ...]) -> tuple[Span, ...]:
    """Stretches of equal coefficients, block rules applied; together they cover the buffers once."""
    whole = vector_coefficients(recipe, tasks)
    spans: list[Span] = []
    for slot in layout.slots:
        factors = tuple(rule_factor(recipe, slot.key, task) for task in tasks)
        coefficients = tuple(w * f for w, f in zip(whole, factors, strict=True))
        factor = recipe.scale * rule_factor(recipe, slot.key, None)
        if spans and (spans[-1].coefficients, spans[-1].factor) == (coefficients, factor):
            continue
        if spans:
            spans[-1] = Span(spans[-1].start, slot.start, spans[-1].coefficients, spans[-1].factor)
        spans.append(Span(slot.start, layout.length, coefficients, factor))
    return tuple(spans) or (Span(0, layout.length, whole, recipe.scale),)


def check_rules(recipe: MergeRecipe, keys: Collection[str]) -> None:
    """Refuse a rule that matches no key.

    Raises:
        MergeError: names the rule and a key that there is.
    """
    for match in (*(rule.match for rule in recipe.blocks), *(rule.match for rule in recipe.densities)):
        if not any(fnmatchcase(key, match) for key in keys):
            raise MergeError(f'block rule "{match}" matches no key, such as {next(iter(keys))}')


def rule_factor(recipe: MergeRecipe, key: str, expert: str | None) -> float:
    """Factor of the first block rule that matches the key for this expert (None: for the merged vector); else 1."""
    for rule in recipe.blocks:
        if rule.expert == expert and fnmatchcase(key, rule.match):
            return rule.factor
    return 1.0
