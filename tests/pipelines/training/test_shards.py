"""Shards come from processes of their own, and a training that waits in vain is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
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


@dataclass(frozen=True)
class Blot(Note):
    """A shard that cannot be made."""

    def make(self) -> None:
        raise UserError("There is no ink: buy some.")


def test_a_maker_that_stops_ends_the_waiting_for_all_its_shards_with_its_reason(tmp_path):
    wanted = [Blot(tmp_path / "deep", number) for number in range(2)]
    (maker,) = shards.start_making(wanted, workers=1)
    for shard in wanted:
        with pytest.raises(UserError, match=f"{shard.stem.name} could not be made: There is no ink: buy some"):
            shards.wait_for(shard)
    maker.join()
    assert maker.exitcode == 1


def test_the_failure_of_an_earlier_run_is_forgotten(tmp_path):
    Note(tmp_path, 0).stem.with_suffix(".failed").write_text("no ink")
    shards.start_making([Note(tmp_path, 0)], workers=1)
    shards.wait_for(Note(tmp_path, 0))


def test_waiting_in_vain_names_the_shard(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "PATIENCE_S", 0)
    with pytest.raises(UserError, match="note-7"):
        shards.wait_for(Note(tmp_path, 7))


class Patient(Note):
    """A shard that takes a while."""

    def make(self) -> None:
        time.sleep(0.2)
        super().make()


def start_and_stay(folder: str) -> None:
    """A training that waits for shards, to be killed."""
    shards.start_making([Patient(Path(folder), number) for number in range(200)], workers=1)
    time.sleep(60)


def test_makers_end_when_their_training_is_killed(tmp_path):
    code = f"from {__name__} import start_and_stay; start_and_stay({str(tmp_path)!r})"
    training = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).resolve().parents[3])
    shards.wait_for(Note(tmp_path, 0))
    os.kill(training.pid, signal.SIGKILL)
    training.wait()
    time.sleep(1)  # the shard that was being made
    made = len(list(tmp_path.iterdir()))
    time.sleep(1)
    assert made == len(list(tmp_path.iterdir())) < 100
