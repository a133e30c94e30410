"""What was made lately and need not be made again, up to a number of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any


class Shelf:
    """The values used last, up to a number of bytes. Safe to use from several threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._held = most_bytes, 0
        self._items: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Any:
        """The value, or None."""
        with self._lock:
            if key not in self._items:
                return None
            self._items.move_to_end(key)
            return self._items[key][0]

    def put(self, key: str, value: Any, size_bytes: int) -> None:
        """Keep a value; the oldest go while there is too much."""
        with self._lock:
            self._held -= self._items.pop(key, (None, 0))[1]
            self._items[key] = (value, size_bytes)
            self._held += size_bytes
            while self._held > self._most and len(self._items) > 1:
                self._held -= self._items.popitem(last=False)[1][1]

    def clear(self) -> None:
        """Keep nothing."""
        with self._lock:
            self._items.clear()
            self._held = 0
