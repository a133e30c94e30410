"""mergekit's recipes through the merge command: merged, converted, converted back, refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from pipelines.__main__ import main

CONFIG = """
merge_method: task_arithmetic
base_model: base.safetensors
dtype: float32
models:
  - model: base.safetensors
  - model: left.safetensors
    parameters: {weight: [0.0, 1.0]}
  - model: right.safetensors
    parameters:
      weight:
        - {filter: bias, value: 0.25}
        - value: 0.5
parameters: {lambda: 0.5}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = torch.Generator().manual_seed(0)
    shapes = {f"layers.{i}.{part}": (4, 3) for i in range(3) for part in ("weight", "bias")} | {"head.weight": (2, 4)}
    for name in ("base", "left", "right"):
        save_file({key: torch.randn(shape, generator=generator) for key, shape in shapes.items()},
                  tmp_path / f"{name}.safetensors")  # fmt: skip
    (tmp_path / "theirs.yaml").write_text(CONFIG)
    return tmp_path


def expected(folder: Path) -> dict[str, torch.Tensor]:
    base, left, right = (load_file(folder / f"{name}.safetensors") for name in ("base", "left", "right"))
    merged = {}
    for key, value in base.items():
        layer = int(key.split(".")[1]) if key.startswith("layers") else 0
        weights = layer / 2, 0.25 if "bias" in key else 0.5
        merged[key] = value + 0.5 * (weights[0] * (left[key] - value) + weights[1] * (right[key] - value))
    return merged


def assert_merged(out: Path, wanted: dict[str, torch.Tensor]) -> None:
    found = load_file(out)
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        torch.testing.assert_close(found[key], value, rtol=1e-6, atol=1e-6)


def test_a_configuration_is_merged_and_its_fidelity_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["merge", str(folder / "theirs.yaml"), "--out", str(folder / "mix.safetensors"), "--strangers"]) == 0
    assert_merged(folder / "mix.safetensors", expected(folder))
    told = capsys.readouterr().out
    assert "exact" in told and "lambda" in told and "≤1 ulp" in told


def test_converted_there_and_back_it_is_the_same_recipe(folder: Path) -> None:
    for given, out in (("theirs", "ours"), ("ours", "again"), ("again", "ours-again")):
        assert main(["merge", str(folder / f"{given}.yaml"), "--out", str(folder / f"{out}.yaml")]) == 0
    ours, again = (yaml.safe_load((folder / f"{name}.yaml").read_text()) for name in ("ours", "ours-again"))
    assert ours == again and ours["mixdeck_recipe"] == 1
    theirs = yaml.safe_load((folder / "again.yaml").read_text())
    assert theirs["merge_method"] == "task_arithmetic" and theirs["parameters"] == {"lambda": 0.5}
    assert main(["merge", str(folder / "ours.yaml"), "--out", str(folder / "mix.safetensors"), "--strangers"]) == 0
    assert_merged(folder / "mix.safetensors", expected(folder))


def test_what_cannot_be_read_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "theirs.yaml").write_text("merge_method: passthrough\nmodels: [{model: base.safetensors}]\n")
    assert main(["merge", str(folder / "theirs.yaml"), "--out", str(folder / "ours.yaml")]) != 0
    assert not (folder / "ours.yaml").exists()
    assert "changes the depth" in capsys.readouterr().err


def test_masks_are_not_exported_and_the_way_out_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = {
        "mixdeck_recipe": 1,
        "family": {"id": "two", "base": {"ref": "base.safetensors"}},
        "experts": {"left": {"ref": "left.safetensors"}},
        "merge": {"vector": {"method": "tall_masks"}, "weights": {"left": 1.0}, "masks": {"mode": "union"}},
    }
    (folder / "ours.yaml").write_text(yaml.safe_dump(document))
    assert main(["merge", str(folder / "ours.yaml"), "--out", str(folder / "theirs-again.yaml")]) != 0
    assert "pass that one through" in capsys.readouterr().err and not (folder / "theirs-again.yaml").exists()
