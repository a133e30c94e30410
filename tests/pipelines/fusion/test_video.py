from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.fusion.options import FusionOptions
from pipelines.fusion.pipeline import FusionPipeline
from pipelines.fusion.video import ClipStep, Steadier, check_clips, fuse_clips
from pipelines.shared.cache import ModelCache
from pipelines.shared.clips import clip_writer, inspect_clip, read_clip
from pipelines.shared.errors import UserError

SIZE_HW = (48, 64)


@pytest.fixture(scope="module")
def pipeline(root: Path) -> FusionPipeline:
    return FusionPipeline(ModelCache(root / "assets"))


def clip(path: Path, frames: list[np.ndarray], fps: float = 10) -> Path:
    with clip_writer(path, frames[0].shape[1::-1], fps) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def ramp(gain: float, size_hw: tuple[int, int] = SIZE_HW, is_upright: bool = False) -> np.ndarray:
    side = np.linspace(0, 1, size_hw[0 if is_upright else 1])
    plane = np.tile(side[:, None], (1, size_hw[1])) if is_upright else np.tile(side, (size_hw[0], 1))
    return np.repeat((plane * gain)[..., None], 3, -1).astype(np.uint8)


def pair(folder: Path, counts: tuple[int, int] = (5, 5), fps: tuple[float, float] = (10, 10)) -> list[Path]:
    thermal = [ramp(100 + 10 * k) for k in range(counts[0])]
    visible = [ramp(200 - 10 * k, is_upright=True) for k in range(counts[1])]
    return [clip(folder / "ir.mp4", thermal, fps[0]), clip(folder / "vi.mp4", visible, fps[1])]


def fused(pipeline: FusionPipeline, paths: list[Path], options: FusionOptions, out: Path) -> list[ClipStep]:
    return list(fuse_clips(pipeline, paths, options, None, out))


def said(steps: list[ClipStep]) -> str:
    return " | ".join(notice.text for notice in steps[-1].notices)


def test_two_clips_become_one_frame_by_frame(pipeline: FusionPipeline, tmp_path: Path) -> None:
    paths, out = pair(tmp_path), tmp_path / "out.mp4"
    steps = fused(pipeline, paths, FusionOptions(engine="average"), out)
    assert [(step.done, step.total) for step in steps] == [(k, 5) for k in range(1, 6)]
    assert inspect_clip(out).frame_count == 5
    for k, frame in enumerate(read_clip(out, 10)):
        expected = (ramp(100 + 10 * k).astype(float) + ramp(200 - 10 * k, is_upright=True)) / 2
        assert np.abs(frame - expected).mean() < 4
        assert np.abs(frame.astype(float) - steps[k].frame).mean() < 3


def test_the_shorter_clip_wins_and_it_is_told(pipeline: FusionPipeline, tmp_path: Path) -> None:
    steps = fused(pipeline, pair(tmp_path, (6, 3)), FusionOptions(engine="average"), tmp_path / "out.mp4")
    assert len(steps) == 3 and "ends with vi.mp4" in said(steps) and "no sound to keep" in said(steps)


def test_clips_of_other_rates_are_paired_by_time(pipeline: FusionPipeline, tmp_path: Path) -> None:
    steps = fused(pipeline, pair(tmp_path, (4, 8), (10, 20)), FusionOptions(engine="max"), tmp_path / "out.mp4")
    assert len(steps) == 4 and "Frame rates differ" in said(steps)
    assert inspect_clip(tmp_path / "out.mp4").fps == 10


def test_alternating_exposures_of_one_clip_are_fused_with_their_neighbours(
    pipeline: FusionPipeline, tmp_path: Path
) -> None:
    path = clip(tmp_path / "bracket.mp4", [ramp(240 if k % 2 else 80) for k in range(6)])
    steps = fused(pipeline, [path], FusionOptions(task="mef", engine="average"), tmp_path / "out.mp4")
    assert len(steps) == 5 and steps[0].total == 5
    assert all(np.abs(step.frame.astype(float) - ramp(160)).mean() < 4 for step in steps)


def test_stopping_leaves_no_file(pipeline: FusionPipeline, tmp_path: Path) -> None:
    paths = pair(tmp_path)
    steps = fuse_clips(pipeline, paths, FusionOptions(engine="average"), None, tmp_path / "out.mp4")
    next(steps)
    steps.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ir.mp4", "vi.mp4"]


@pytest.mark.parametrize(
    ("task", "count", "words"), [("ivis", 1, "a thermal and"), ("mef", 2, "one clip"), ("med", 2, "Clips are")]
)
def test_other_clips_are_refused(task: str, count: int, words: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=words):
        check_clips(pair(tmp_path)[:count], task)


def test_clips_of_unlike_shape_are_refused_or_cropped(pipeline: FusionPipeline, tmp_path: Path) -> None:
    wide = clip(tmp_path / "wide.mp4", [ramp(200, (48, 96))] * 2)
    paths = [pair(tmp_path)[0], wide]
    with pytest.raises(UserError, match="not stretched"):
        fused(pipeline, paths, FusionOptions(engine="average"), tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()
    fused(pipeline, paths, FusionOptions(engine="average", fit="crop"), tmp_path / "out.mp4")
    assert inspect_clip(tmp_path / "out.mp4").size_wh == (64, 48)


def test_weights_follow_slowly_and_start_anew_at_a_cut() -> None:
    steadier, still = Steadier(), np.zeros((2, 48, 64, 3), np.float32)
    first, then = np.stack([np.ones((4, 4)), np.zeros((4, 4))]), np.stack([np.zeros((4, 4)), np.ones((4, 4))])
    steadier.watch(still)
    assert np.array_equal(steadier(first), first)
    steadier.watch(still)
    assert np.allclose(steadier(then), [[[0.8]], [[0.2]]])
    steadier.watch(still + 0.05)
    assert np.allclose(steadier(then), [[[0.64]], [[0.36]]])
    steadier.watch(still + 0.5)
    assert np.array_equal(steadier(then), then)


def test_the_networks_weights_flicker_less(pipeline: FusionPipeline, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noises = rng.normal(0, 20, (4, *SIZE_HW, 1))
    noisy = [np.clip(ramp(150) + noise, 0, 255).astype(np.uint8) for noise in noises]
    paths = [clip(tmp_path / "ir.mp4", noisy), clip(tmp_path / "vi.mp4", [ramp(200, is_upright=True)] * 4)]
    seen: list[np.ndarray] = []

    def watched(frames, options, recipe, steady):
        def spy(weights: np.ndarray) -> np.ndarray:
            seen.append(np.stack([weights, steady(weights)]))
            return seen[-1][1]

        return pipeline(frames, options, recipe, spy)

    list(fuse_clips(watched, paths, FusionOptions(), None, tmp_path / "out.mp4"))
    raw, steady = (float(np.abs(np.diff(np.stack(seen)[:, k], axis=0)).mean()) for k in (0, 1))
    assert len(seen) == 4 and steady < 0.5 * raw
