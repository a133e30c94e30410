"""Shards of generated data: made once, by processes of their own, in order, while a training already uses the first."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Protocol

from pipelines.shared.errors import UserError

PATIENCE_S = 1800  # for a shard that a training needs


class Shard(Protocol):
    """A numbered part of the data of a recipe, made from its seed and number alone; it appears whole or not at all."""

    @property
    def stem(self) -> Path:
        """Path of its files, without their endings."""

    @property
    def is_there(self) -> bool:
        """Whether it is made."""

    def make(self) -> None:
        """Make it, unless it is there."""


def wait_for(shard: Shard) -> None:
    """Return when the shard is there. Raises UserError when it does not come, with the reason where there is one."""
    end = time.monotonic() + PATIENCE_S
    while not shard.is_there:
        if _failure(shard).is_file():
            raise UserError(f"{shard.stem.name} could not be made: {_failure(shard).read_text(encoding='utf-8')}")
        if time.monotonic() > end:
            raise UserError(f"{shard.stem.name} did not come within {PATIENCE_S} s: did its process stop?")
        time.sleep(0.5)


def start_making(shards: Sequence[Shard], workers: int) -> list[BaseProcess]:
    """Make shards in `workers` processes, in order, as far as they are not there.

    They end with this process; where it was killed, with the shard that they are at.
    """
    missing = [shard for shard in shards if not shard.is_there]
    for shard in missing:
        _failure(shard).unlink(missing_ok=True)
    spawned = multiprocessing.get_context("spawn")
    processes: list[BaseProcess] = [
        spawned.Process(target=_make_all, args=(missing[first::workers],), daemon=True)
        for first in range(min(workers, len(missing)))
    ]
    for process in processes:
        process.start()
    return processes


def _make_all(shards: Sequence[Shard]) -> None:
    import cv2

    cv2.setNumThreads(0)
    starter = multiprocessing.parent_process()
    for number, shard in enumerate(shards):
        if starter is not None and not starter.is_alive():
            return
        try:
            shard.make()
        except Exception as error:
            _note_failure(shards[number:], error)
            raise


def _failure(shard: Shard) -> Path:
    """Says why a shard does not come. A file: those who wait are workers of a loader, which cannot see the makers."""
    return shard.stem.with_suffix(".failed")


def _note_failure(shards: Sequence[Shard], error: Exception) -> None:
    for shard in shards:
        shard.stem.parent.mkdir(parents=True, exist_ok=True)
        _failure(shard).write_text(str(error) or type(error).__name__, encoding="utf-8")
