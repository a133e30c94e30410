"""Results as files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from demos.exports import start_of, write_checkpoint
from demos.fusion_export import write_tables, write_weights
from demos.fusion_files import missing
from pipelines.fusion.meflut import parse_table
from pipelines.fusion.options import FusionOptions
from pipelines.merging.arena import Arena
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.figures import read_embedded
from pipelines.shared.recipe_file import RecipeDocument


def test_weight_maps_keep_16_bits_and_their_recipe(tmp_path: Path) -> None:
    weights = np.stack([np.linspace(0, 1, 4096, dtype=np.float32).reshape(64, 64)] * 2)
    paths = write_weights(weights, "mixdeck_recipe: 1", start_of("fusion", "ab", tmp_path))
    stored = np.asarray(Image.open(paths[1])).astype(np.float64) / 65535
    assert len(paths) == 2 and np.abs(stored - weights[1]).max() < 1 / 65535
    assert read_embedded(Path(paths[0])) == "mixdeck_recipe: 1"


def test_tables_are_stored_in_the_published_format(tmp_path: Path) -> None:
    tables = np.random.default_rng(0).random((3, 256)).astype(np.float32)
    paths = write_tables(tables, start_of("fusion", "ab", tmp_path))
    text = Path(paths[2]).read_text()
    assert text.count(",") == 255 and np.allclose(parse_table(text), tables[2], atol=1e-6)


def test_the_mixed_network_carries_its_recipe(tmp_path: Path) -> None:
    base, expert = {"layer.weight": torch.zeros(4, 4)}, {"layer.weight": torch.ones(4, 4)}
    arena = Arena.from_checkpoints(base, {"ivis": expert}, [("layer", "layer.*")])
    recipe = MergeRecipe(coefficients=(("ivis", 1.0),), scale=0.5)
    (path,) = write_checkpoint(arena, RecipeDocument("fusion", "fusenet", recipe), start_of("fusion", "ab", tmp_path))
    with safe_open(path, "pt") as file:
        assert "scale: 0.5" in file.metadata()["mixdeck:recipe"]
        assert torch.equal(file.get_tensor("layer.weight"), torch.full((4, 4), 0.5))


def test_what_cannot_be_exported_is_said() -> None:
    job: Any = SimpleNamespace(options=FusionOptions(engine="average"))
    result: Any = SimpleNamespace(tables=None)
    assert len(missing(("weights", "tables", "checkpoint"), job, result)) == 2
    assert missing((), job, result) == []


@pytest.mark.parametrize("asked", [[], ["weights"]])
def test_only_what_is_ticked_is_written(
    built: Any, visitor: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asked: list[str]
) -> None:
    view = built.tab.export
    monkeypatch.setattr(view.exported, "GRADIO_CACHE", str(tmp_path))
    job = built.tab.job(built.values())
    paths = view.when_exported(built.values({built.tab.shown: job, view.extras: asked}))[view.exported]
    suffixes = sorted(Path(path).suffix for path in paths)
    assert suffixes == ([".png", ".yaml"] if not asked else [".png", ".png", ".png", ".yaml"])
