from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

from pipelines.lab.storage import write_collection, write_tall
from pipelines.lab.trial import Trial


def test_the_file_gives_back_what_its_mask_keeps(trial: Trial, tmp_path: Path) -> None:
    size = write_tall(trial.arena, trial.tasks, tmp_path)
    path = tmp_path / "tall.safetensors"
    assert size == path.stat().st_size
    with safe_open(path, "pt") as file:
        base, vector = file.get_tensor("rows").float(), file.get_tensor("tall.vector").float()
        bits, exponent = file.get_tensor("tall.masks").numpy(), int(file.metadata()["exponent"])
    mask = torch.from_numpy(np.unpackbits(bits[1], bitorder="little", count=1800)).bool()
    rebuilt = base.flatten() + mask * vector / 2.0**exponent
    recipe = trial.tall_recipe({}, "sum", trial.tasks[1])
    expected = trial.arena.views(trial.arena.merge(recipe).flat)["rows"].flatten()
    torch.testing.assert_close(rebuilt, expected, rtol=2e-3, atol=2e-3)


def test_experts_are_stored_without_what_nobody_moved(trial: Trial, tmp_path: Path) -> None:
    size = write_collection(trial.arena, trial.tasks[:2], tmp_path)
    assert size == sum(path.stat().st_size for path in tmp_path.iterdir())
    with safe_open(tmp_path / "north.safetensors", "pt") as file:
        assert list(file.keys()) == ["rows"]
