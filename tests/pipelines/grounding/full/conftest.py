"""Families of tiny random checkpoints in place of the published ones, stored once for all tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.grounding.full import families, generated
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.family import ModelFamily, ModelSpec
from pipelines.shared.images import OpenedImage
from tests.pipelines.grounding.full import tiny

STORES = {
    "grounding-dino-tiny": tiny.store_detector,
    "llmdet-tiny": lambda folder: tiny.store_detector(folder, "MMGroundingDino"),
    "florence-2-base": tiny.store_florence,
    "sam-3": tiny.store_sam3,
    "sam-base": tiny.store_sam,
    "sam-2.1-tiny": tiny.store_sam2,
}  # fmt: skip


@pytest.fixture(scope="session")
def tiny_family(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModelFamily]:
    """The family of that name, its base a tiny checkpoint, without experts."""
    root, made = tmp_path_factory.mktemp("tiny"), {}

    def family(name: str) -> ModelFamily:
        if name not in made:
            STORES[name](root / name)
            spec = ModelSpec(name, f"folder:{root / name}", None, "MIT")
            (published,) = (one for one in families.GROUNDING_FAMILIES if one.name == name)
            made[name] = replace(published, base=spec, experts={}, blocks=(), default=MergeRecipe())
        return made[name]

    return family


@pytest.fixture
def folder(tiny_family: Callable[[str], ModelFamily]) -> Callable[[str], Path]:
    """Where a tiny checkpoint lies."""
    return lambda name: Path(tiny_family(name).base.source.removeprefix("folder:"))


@pytest.fixture
def picture() -> OpenedImage:
    """80 x 60 pixels of noise."""
    return OpenedImage(np.random.default_rng(0).random((60, 80, 3), np.float32), "noise.png", "", is_grey=False)


@pytest.fixture(autouse=True)
def _short_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generated, "MOST_TOKENS", 8)
    monkeypatch.setattr(generated, "BEAMS", 1)
