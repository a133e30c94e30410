"""Words that all tabs share."""

from __future__ import annotations

from demos.words import traffic
from pipelines.shared.run_info import RunInfo


def test_a_merge_tells_how_much_it_moved_and_how_fast() -> None:
    run = RunInfo("toy", "embedded", {}, "0", 1, "cpu", {"merge": 0.0004}, bytes_moved=1_600_000)
    assert traffic(run) == ["1.6 MB moved at 4.0 GB/s"]


def test_a_network_that_was_at_hand_moved_nothing() -> None:
    assert traffic(RunInfo("toy", "embedded", {}, "0", 1, "cpu", {"merge": 0.0}, is_cached=True)) == []
