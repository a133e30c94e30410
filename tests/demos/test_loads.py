"""What a visitor is told while checkpoints are read."""

from __future__ import annotations

from typing import Any

import pytest

from demos.loads import LARGE_BYTES, LoadMessages
from pipelines.shared.weights import LoadProgress


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr("gradio.Info", lambda text, **named: lines.append(text))
    return lines


def test_a_large_checkpoint_is_told_in_quarters_and_again_when_it_is_read_again(told: list[str]) -> None:
    listener, total = LoadMessages(), 400_000_000
    for done in (*range(0, total + 1, 4_000_000), 0):
        listener(LoadProgress("up/<base>", done, total))
    assert told == [f"up/&lt;base&gt;: {done} of 400 MB" for done in (0, 100, 200, 300, 400, 0)]


def test_a_small_checkpoint_is_not_told(told: list[str]) -> None:
    for done in (0, LARGE_BYTES - 1):
        LoadMessages()(LoadProgress("small", done, LARGE_BYTES - 1))
    assert told == []


def test_the_page_tells_what_its_cache_reads(told: list[str], built: Any) -> None:
    for listener in built.workshop.cache.listeners:
        listener(LoadProgress("full/base", 0, 400_000_000))
    assert told == ["full/base: 0 of 400 MB"]
