"""Memory of the process: kept together while it serves, and given back to the system when asked."""

from __future__ import annotations

import ctypes
import gc
import sys

M_ARENA_MAX = -8  # of glibc's mallopt


def few_arenas(count: int = 1) -> None:
    """Make all threads allocate from the same arenas (glibc; elsewhere nothing happens).

    Runs wander over the server's threads. With an arena each, every thread keeps the buffers of the largest picture it
    has seen: 24 visitors left 150 MB behind, with one arena 40.
    """
    libc = _libc()
    if libc is not None and hasattr(libc, "mallopt"):
        libc.mallopt(M_ARENA_MAX, count)


def give_back() -> None:
    """Collect what nobody holds and return free pages to the system (glibc)."""
    gc.collect()
    libc = _libc()
    if libc is not None and hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def _libc() -> ctypes.CDLL | None:
    return ctypes.CDLL(None) if sys.platform == "linux" else None
