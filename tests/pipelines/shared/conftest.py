"""A toy family on disk: two linear layers, two experts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pipelines.shared.family import ModelFamily, ModelSpec


def build() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def spec(name: str) -> ModelSpec:
    return ModelSpec(f"toy/{name}", f"assets:toy/{name}.safetensors", None, "Apache-2.0")


@pytest.fixture
def toy_family(tmp_path: Path) -> ModelFamily:
    folder = tmp_path / "weights" / "toy"
    folder.mkdir(parents=True)
    for seed, name in enumerate(("base", "left", "right")):
        torch.manual_seed(seed)
        save_file(build().state_dict(), folder / f"{name}.safetensors")
    experts = {name: spec(name) for name in ("left", "right")}
    return ModelFamily("toy", "fusion", "embedded", build, spec("base"), experts, "none")
