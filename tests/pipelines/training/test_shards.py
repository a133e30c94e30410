"""Shards come from processes of their own, and a training that waits in vain is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelines.shared.errors import UserError
from pipelines.training import shards


@dataclass(frozen=True)
class Note:
    """A shard that writes its number."""

    folder: Path
    number: int

    @property
    def stem(self) -> Path:
        return self.folder / f"note-{self.number}"

    @property
    def is_there(self) -> bool:
        return self.stem.is_file()

    def make(self) -> None:
        self.stem.write_text(str(self.number))


def test_what_is_missing_is_made_beside_the_caller(tmp_path):
    wanted = [Note(tmp_path, number) for number in range(3)]
    wanted[1].stem.write_text("made before")
    processes = shards.start_making(wanted, workers=1)
    for shard in wanted:
        shards.wait_for(shard)
    processes[0].join()
    assert [shard.stem.read_text() for shard in wanted] == ["0", "made before", "2"]


def test_nothing_missing_starts_no_process(tmp_path):
    shard = Note(tmp_path, 0)
    shard.make()
    assert shards.start_making([shard], workers=2) == []


def test_waiting_in_vain_names_the_shard(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "PATIENCE_S", 0)
    with pytest.raises(UserError, match="note-7"):
        shards.wait_for(Note(tmp_path, 7))
