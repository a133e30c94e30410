"""The table of networks in memory."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from demos.held import HeldNetworks, held_table
from demos.status import StatusBar
from demos.tab import Workshop
from pipelines.shared.cache import ModelRow
from pipelines.shared.errors import UserError
from tests.demos.conftest import FakeCache

ROWS = (ModelRow("toy <1>", 2_500_000, "cpu", 3.4, 0), ModelRow("toy #12345678", 1_000_000, "cuda", 0.2, 1))


class Cache(FakeCache):
    """Holds two networks, of which one is lent."""

    def __init__(self) -> None:
        super().__init__(Path())
        self.rows = ROWS

    def counters(self) -> Any:
        return SimpleNamespace(**{**vars(super().counters()), "models": self.rows})

    def unload(self, name: str) -> bool:
        kept = tuple(row for row in self.rows if row.name != name or row.users)
        is_gone, self.rows = len(kept) < len(self.rows), kept
        return is_gone


@pytest.fixture
def held() -> HeldNetworks:
    with gr.Blocks():
        return HeldNetworks(Cache())  # type: ignore[arg-type]


def test_the_table_tells_size_place_and_use_and_renders_no_name() -> None:
    table = held_table(ROWS)
    assert "toy &lt;1&gt;" in table and "2.5 MB" in table and "cuda" in table and "3 s ago" in table
    assert "None" in held_table(())


def test_what_is_not_lent_can_be_unloaded_by_its_name(held: HeldNetworks) -> None:
    assert held.now()[held.name]["choices"] == ["toy <1>", "toy #12345678"]
    updates = held.unload("toy <1>")
    assert updates[held.name]["choices"] == ["toy #12345678"] and "2.5 MB" not in updates[held.table]
    with pytest.raises(UserError, match="toy #12345678 runs just now"):
        held.unload("toy #12345678")
    with pytest.raises(UserError, match="Choose a network"):
        held.unload(None)


def test_the_bar_brings_the_table_up_to_date_after_a_run_and_strangers_have_none() -> None:
    workshop = Workshop(Cache(), Path())  # type: ignore[arg-type]
    with gr.Blocks():
        own, public = StatusBar(workshop), StatusBar(workshop, has_models=False)
    assert own.held is not None and own.now().keys() == {own.bar, own.held.table, own.held.name}
    assert set(own.outputs) == own.now().keys() and public.held is None and public.now().keys() == {public.bar}
