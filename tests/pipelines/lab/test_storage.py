from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file

from pipelines.lab.storage import StorageRow, step_count, storage_rows, storage_steps, weigh, write_collection
from pipelines.lab.trial import Trial
from pipelines.shared.tall_archive import read_archive


def test_a_row_is_the_bytes_of_files(trial: Trial, tmp_path: Path) -> None:
    *_, row = weigh(trial.arena, trial.tasks, tmp_path)
    assert isinstance(row, StorageRow)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert row.planes.total == sizes["planes.safetensors"] and row.coded.total == sizes["coded.safetensors"]
    experts = sum(sizes[f"{name}.safetensors"] for name in ("base", *trial.tasks))
    assert row.experts == experts
    deltas = [size for name, size in sizes.items() if name.endswith(".delta.safetensors")]
    assert row.deltas == sizes["base.safetensors"] + sum(deltas) and len(deltas) == 3
    assert row.formula == ((2 * 16 + 3) * 1800 + 16 * 5) / 8
    assert read_archive(tmp_path / "coded.safetensors").tasks == trial.tasks


def test_there_is_a_row_for_each_count_that_the_family_has(trial: Trial) -> None:
    assert [row.tasks for row in storage_rows(trial.arena, trial.tasks)] == [2]


def test_every_file_is_told_so_that_a_stop_waits_for_no_row(trial: Trial, tmp_path: Path) -> None:
    steps = list(storage_steps(trial.arena, trial.tasks, (2, 3)))
    assert [isinstance(step, StorageRow) for step in steps] == [False] * 5 + [True] + [False] * 6 + [True]
    assert len(steps) == step_count(2) + step_count(3)
    begun = weigh(trial.arena, trial.tasks, tmp_path)
    next(begun)
    assert [path.name for path in tmp_path.iterdir()] == ["planes.safetensors"]


def test_experts_are_stored_without_what_nobody_moved(trial: Trial, tmp_path: Path) -> None:
    size = write_collection(trial.arena, trial.tasks[:2], tmp_path)
    assert size == sum(path.stat().st_size for path in tmp_path.iterdir())
    with safe_open(tmp_path / "north.safetensors", "pt") as file:
        assert list(file.keys()) == ["rows"]


def test_differences_are_smaller_than_experts_and_say_their_base(trial: Trial, tmp_path: Path) -> None:
    *_, row = weigh(trial.arena, trial.tasks, tmp_path)
    assert isinstance(row, StorageRow) and row.deltas < row.experts
    assert load_file(tmp_path / "base.safetensors")["rows"].shape == (3, 600)


def test_the_smallest_is_named_and_of_equals_what_loses_nothing() -> None:
    def named(deltas: int, planes: int, coded: int) -> str:
        sizes: list[Any] = [SimpleNamespace(total=total) for total in (planes, coded)]
        return StorageRow(2, 100, deltas, *sizes).smallest

    assert named(50, 60, 55) == "differences" and named(50, 50, 50) == "differences"
    assert named(60, 50, 55) == "vector and masks" and named(60, 55, 50) == "masks coded"
