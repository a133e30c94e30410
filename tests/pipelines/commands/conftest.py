"""A toy family on disk that the commands know: two linear layers, two experts, a trainer and an evaluator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from pipelines import registry
from pipelines.commands import loading
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.family import ModelFamily, ModelSpec
from pipelines.training.run import TrainingOptions

DEFAULT = MergeRecipe(coefficients=(("left", 1.0), ("right", 1.0)), scale=0.5)
SCORES = {"generated/toy": {"n": 2, "methods": {"net": {"vif": 0.5, "en": float("nan")}, "average": {"vif": 0.25}}}}


def build() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))


def spec(name: str) -> ModelSpec:
    return ModelSpec(f"toy/{name}", f"assets:toy/{name}.safetensors", None, "Apache-2.0", f"the {name} one")


@pytest.fixture
def assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The assets folder of the commands, with the toy's weights in it."""
    folder = tmp_path / "assets" / "weights" / "toy"
    folder.mkdir(parents=True)
    for seed, name in enumerate(("base", "left", "right")):
        torch.manual_seed(seed)
        save_file(build().state_dict(), folder / f"{name}.safetensors")
    monkeypatch.setattr(loading, "ASSETS", tmp_path / "assets")
    return tmp_path / "assets"


@pytest.fixture
def toy(assets: Path, monkeypatch: pytest.MonkeyPatch) -> ModelFamily:
    """The only registered family."""
    experts = {name: spec(name) for name in ("left", "right")}
    family = ModelFamily(
        "toy", "fusion", "embedded", build, spec("base"), experts, "none", default=DEFAULT,
        trainer="toy_code:train", evaluator="toy_code:evaluate",
    )  # fmt: skip
    monkeypatch.setattr(registry, "FAMILIES", (family,))
    return family


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the toy's trainer and evaluator were called with."""
    seen: list[dict[str, Any]] = []

    def train(family: ModelFamily, options: TrainingOptions) -> dict[str, Path]:
        seen.append({"options": options})
        return {"base": Path("checkpoints/base.safetensors")}

    def evaluate(family: ModelFamily, cache: Any, **asked: Any) -> dict[str, Any]:
        seen.append(asked)
        return SCORES

    monkeypatch.setattr(loading, "named", {"toy_code:train": train, "toy_code:evaluate": evaluate}.__getitem__)
    return seen


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    """A recipe of the toy family."""
    path = tmp_path / "mix.yaml"
    path.write_text(
        "mixdeck_recipe: 1\npipeline: fusion\nfamily: toy\n"
        "merge:\n  vector: {method: task_arithmetic}\n  weights: {left: 0.75, right: 0.5}\n  scale: 1.0\n"
    )
    return path
