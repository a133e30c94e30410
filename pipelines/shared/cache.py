"""ModelCache: the only way to a network that can run. Loads once, merges once per recipe, forgets what fits no more.

A lease lends a merged network that nobody changes: every recipe has its own buffer, so visitors with different faders
never meet, and a run never sees a half-merged network.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import recipe_hash
from pipelines.shared.bank import Banks
from pipelines.shared.device import budget_bytes, free_bytes
from pipelines.shared.family import ModelFamily
from pipelines.shared.full_tier import Turns, place
from pipelines.shared.loading import Loader
from pipelines.shared.shelf import Entry, Shelf
from pipelines.shared.shells import Shells
from pipelines.shared.weights import Listener, LoadProgress

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pipelines.merging.arena import Arena

TWIN = "on the device"  # in the place of a recipe's hash
SMALLEST_BUDGET = 256 << 20


@dataclass(frozen=True)
class Lease:
    """A network ready to run, lent until the `with` block ends. `is_hit`: it was at hand, nothing was merged."""

    model: nn.Module
    recipe: MergeRecipe
    recipe_hash: str
    weights_version: int
    load_s: float
    merge_s: float
    bytes_moved: int
    is_hit: bool


@dataclass(frozen=True)
class ModelRow:
    """One line of the table of models: `users` counts the leases that hold it now."""

    name: str
    size_bytes: int
    device: str
    last_used_s: float
    users: int


@dataclass(frozen=True)
class CacheCounters:
    """What the status bar shows; times are sums over the life of the cache, `run_ms` of all leases.

    `budget_bytes`: what may be held, on all devices; None before the first load, which may decide it.
    """

    hits: int
    misses: int
    loads: int
    evictions: int
    bytes_ram: int
    bytes_device: int
    load_ms: float
    merge_ms: float
    run_ms: float
    budget_bytes: int | None
    models: tuple[ModelRow, ...]


class _Family(NamedTuple):
    """What is loaded: the arena; in the full tier also the mould of its network."""

    arena: Arena
    mould: nn.Module | None

    @property
    def store(self) -> Any:
        """Votes and planes of the arena."""
        return self.arena.store


@dataclass
class _Merged:
    model: nn.Module
    version: int
    merge_s: float
    bytes_moved: int


@dataclass
class _Tally:
    hits: int = 0
    misses: int = 0
    loads: int = 0
    load_s: float = 0.0
    merge_s: float = 0.0
    run_s: float = 0.0


@dataclass
class ModelCache:
    """One per process, made in `app.py` or by a command and passed down.

    Attributes:
        assets: folder that holds weights/.
        device: "cpu", "cuda", "cuda:1".
        precision: of the lent networks' floats; mixes are summed in float32 and rounded once.
        vectors: how task vectors are held, "float32" or "float16": half the memory, mixes differ by 2e-4 of what is
            added to the base.
        banks: where families are kept laid out, to be mapped at the next start; None reads the checkpoints each time.
        ram_bytes, device_bytes: budgets; None takes MIXDECK_RAM_GB and MIXDECK_VRAM_GB, else half of what is free at
            the first load. What is lent is never evicted, so a budget may be passed while leases are out.
    """

    assets: Path
    device: str = "cpu"
    precision: str = "float32"
    vectors: str = "float32"
    banks: Banks | None = None
    ram_bytes: int | None = None
    device_bytes: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _listeners: list[Listener] = field(default_factory=list, repr=False)
    _tally: _Tally = field(default_factory=_Tally, repr=False)
    _turns: Turns = field(default_factory=Turns, repr=False)
    _building: threading.Lock = field(default_factory=threading.Lock, repr=False)  # libraries patch globals meanwhile
    _shells: Shells = field(init=False, repr=False)
    _shelf: Shelf = field(init=False, repr=False)
    _versions: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)

    def __post_init__(self) -> None:
        self._shells = Shells(self._building)
        self._shelf = Shelf(self._budgets)

    @contextmanager
    def lease(self, family: ModelFamily, recipe: MergeRecipe | None = None) -> Iterator[Lease]:
        """Lend the family's network mixed by the recipe; None is the base.

        In the full tier one mix is in memory at a time: another one waits until no lease holds it.

        Raises:
            UserError: weights missing or damaged. MergeError: the recipe does not fit the family, or the mix has a
                value beyond the range of the precision.
        """
        recipe = recipe or MergeRecipe()
        digest = recipe_hash(recipe)
        turn = self._turns.turn((family.name, digest)) if family.tier == "full" else nullcontext()
        with turn, self._leased(family, recipe, digest) as lease:
            yield lease

    @contextmanager
    def _leased(self, family: ModelFamily, recipe: MergeRecipe, digest: str) -> Iterator[Lease]:
        began, load_before = time.perf_counter(), self._tally.load_s
        with self._shelf.held((family.name, digest), lambda: self._merge(family, recipe, digest)) as (entry, is_hit):
            waited = time.perf_counter() - began
            with self._lock:
                self._tally.hits += is_hit
                self._tally.misses += not is_hit
            merged: _Merged = entry.value
            lent = time.perf_counter()
            yield Lease(
                merged.model,
                recipe,
                digest,
                merged.version,
                load_s=0.0 if is_hit else min(waited, self._tally.load_s - load_before),
                merge_s=0.0 if is_hit else merged.merge_s,
                bytes_moved=0 if is_hit else merged.bytes_moved,
                is_hit=is_hit,
            )
            with self._lock:
                self._tally.run_s += time.perf_counter() - lent

    def arena(self, family: ModelFamily) -> Arena:
        """Base and task vectors of a family, loaded if need be."""
        with self._family(family) as loaded:
            return loaded.arena

    def counters(self) -> CacheCounters:
        """A snapshot."""
        now, tally = time.monotonic(), self._tally
        rows = tuple(
            ModelRow(entry.name, entry.held_bytes, entry.device, now - entry.used_at, entry.users)
            for entry in self._shelf.entries()
        )
        on_device = 0 if self.device == "cpu" else self._shelf.size_bytes(self.device)
        return CacheCounters(
            tally.hits, tally.misses, tally.loads, self._shelf.evictions, self._shelf.size_bytes("cpu"), on_device,
            tally.load_s * 1e3, tally.merge_s * 1e3, tally.run_s * 1e3,
            (self.ram_bytes or 0) + (self.device_bytes or 0) or None, rows,
        )  # fmt: skip

    def unload(self, name: str) -> bool:
        """Forget one entry by its name in the table; False when it is lent or not there."""
        return bool(self._shelf.drop(lambda entry: entry.name == name))

    def unload_all(self) -> int:
        """Forget everything that is not lent; returns the bytes given back."""
        return sum(entry.held_bytes for entry in self._shelf.drop(lambda entry: True))

    def add_listener(self, listener: Listener) -> None:
        """Call back with LoadProgress while weights are read."""
        self._listeners.append(listener)

    @contextmanager
    def _family(self, family: ModelFamily) -> Iterator[_Family]:
        with self._shelf.held((family.name, ""), lambda: self._load(family)) as (entry, _):
            yield entry.value

    def _load(self, family: ModelFamily) -> Entry:
        began = time.perf_counter()
        arena, mould = Loader(self.assets, self.vectors, self.banks, self._tell, self._building).load(family)
        with self._lock:
            self._tally.loads += 1
            self._tally.load_s += time.perf_counter() - began
        size_bytes = arena.private_bytes + _unmerged_bytes(arena)
        return Entry(family.name, _Family(arena, mould), size_bytes, is_source=True)

    def _merge(self, family: ModelFamily, recipe: MergeRecipe, digest: str) -> Entry:
        if family.tier == "full":
            self._shelf.make_room()  # the turn of this mix means that no lease holds another
        with self._family(family) as (arena, mould), self._twin(family, arena, mould) as twin:
            merged = twin.merge(recipe)
            weights = placed(twin.views(merged.flat), "cpu" if mould else self.device, self.precision)
            check_live(weights, merged.flat)
            size_bytes = _own_bytes(weights, twin)
            model = self._shells.take(family).filled(weights) if mould is None else self._cast(mould, weights)
        with self._lock:
            self._tally.merge_s += merged.elapsed_s
        value = _Merged(model, next(self._versions), merged.elapsed_s, merged.bytes_moved)
        name = f"{family.name} #{digest[:8]}"
        return Entry(name, value, size_bytes, self.device, is_alone=family.tier == "full")

    def _cast(self, mould: nn.Module, weights: Mapping[str, Tensor]) -> nn.Module:
        with self._building:
            model = poured(mould, weights)
        return place(model, self.device, self._budgets()[self.device])

    @contextmanager
    def _twin(self, family: ModelFamily, arena: Arena, mould: nn.Module | None) -> Iterator[Arena]:
        """The family where it is merged: on the device, if that can merge and half its budget holds it."""
        from pipelines.merging.on_device import can_merge

        is_here = self.device == "cpu" or mould is not None
        if is_here or arena.size_bytes > self._budgets()[self.device] // 2 or not can_merge(self.device):
            yield arena
            return
        with self._shelf.held((family.name, TWIN), lambda: self._moved(family, arena)) as (entry, _):
            yield entry.value

    def _moved(self, family: ModelFamily, arena: Arena) -> Entry:
        from pipelines.merging.on_device import moved

        twin = moved(arena, self.device)
        return Entry(f"{family.name} on {self.device}", twin, twin.size_bytes, self.device, is_source=True)

    def _tell(self, progress: LoadProgress) -> None:
        for listener in tuple(self._listeners):
            listener(progress)

    def _budgets(self) -> dict[str, int]:
        if self.ram_bytes is None:
            import psutil

            half = max(SMALLEST_BUDGET, psutil.virtual_memory().available // 2)
            self.ram_bytes = budget_bytes("MIXDECK_RAM_GB") or half
        budgets = {"cpu": self.ram_bytes}
        if self.device != "cpu":
            if self.device_bytes is None:
                self.device_bytes = budget_bytes("MIXDECK_VRAM_GB") or free_bytes(self.device) // 2
            budgets[self.device] = self.device_bytes
        return budgets


def poured(mould: nn.Module, weights: Mapping[str, Tensor]) -> nn.Module:
    """A network of the mould's form with these tensors as its parameters; the mould stays empty."""
    model = deepcopy(mould)
    model.load_state_dict(weights, strict=True, assign=True)
    tie = getattr(model, "tie_weights", None)
    if tie is not None:
        tie()
    return model.requires_grad_(False).eval()


def placed(weights: Mapping[str, Tensor], device: str, precision: str) -> dict[str, Tensor]:
    """Weights on the device, floats rounded to the precision; tied names stay one tensor."""
    import torch

    dtype = getattr(torch, precision)
    distinct = {id(tensor): tensor for tensor in weights.values()}
    moved = {
        name: tensor.to(device, dtype) if tensor.is_floating_point() else tensor.to(device)
        for name, tensor in distinct.items()
    }
    return {key: moved[id(tensor)] for key, tensor in weights.items()}


def check_live(weights: Mapping[str, Tensor], flat: Tensor) -> None:
    """Refuse a mix with nan or infinity before it runs.

    A sum over the float32 buffer tells in one pass, 0.06 ms for 400,000 weights; in fewer bits, and where that sum
    overflows, each key is looked at. What no expert moved is finite as it was loaded.

    Raises:
        MergeError: a key is not finite in the precision that it runs in; names it.
    """
    import torch

    from pipelines.merging.merge import check_range

    runs_in = {tensor.dtype for tensor in weights.values() if tensor.is_floating_point()}
    if runs_in - {flat.dtype} or not torch.isfinite(flat.sum()):
        check_range(weights)


def _unmerged_bytes(arena: Arena) -> int:
    """Memory of the tensors that no expert moved: shared by all mixes."""
    merged = _storage(arena.base)
    unmerged = {id(view): view.nbytes for view in arena.views(arena.base).values() if _storage(view) != merged}
    return sum(unmerged.values())


def _own_bytes(weights: Mapping[str, Tensor], arena: Arena) -> int:
    """Memory that a mix takes beside its arena: its buffer, and copies of shared tensors on another device."""
    shared = {_storage(view) for view in arena.views(arena.base).values()}
    storages = {_storage(tensor): tensor.untyped_storage().nbytes() for tensor in weights.values()}
    return sum(size for storage, size in storages.items() if storage not in shared)


def _storage(tensor: Tensor) -> int:
    """The same number for tensors that share memory, on any device, also where memory has no address."""
    return tensor.untyped_storage()._cdata
