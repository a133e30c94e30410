"""Memory goes back to the system."""

from __future__ import annotations

import sys

import psutil
import pytest

from demos.memory import few_arenas, give_back


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc gives pages back")
def test_memory_that_nobody_holds_goes_back() -> None:
    def resident() -> int:
        return psutil.Process().memory_info().rss

    give_back()
    before = resident()
    blocks = [bytearray(60_000) for _ in range(2000)]  # below the size that has pages of its own
    pin = bytearray(60_000)  # above the blocks on the heap, so that free alone returns nothing
    held = resident()
    del blocks
    give_back()
    assert held - before > 100e6 and resident() - before < 20e6
    assert pin is not None


def test_it_is_harmless_where_there_is_nothing_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    few_arenas()
    give_back()
