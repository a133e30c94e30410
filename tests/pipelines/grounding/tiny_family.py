"""A tiny PLVL with random weights, as a family on disk: a base and one or more experts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from pipelines.grounding.family import PLVL_FAMILY
from pipelines.grounding.plvl import PLVL, SHAPES
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.family import Block, ModelFamily, ModelSpec
from pipelines.training.checkpoints import store


def build() -> PLVL:
    return PLVL(SHAPES["test"])


def make_family(folder: Path, experts: tuple[str, ...] = ("refuse",)) -> ModelFamily:
    """Base and experts of different seeds; the default mix has 0.4 of each."""

    def spec(name: str, seed: int) -> ModelSpec:
        torch.manual_seed(seed)
        store(build(), folder / f"{name}.safetensors", 0)
        return ModelSpec(f"plvl/{name}", f"folder:{folder / name}.safetensors", None, "Apache-2.0", f"{name}: a test")

    return replace(
        PLVL_FAMILY,
        build=build,
        base=spec("base", 0),
        experts={name: spec(name, seed) for seed, name in enumerate(experts, 1)},
        default=MergeRecipe(coefficients=tuple((name, 0.4) for name in experts)),
        blocks=(Block("all", "*"),),
    )
