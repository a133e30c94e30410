"""The pipeline on frames that are not nice: what comes out, and what is said."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.fusion.inputs import FrameSet
from pipelines.fusion.options import ENGINES, FusionOptions
from pipelines.fusion.pipeline import FusionPipeline, FusionResult
from pipelines.shared.cache import ModelCache
from pipelines.shared.errors import UserError


@pytest.fixture(scope="module")
def pipeline(root: Path) -> FusionPipeline:
    return FusionPipeline(ModelCache(root / "assets"))


def texture(seed: int = 0, size_hw: tuple[int, int] = (48, 64)) -> np.ndarray:
    """(H, W, 3) in colour."""
    noise = np.random.default_rng(seed).random((*size_hw, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2)
    return (smooth - smooth.min()) / np.ptp(smooth)


def grey(seed: int = 0, size_hw: tuple[int, int] = (48, 64)) -> np.ndarray:
    return np.repeat(texture(seed, size_hw)[..., :1], 3, -1)


def frames(*images: np.ndarray, alpha: np.ndarray | None = None) -> FrameSet:
    names = tuple(f"{k}.png" for k in range(len(images)))
    is_grey = tuple(bool((image == image[..., :1]).all()) for image in images)
    return FrameSet(np.stack(images), names, names, is_grey, tuple(range(len(images))), alpha)


def engines_of(task: str) -> list[str]:
    return [engine for engine in ENGINES if engine != "lut" or task == "mef"]


def error_of(result: FusionResult, image: np.ndarray) -> float:
    return float(np.abs(result.fused / 255 - image).max())


@pytest.mark.parametrize("engine", ENGINES)
def test_one_exposure_comes_back_as_it_is(pipeline: FusionPipeline, engine: str) -> None:
    result = pipeline(frames(texture()), FusionOptions(task="mef", engine=engine))
    assert error_of(result, texture()) < 0.01 and result.weights.max() == 1


@pytest.mark.parametrize("tone", [0.0, 1.0])
@pytest.mark.parametrize("task", ["ivis", "mef", "mff", "med"])
def test_beside_an_even_tone_the_result_is_the_informative_frame(
    pipeline: FusionPipeline, task: str, tone: float
) -> None:
    even = np.full((48, 64, 3), tone, np.float32)
    for engine in engines_of(task):
        for place, pair in ((1, (even, texture())), (0, (texture(), even))):
            result = pipeline(frames(*pair), FusionOptions(task=task, engine=engine))
            assert error_of(result, texture()) < 0.01
            assert result.weights[place].min() == 1 and result.weights[1 - place].max() == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_an_even_exposure_among_others_is_left_out(pipeline: FusionPipeline, engine: str) -> None:
    bright, dark, black = texture() * 0.6 + 0.4, texture() * 0.5, np.zeros((48, 64, 3), np.float32)
    options = FusionOptions(task="mef", engine=engine)
    three, two = pipeline(frames(bright, dark, black), options), pipeline(frames(bright, dark), options)
    assert np.array_equal(three.fused, two.fused)
    assert three.weights.shape[0] == 3 and three.weights[2].max() == 0


@pytest.mark.parametrize("task", ["ivis", "mef", "mff", "med"])
def test_identical_frames_give_themselves(pipeline: FusionPipeline, task: str) -> None:
    for engine in engines_of(task):
        result = pipeline(frames(texture(), texture()), FusionOptions(task=task, engine=engine))
        assert error_of(result, texture()) < 0.01


@pytest.mark.parametrize("tones", [(0.0, 0.0), (1.0, 0.0), (0.3, 0.3)])
def test_nothing_but_even_tones_stays_finite(pipeline: FusionPipeline, tones: tuple[float, float]) -> None:
    from pipelines.fusion.metrics import score

    images = [np.full((48, 64, 3), tone, np.float32) for tone in tones]
    for engine in ENGINES:
        result = pipeline(frames(*images), FusionOptions(task="mef", engine=engine))
        sources = [np.round(image * 255).astype(np.uint8) for image in images]
        assert np.isfinite(result.weights).all()
        assert all(np.isfinite(value) for value in score(result.fused, sources, "mef").values())


@pytest.mark.parametrize("size_hw", [(1, 1), (5, 7), (17, 40)])
def test_tiny_frames_are_fused_by_every_engine(pipeline: FusionPipeline, size_hw: tuple[int, int]) -> None:
    for engine in ENGINES:
        result = pipeline(frames(texture(0, size_hw), texture(1, size_hw)), FusionOptions(task="mef", engine=engine))
        assert result.fused.shape == (*size_hw, 3)


def test_a_focus_stack_shows_nothing_that_no_frame_shows(pipeline: FusionPipeline) -> None:
    first, second = (grey(seed) for seed in (0, 1))
    fused = pipeline(frames(first, second), FusionOptions(task="mff")).fused / 255
    lumas = [image @ np.array([0.299, 0.587, 0.114]) for image in (first, second, fused)]
    assert (lumas[2] > np.minimum(*lumas[:2]) - 0.01).all() and (lumas[2] < np.maximum(*lumas[:2]) + 0.01).all()


def test_a_grey_visible_frame_gives_a_grey_result(pipeline: FusionPipeline) -> None:
    for engine in engines_of("ivis"):
        fused = pipeline(frames(grey(0), grey(1)), FusionOptions(engine=engine)).fused
        assert int(np.ptp(fused.astype(int), axis=-1).max()) <= 1


def test_a_black_hot_frame_is_turned_when_asked(pipeline: FusionPipeline) -> None:
    hot, visible = grey(0), texture(1)
    white = pipeline(frames(hot, visible), FusionOptions())
    black = pipeline(frames(1 - hot, visible), FusionOptions(polarity="black"))
    assert np.abs(white.fused.astype(int) - black.fused).max() <= 1
    assert np.abs(white.fused.astype(int) - pipeline(frames(1 - hot, visible), FusionOptions()).fused).max() > 20


@pytest.mark.parametrize("is_black_hot", [False, True])
def test_the_guess_of_polarity_sees_the_cold_sky_and_is_told(pipeline: FusionPipeline, is_black_hot: bool) -> None:
    thermal = grey(0) * 0.2 + 0.3
    thermal[:14] = 0.05
    thermal[30:34, 40:43] = 0.95
    given = 1 - thermal if is_black_hot else thermal
    guessed = pipeline(frames(given, texture(1)), FusionOptions(polarity="auto", engine="average"))
    right = pipeline(frames(thermal, texture(1)), FusionOptions(engine="average"))
    assert np.abs(guessed.fused.astype(int) - right.fused).max() <= 1
    assert ("inverted" in guessed.notices[-1].text) == is_black_hot and "guess" in guessed.notices[-1].text


def test_transparency_is_kept_for_the_output(pipeline: FusionPipeline) -> None:
    alpha = np.zeros((48, 64), np.float32)
    alpha[:, 32:] = 1
    result = pipeline(frames(grey(0), texture(1), alpha=alpha), FusionOptions(engine="max"))
    assert result.picture.shape == (48, 64, 4) and np.array_equal(result.picture[..., 3], alpha * 255)
    assert pipeline(frames(grey(0), texture(1)), FusionOptions(engine="max")).picture.shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("engine", "operator"), [("net", "pyramid"), ("lut", "pyramid"), ("lut", "paper"), ("lut", "fast")]
)
def test_a_moving_thing_leaves_no_ghost(pipeline: FusionPipeline, engine: str, operator: str) -> None:
    still = texture(0, (96, 128)) * 0.4 + 0.3
    walker = still.copy()
    walker[20:70, 40:80] *= 0.3  # in the bright frame alone
    exposures = [np.clip(walker * 1.3, 0, 1), still, still * 0.6]
    asked = FusionOptions(task="mef", engine=engine, operator=operator)
    kept = pipeline(frames(*exposures), asked)
    cleaned = pipeline(frames(*exposures), replace(asked, deghost=True))
    clean = pipeline(frames(np.clip(still * 1.3, 0, 1), *exposures[1:]), asked)
    inner = slice(30, 60), slice(50, 70)
    ghost, rest = (np.abs(one.fused[inner].astype(int) - clean.fused[inner]).mean() for one in (kept, cleaned))
    assert ghost > 6 and rest < 0.6 * ghost


def test_other_counts_are_refused(pipeline: FusionPipeline) -> None:
    with pytest.raises(UserError, match="fuses 2 frames; 1 came"):
        pipeline(frames(texture()), FusionOptions())
    with pytest.raises(UserError, match="fuses 1 to 6 frames; 7 came"):
        pipeline(frames(*(texture(seed) for seed in range(7))), FusionOptions(task="mef"))


def test_weights_can_be_held_steady(pipeline: FusionPipeline) -> None:
    pair, seen = frames(texture(0), texture(1)), []

    def first_only(weights: np.ndarray) -> np.ndarray:
        seen.append(weights)
        return np.stack([np.ones_like(weights[0]), np.zeros_like(weights[1])])

    for engine in ("net", "lut"):
        result = pipeline(pair, FusionOptions(task="mef", engine=engine, residual=0), steady=first_only)
        luma = result.fused @ np.array([0.299, 0.587, 0.114])
        assert np.abs(luma - 255 * texture(0) @ np.array([0.299, 0.587, 0.114])).max() < 12
        assert result.weights[0].min() == 1
    assert len(seen) == 2


@pytest.mark.parametrize("engine", ["average", "max", "laplacian", "gff"])
def test_tiles_give_what_the_whole_gives(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.fusion import finish
    from pipelines.fusion.baselines import BASELINES

    images = np.stack([texture(0, (200, 330)), texture(1, (200, 330))])
    monkeypatch.setattr(finish, "TILE_PX", 128)
    assert np.abs(finish.in_tiles(BASELINES[engine], images) - BASELINES[engine](images)).max() < 1e-4


@pytest.mark.parametrize("task", ["ivis", "mff"])
def test_strips_give_what_the_whole_gives(task: str, pipeline: FusionPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.fusion import finish

    pair, asked = frames(texture(0, (90, 70)), texture(1, (90, 70))), FusionOptions(task=task, engine="max", detail=1.7)
    whole = pipeline(pair, asked).fused
    monkeypatch.setattr(finish, "STRIP_ROWS", 20)
    assert np.array_equal(pipeline(pair, asked).fused, whole)


def test_mertens_refuses_what_it_has_no_room_for(pipeline: FusionPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.fusion.pipeline.MERTENS_PX", 5_000)
    with pytest.raises(UserError, match="Mertens takes"):
        pipeline(frames(texture(0), texture(1)), FusionOptions(task="mef", engine="mertens"))


PEAK = """
import sys
from pathlib import Path
from pipelines.fusion.inputs import load_frames
from pipelines.fusion.options import FusionOptions
from pipelines.fusion.pipeline import FusionPipeline
from pipelines.shared.cache import ModelCache
options = FusionOptions(task="mef", engine="lut")
frames = load_frames([Path(path) for path in sys.argv[2:]], options)
FusionPipeline(ModelCache(Path(sys.argv[1])))(frames, options)
# Linux hands ru_maxrss on from the process that started this one; VmHWM is this one's own.
lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(lines["VmHWM"].split()[0]) * 1024)
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="the peak is read from /proc")
def test_two_frames_of_24_megapixels_stay_below_two_gigabytes(root: Path, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.jpg" for name in ("bright", "dark")]
    for path, gain in zip(paths, (1.3, 0.6), strict=True):
        small = np.clip(texture(0, (250, 375)) * gain * 255, 0, 255).astype(np.uint8)
        cv2.imwrite(str(path), cv2.resize(small, (6000, 4000)))
    command = [sys.executable, "-c", PEAK, str(root / "assets"), *map(str, paths)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert 1e9 < int(done.stdout) < 2e9
