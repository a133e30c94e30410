from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.cache import ModelCache
from pipelines.shared.family import ModelFamily, ModelSpec
from pipelines.shared.images import OpenedImage
from pipelines.text_recognition.any_reader import open_reader
from pipelines.text_recognition.trocr import TROCR_BASE
from tests.pipelines.text_recognition.tiny import make_family

BASE = MergeRecipe()


@pytest.fixture
def trocr(tmp_path: Path, store_trocr: Callable[[Path, str, int], Path]) -> ModelFamily:
    spec = ModelSpec("trocr/base", f"folder:{store_trocr(tmp_path / 'base', 'roberta', 0)}", None, "MIT")
    return replace(TROCR_BASE, base=spec, experts={}, default=BASE)


def test_every_family_reads_by_the_same_call(trocr: ModelFamily, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).random((24, 60, 3), np.float32)
    pictures = [OpenedImage(pixels, "word", "", is_grey=False)] * 2
    for family, reads_lines in ((trocr, True), (make_family(tmp_path), False)):
        reader = open_reader(ModelCache(tmp_path), family)
        assert [reading.run.family for reading in reader(pictures)] == [family.name] * 2
        assert reader.reads_lines is reads_lines
