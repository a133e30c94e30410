"""The stored first result: true while it is fresh, and gone when it is not."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.fusion.stored_result import ABOUT, ASSETS, PICTURE, fuse_first, made_with, stored_result
from pipelines.merging.recipe import MergeRecipe
from pipelines.registry import family

FUSENET = family("fusenet")


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Assets with a manifest and a stored result of them."""
    folder = tmp_path / "examples" / "fusion"
    folder.mkdir(parents=True)
    (tmp_path / "weights").mkdir()
    shutil.copy(ASSETS / "weights" / "manifest.json", tmp_path / "weights")
    Image.new("RGB", (4, 4)).save(folder / PICTURE)
    (folder / ABOUT).write_text(json.dumps(made_with(tmp_path, FUSENET)))
    return tmp_path


def test_a_fresh_result_is_found(copied: Path) -> None:
    assert stored_result(copied, FUSENET) == copied / "examples" / "fusion" / PICTURE


def test_other_weights_make_it_stale(copied: Path) -> None:
    path = copied / "weights" / "manifest.json"
    entries = json.loads(path.read_text())
    entries["fusenet"]["files"]["base.safetensors"]["sha256"] = "0" * 64
    path.write_text(json.dumps(entries))
    assert stored_result(copied, FUSENET) is None


def test_another_default_mix_makes_it_stale(copied: Path) -> None:
    assert stored_result(copied, replace(FUSENET, default=MergeRecipe(scale=0.77))) is None


def test_no_result_is_no_error(tmp_path: Path) -> None:
    assert stored_result(tmp_path, FUSENET) is None


def test_the_shipped_result_is_what_the_pipeline_gives() -> None:
    path = stored_result(ASSETS, FUSENET)
    assert path is not None, "the page opens empty: run python -m pipelines.fusion.stored_result"
    stored = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert np.abs(stored - fuse_first(ASSETS, FUSENET)).mean() < 0.5
