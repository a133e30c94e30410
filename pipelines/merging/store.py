"""What one merge leaves for the next: whole-length tensors, bounded in bytes, made at once or in the background.

Keys say everything that a tensor depends on, so nothing is ever wrong here, only absent. A stored tensor is never
written to again. The store belongs to its arena and goes with it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from torch import Tensor

MOST_BYTES = 2 << 30


class Store:
    """Tensors by key; what was used longest ago goes first when they pass `limit_bytes`."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = min(limit_bytes, MOST_BYTES)
        self._tensors: OrderedDict[Hashable, Tensor] = OrderedDict()
        self._size_bytes = 0
        self._last: dict[Hashable, Hashable] = {}
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None

    @property
    def size_bytes(self) -> int:
        """Memory of what is stored."""
        return self._size_bytes

    def get(self, key: Hashable) -> Tensor | None:
        """The tensor, or None where it was never made or is dropped."""
        with self._lock:
            if key in self._tensors:
                self._tensors.move_to_end(key)
            return self._tensors.get(key)

    def put(self, key: Hashable, tensor: Tensor) -> Tensor:
        """Keep a finished tensor, unless it is larger than the store; gives it back."""
        with self._lock:
            if (before := self._tensors.pop(key, None)) is not None:
                self._size_bytes -= before.nbytes
            self._tensors[key] = tensor
            self._size_bytes += tensor.nbytes
            while self._size_bytes > self.limit_bytes:
                self._size_bytes -= self._tensors.popitem(last=False)[1].nbytes
        return tensor

    def clear(self) -> int:
        """Forget everything; gives the bytes given back. A merge that holds a tensor keeps it until it is done."""
        with self._lock:
            given, self._size_bytes = self._size_bytes, 0
            self._tensors.clear()
            return given

    def exchange(self, subject: Hashable, value: Hashable) -> Hashable | None:
        """Note what a subject is asked for now; gives what it was asked for before, None at first."""
        with self._lock:
            before = self._last.get(subject)
            self._last = {subject: value}  # only the newest subject: another fader position starts anew
            return before

    def later(self, build: Callable[[], None]) -> None:
        """Build and put tensors in the background, one such job at a time: while one runs, others are not taken on."""
        with self._lock:
            if self._worker is not None and self._worker.is_alive():
                return
            self._worker = threading.Thread(target=build, name="planes")
            self._worker.start()

    def wait(self) -> None:
        """Until the background has nothing to do."""
        if self._worker is not None:
            self._worker.join()
