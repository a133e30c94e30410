"""Jobs and what is kept of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demos import fusion_bench
from demos.fusion_bench import FusionBench, Job
from pipelines.fusion import inputs
from pipelines.fusion.options import FusionOptions
from pipelines.fusion.registration import Move, Placement
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.cache import ModelCache

JOB = Job(("a.png", "b.png"), FusionOptions(), MergeRecipe())


def test_equal_jobs_have_equal_keys_and_any_setting_changes_it() -> None:
    assert JOB.key == replace(JOB).key
    others = [replace(JOB, placement=Placement(is_aligned=True)), replace(JOB, recipe=MergeRecipe(scale=0.5)),
              JOB.preview(20_000), replace(JOB, options=FusionOptions(detail=1.5))]  # fmt: skip
    assert JOB.key not in {other.key for other in others} and len({other.key for other in others}) == 4


def test_engines_without_a_network_do_not_depend_on_the_mix() -> None:
    assert JOB.by_engine("average").key == replace(JOB, recipe=MergeRecipe(scale=0.1)).by_engine("average").key


@pytest.fixture
def pair(tmp_path: Path) -> Job:
    """Two frames of 40 x 60 px, averaged."""
    rng, paths = np.random.default_rng(0), [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (40, 60), dtype=np.uint8)).save(path)
    return replace(JOB, paths=tuple(map(str, paths)), options=FusionOptions(engine="average"))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A bench that has room for one result and one and a half sets of frames; it counts in `read` and `sizes`."""
    monkeypatch.setattr(FusionBench, "most_bytes", 1)
    monkeypatch.setattr(FusionBench, "most_frame_bytes", 3 * 40 * 60 * 12)
    bench: Any = FusionBench(ModelCache(tmp_path))
    bench.read, bench.sizes, load, real = [], [], inputs.load_frames, bench.real_pipeline()
    monkeypatch.setattr(inputs, "load_frames", lambda *given: bench.read.append(given) or load(*given))
    bench._pipeline = lambda *given: bench.sizes.append(given[0].images.shape[1:3]) or real(*given)
    return bench


def test_results_and_unmoved_frames_cost_no_second_reading(bench: Any, pair: Job) -> None:
    for engine in ("average", "max"):
        bench.result(pair.by_engine(engine))
    assert bench.frames(pair).images is bench.frames(replace(pair, placement=Placement(moves=(Move(1),)))).images
    assert bench.result(pair.by_engine("max"))[1] and len(bench.read) == 1
    bench.forget()
    bench.frames(pair)
    assert len(bench.read) == 2


def test_moved_frames_are_kept_and_need_no_others(bench: Any, pair: Job) -> None:
    moved = replace(pair, placement=Placement(moves=(Move(1, dx_px=4.0),)))
    assert bench.frames(moved) is bench.frames(moved) and len(bench.read) == 1


def test_a_preview_without_a_network_is_small_or_the_result_itself(
    bench: Any, pair: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bench.preview(pair) is bench.result(pair)[0] and bench.sizes == [(40, 60)]
    monkeypatch.setattr(fusion_bench, "PREVIEWED", 600)
    sketch = bench.preview(replace(pair, options=replace(pair.options, detail=1.5)))
    assert bench.sizes[1:] == [(20, 30)] and sketch.fused.shape == (40, 60, 3)
