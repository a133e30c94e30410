"""ModelCache: the only way to a network that can run. Loads once, merges once per recipe, forgets what fits no more.

A lease lends a merged network that nobody changes: every recipe has its own buffer, so visitors with different faders
never meet, and a run never sees a half-merged network.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipelines.merging.recipe import MergeRecipe, recipe_hash
from pipelines.shared.bank import Banks
from pipelines.shared.device import budget_bytes, free_bytes
from pipelines.shared.family import ModelFamily
from pipelines.shared.full_tier import Turns, place
from pipelines.shared.loading import Loader
from pipelines.shared.shells import Shells
from pipelines.shared.weights import Listener, LoadProgress

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pipelines.merging.arena import Arena

Made = TypeVar("Made")
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
    """What the status bar shows; times are sums over the life of the cache."""

    hits: int
    misses: int
    loads: int
    evictions: int
    bytes_ram: int
    bytes_device: int
    load_ms: float
    merge_ms: float
    models: tuple[ModelRow, ...]


@dataclass
class _Entry:
    """Something in the cache: a family's arena (full tier: with the mould of its network), or a merged network."""

    name: str
    value: Any
    size_bytes: int
    device: str = "cpu"
    users: int = 0
    used_at: float = 0.0
    mould: nn.Module | None = None
    is_full_mix: bool = False

    @property
    def held_bytes(self) -> int:
        """With the votes and planes that merges of an arena have left for the next."""
        store = getattr(self.value, "store", None)
        return self.size_bytes + (store.size_bytes if store is not None else 0)


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
    evictions: int = 0
    load_s: float = 0.0
    merge_s: float = 0.0


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
    _entries: dict[tuple[str, str], _Entry] = field(default_factory=dict, repr=False)
    _pending: dict[tuple[str, str], Future] = field(default_factory=dict, repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _listeners: list[Listener] = field(default_factory=list, repr=False)
    _tally: _Tally = field(default_factory=_Tally, repr=False)
    _turns: Turns = field(default_factory=Turns, repr=False)
    _building: threading.Lock = field(default_factory=threading.Lock, repr=False)  # libraries patch globals meanwhile
    _shells: Shells = field(init=False, repr=False)
    _versions: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)

    def __post_init__(self) -> None:
        self._shells = Shells(self._building)

    @contextmanager
    def lease(self, family: ModelFamily, recipe: MergeRecipe | None = None) -> Iterator[Lease]:
        """Lend the family's network mixed by the recipe; None is the base.

        In the full tier one mix is in memory at a time: another one waits until no lease holds it.

        Raises:
            UserError: weights missing or damaged. MergeError: the recipe does not fit the family.
        """
        recipe = recipe or MergeRecipe()
        digest = recipe_hash(recipe)
        turn = self._turns.turn((family.name, digest)) if family.tier == "full" else nullcontext()
        with turn, self._leased(family, recipe, digest) as lease:
            yield lease

    @contextmanager
    def _leased(self, family: ModelFamily, recipe: MergeRecipe, digest: str) -> Iterator[Lease]:
        began, load_before = time.perf_counter(), self._tally.load_s
        entry, is_hit = self._hold((family.name, digest), lambda: self._merge(family, recipe, digest))
        with self._lock:
            self._tally.hits += is_hit
            self._tally.misses += not is_hit
        merged: _Merged = entry.value
        waited = time.perf_counter() - began
        try:
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
        finally:
            self._release(entry)

    def arena(self, family: ModelFamily) -> Arena:
        """Base and task vectors of a family, loaded if need be."""
        entry, _ = self._hold((family.name, ""), lambda: self._load(family))
        self._release(entry)
        return entry.value

    def counters(self) -> CacheCounters:
        """A snapshot."""
        now = time.monotonic()
        with self._lock:
            rows = tuple(
                ModelRow(entry.name, entry.held_bytes, entry.device, now - entry.used_at, entry.users)
                for entry in self._entries.values()
            )
            tally = self._tally
            on_device = 0 if self.device == "cpu" else self._bytes(self.device)
            return CacheCounters(
                tally.hits, tally.misses, tally.loads, tally.evictions, self._bytes("cpu"), on_device,
                tally.load_s * 1e3, tally.merge_s * 1e3, rows,
            )  # fmt: skip

    def unload(self, name: str) -> bool:
        """Forget one entry by its name in the table; False when it is lent or not there."""
        with self._lock:
            for key, entry in list(self._entries.items()):
                if entry.name == name and entry.users == 0:
                    del self._entries[key]
                    return True
        return False

    def unload_all(self) -> int:
        """Forget everything that is not lent; returns the bytes given back."""
        with self._lock:
            idle = {key: entry for key, entry in self._entries.items() if entry.users == 0}
            for key in idle:
                del self._entries[key]
            return sum(entry.held_bytes for entry in idle.values())

    def add_listener(self, listener: Listener) -> None:
        """Call back with LoadProgress while weights are read."""
        self._listeners.append(listener)

    def _hold(self, key: tuple[str, str], make: Callable[[], _Entry]) -> tuple[_Entry, bool]:
        """The entry, counted as in use; made by one thread while the others wait. Its error reaches all of them."""
        while True:
            with self._lock:
                if entry := self._entries.get(key):
                    entry.users += 1
                    entry.used_at = time.monotonic()
                    return entry, True
                future = self._pending.get(key)
                is_maker = future is None
                if future is None:
                    future = self._pending[key] = Future()
            if not is_maker:
                future.result()  # raises what the maker raised; else look again, for it may be evicted by now
                continue
            return self._make(key, make, future), False

    def _make(self, key: tuple[str, str], make: Callable[[], _Entry], future: Future) -> _Entry:
        try:
            entry = make()
        except BaseException as error:
            with self._lock:
                del self._pending[key]
            future.set_exception(error)
            raise
        with self._lock:
            entry.users, entry.used_at = 1, time.monotonic()
            self._entries[key] = entry
            del self._pending[key]
            self._evict()
        future.set_result(None)
        return entry

    def _release(self, entry: _Entry) -> None:
        with self._lock:
            entry.users -= 1
            entry.used_at = time.monotonic()
            self._evict()

    def _load(self, family: ModelFamily) -> _Entry:
        began = time.perf_counter()
        loader = Loader(self.assets, self.vectors, self.banks, self._tell, self._building)
        arena, mould = loader.load(family)
        with self._lock:
            self._tally.loads += 1
            self._tally.load_s += time.perf_counter() - began
        return _Entry(family.name, arena, arena.private_bytes + _unmerged_bytes(arena), mould=mould)

    def _merge(self, family: ModelFamily, recipe: MergeRecipe, digest: str) -> _Entry:
        if family.tier == "full":
            self._drop_full_mixes()
        holder, _ = self._hold((family.name, ""), lambda: self._load(family))
        try:
            with self._twin(family, holder) as arena:
                merged = arena.merge(recipe)
                weights = placed(arena.views(merged.flat), "cpu" if holder.mould else self.device, self.precision)
            if holder.mould is None:
                model = self._shells.take(family).filled(weights)
            else:
                with self._building:
                    model = poured(holder.mould, weights)
            size_bytes = _own_bytes(weights, arena)
            if holder.mould is not None:
                model = place(model, self.device, self._budgets()[self.device])
        finally:
            self._release(holder)
        with self._lock:
            self._tally.merge_s += merged.elapsed_s
        value = _Merged(model, next(self._versions), merged.elapsed_s, merged.bytes_moved)
        name = f"{family.name} #{digest[:8]}"
        return _Entry(name, value, size_bytes, self.device, is_full_mix=family.tier == "full")

    @contextmanager
    def _twin(self, family: ModelFamily, holder: _Entry) -> Iterator[Arena]:
        """The family where it is merged: on the device, if that can merge and half its budget holds it."""
        from pipelines.merging.on_device import can_merge

        arena: Arena = holder.value
        is_here = self.device == "cpu" or holder.mould is not None
        if is_here or arena.size_bytes > self._budgets()[self.device] // 2 or not can_merge(self.device):
            yield arena
            return
        entry, _ = self._hold((family.name, TWIN), lambda: self._moved(family, arena))
        try:
            yield entry.value
        finally:
            self._release(entry)

    def _moved(self, family: ModelFamily, arena: Arena) -> _Entry:
        from pipelines.merging.on_device import moved

        twin = moved(arena, self.device)
        return _Entry(f"{family.name} on {self.device}", twin, twin.size_bytes, self.device)

    def _drop_full_mixes(self) -> None:
        """Make room before the next full-tier mix is made; its turn means that no lease holds another."""
        with self._lock:
            for key, entry in list(self._entries.items()):
                if entry.is_full_mix and entry.users == 0:
                    del self._entries[key]
                    self._tally.evictions += 1

    def _tell(self, progress: LoadProgress) -> None:
        for listener in tuple(self._listeners):
            listener(progress)

    def _evict(self) -> None:
        """Drop what was used longest ago until both budgets hold.

        What merges left for the next goes first, even of a lent arena; then merged networks, then arenas.
        """
        for device, budget in self._budgets().items():
            self._forget_planes(device, budget)
            idle = sorted(
                (key for key, entry in self._entries.items() if entry.users == 0 and entry.device == device),
                key=lambda key: (key[1] in ("", TWIN), self._entries[key].used_at),
            )
            for key in idle:
                if self._bytes(device) <= budget:
                    break
                del self._entries[key]
                self._tally.evictions += 1

    def _forget_planes(self, device: str, budget: int) -> None:
        arenas = (
            entry for entry in self._entries.values() if entry.device == device and entry.held_bytes > entry.size_bytes
        )
        for entry in sorted(arenas, key=lambda one: one.used_at):
            if self._bytes(device) <= budget:
                break
            entry.value.store.clear()

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

    def _bytes(self, device: str) -> int:
        return sum(entry.held_bytes for entry in self._entries.values() if entry.device == device)


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
