"""Things by key: made once for all who wait, counted while they are held, dropped by age when memory is short."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Key = tuple[str, str]


@dataclass
class Entry:
    """Something on the shelf.

    Attributes:
        size_bytes: its memory on `device`.
        is_source: others are made of it, so it goes after them.
        is_alone: there is room for one such thing at a time.
    """

    name: str
    value: Any
    size_bytes: int
    device: str = "cpu"
    is_source: bool = False
    is_alone: bool = False
    users: int = 0
    used_at: float = 0.0

    @property
    def held_bytes(self) -> int:
        """With the votes and planes that merges of an arena have left for the next."""
        store = getattr(self.value, "store", None)
        return self.size_bytes + (store.size_bytes if store is not None else 0)


@dataclass
class Shelf:
    """Entries within budgets; what is held is never dropped, so a budget may be passed meanwhile.

    Attributes:
        budgets: device -> bytes, asked for when something was added or given back.
        evictions: entries dropped for want of memory.
    """

    budgets: Callable[[], dict[str, int]]
    evictions: int = 0
    _entries: dict[Key, Entry] = field(default_factory=dict)
    _pending: dict[Key, Future] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def held(self, key: Key, make: Callable[[], Entry]) -> Iterator[tuple[Entry, bool]]:
        """The entry while the `with` block lasts, and whether it was there.

        It is made by one thread while the others wait; an error of `make`, or of the budgets, reaches all of them.
        """
        entry, was_there = self._hold(key, make)
        try:
            yield entry, was_there
        finally:
            with self._lock:
                entry.users -= 1
                entry.used_at = time.monotonic()
                self._evict()

    def entries(self) -> tuple[Entry, ...]:
        """What there is now."""
        with self._lock:
            return tuple(self._entries.values())

    def size_bytes(self, device: str) -> int:
        """Memory of everything on a device."""
        return sum(entry.held_bytes for entry in self.entries() if entry.device == device)

    def drop(self, which: Callable[[Entry], bool]) -> tuple[Entry, ...]:
        """Forget what is not held and fits; gives what was dropped."""
        with self._lock:
            found = {key: one for key, one in self._entries.items() if one.users == 0 and which(one)}
            for key in found:
                del self._entries[key]
            return tuple(found.values())

    def make_room(self) -> None:
        """Drop what can be there only alone."""
        self.evictions += len(self.drop(lambda entry: entry.is_alone))

    def _hold(self, key: Key, make: Callable[[], Entry]) -> tuple[Entry, bool]:
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
                future.result()  # raises what the maker raised; else look again, for it may be dropped by now
                continue
            return self._make(key, make, future), False

    def _make(self, key: Key, make: Callable[[], Entry], future: Future) -> Entry:
        try:
            entry = make()
            with self._lock:
                entry.users, entry.used_at = 1, time.monotonic()
                self._entries[key] = entry
                self._evict()
                del self._pending[key]
        except BaseException as error:
            with self._lock:
                self._entries.pop(key, None)
                del self._pending[key]
            future.set_exception(error)
            raise
        future.set_result(None)
        return entry

    def _evict(self) -> None:
        """Drop what was used longest ago until all budgets hold.

        What merges left for the next goes first, even of a held arena; then merged networks, then their sources.
        """
        for device, budget in self.budgets().items():
            self._forget_planes(device, budget)
            idle = sorted(
                (key for key, entry in self._entries.items() if entry.users == 0 and entry.device == device),
                key=lambda key: (self._entries[key].is_source, self._entries[key].used_at),
            )
            for key in idle:
                if self.size_bytes(device) <= budget:
                    break
                del self._entries[key]
                self.evictions += 1

    def _forget_planes(self, device: str, budget: int) -> None:
        arenas = (
            entry for entry in self._entries.values() if entry.device == device and entry.held_bytes > entry.size_bytes
        )
        for entry in sorted(arenas, key=lambda one: one.used_at):
            if self.size_bytes(device) <= budget:
                break
            entry.value.store.clear()
