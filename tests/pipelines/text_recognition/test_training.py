"""Training on shards of noise, and what is published of it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.cache import ModelCache
from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily
from pipelines.text_recognition import crop_cache, evaluate, igtr_stages, igtr_training
from pipelines.text_recognition.calibration import temperatures_of
from pipelines.text_recognition.datasets import Word
from pipelines.text_recognition.family import IGTR_FAMILY
from pipelines.text_recognition.igtr_stages import PRESETS, source
from pipelines.text_recognition.igtr_training import train
from pipelines.text_recognition.probe import SETS
from pipelines.text_recognition.publishing import main, on_files, publish_family
from pipelines.text_recognition.synthetic import render
from pipelines.training.checkpoints import loaded
from pipelines.training.run import TrainingOptions
from tests.pipelines.text_recognition.test_evaluate import FixedSet
from tests.pipelines.text_recognition.tiny import build

EXPERTS = ("curved", "digits")
FAMILY = replace(
    IGTR_FAMILY, build=build, experts={name: IGTR_FAMILY.experts[name] for name in EXPERTS},
    default=MergeRecipe(coefficients=tuple((name, 1.0) for name in EXPERTS), scale=0.4),
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All shards of a test run, of noise; nothing is rendered, nothing watched."""
    rng, plan = np.random.default_rng(0), PRESETS["test"]
    counts = {
        "base": plan.shards + plan.polish_shards + plan.expert_shards,
        **dict.fromkeys(EXPERTS, plan.expert_shards),
    }
    for recipe, count in counts.items():
        for shard in source(tmp_path / "igtr" / "crops-seed0", recipe, count, plan, 0).shards:
            corners = np.tile(np.float32([[(2, 2), (20, 2), (20, 20), (2, 20)]]), (3, 1, 1))
            noise = (rng.integers(0, 256, (24, 64, 3), dtype=np.uint8) for _ in range(shard.size))
            shard.store(crop_cache.fitted(image, "a1B", corners) for image in noise)
    monkeypatch.setattr(igtr_stages, "watcher", lambda recipe, count: lambda model, done: None)
    return tmp_path


@pytest.fixture
def sets(monkeypatch: pytest.MonkeyPatch, crops: list[np.ndarray]) -> None:
    """Held-out sets of three crops of noise."""
    words = tuple(Word(crop, "Tea") for crop in crops[:3])
    made = tuple(FixedSet(name, words) for name in ("base", *EXPERTS))
    monkeypatch.setattr(evaluate, "generated_sets", lambda split="test": made)


def test_base_and_experts_are_trained_and_resumed_to_the_same_weights(folder: Path) -> None:
    first = {name: loaded(path) for name, path in train(FAMILY, TrainingOptions(preset="test", folder=folder)).items()}
    assert set(first) == {"base", *EXPERTS}
    again = train(FAMILY, TrainingOptions(preset="test", folder=folder, resume=True))
    for name, path in again.items():
        assert all(torch.equal(value, first[name][key]) for key, value in loaded(path).items()), name
    assert all(any(not torch.equal(first[name][key], first["base"][key]) for key in first["base"]) for name in EXPERTS)


def test_a_preset_that_does_not_polish_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `smoke`, which polishes for no step."""
    assert (PRESETS["smoke"].polish_steps, PRESETS["smoke"].polish_shards) == (0, 0)
    monkeypatch.setitem(PRESETS, "smoke", replace(PRESETS["test"], polish_steps=0, polish_shards=0))
    files = train(FAMILY, TrainingOptions(preset="smoke", folder=folder))
    assert set(files) == {"base", *EXPERTS}


def test_missing_fonts_are_told_before_anything_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(minimum_families: int) -> None:
        raise UserError("0 usable font families are installed")

    monkeypatch.setattr(render, "font_pool", none)
    monkeypatch.setattr(igtr_training, "start_making", lambda shards, workers: pytest.fail("started"))
    render.pool.cache_clear()
    with pytest.raises(UserError, match="0 usable font families"):
        train(FAMILY, TrainingOptions(preset="test", folder=tmp_path))


def test_an_expert_of_a_given_base_renders_what_it_needs_and_no_more(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = train(FAMILY, TrainingOptions(preset="test", folder=folder))["base"]
    asked = []
    monkeypatch.setattr(igtr_training, "start_making", lambda shards, workers: asked.extend(shards))
    train(FAMILY, TrainingOptions("digits", preset="test", folder=folder, base=base))
    plan = PRESETS["test"]
    unseen = ("base", plan.shards + plan.polish_shards)  # of the base's own training
    assert sorted((shard.recipe, shard.number) for shard in asked) == [unseen, ("curved", 0), ("digits", 0)]


@pytest.mark.parametrize("turn", ["level", "up", "down", "stacked"])
def test_tall_crops_are_stored_as_the_reader_looks_at_them(turn: str) -> None:
    """A word on its side comes back to the pixels that it had level; stacked letters run from left to right."""
    pixels = np.random.default_rng(0).integers(0, 256, (16, 64, 3), dtype=np.uint8)
    corners = np.float32([[(4, 2), (20, 2), (20, 14), (4, 14)], [(30, 2), (50, 2), (50, 14), (30, 14)]])
    if turn == "stacked":
        pixels, corners = np.ascontiguousarray(pixels.transpose(1, 0, 2)), corners[..., ::-1].copy()
        crop = render.WordCrop(pixels, "ab", corners, {"turn": turn})
    elif turn == "level":
        crop = render.WordCrop(pixels, "ab", corners, {"turn": turn})
    else:
        crop = render.WordCrop(*_pair(render.turned(pixels, corners, turn == "up")), {"turn": turn})
    found, label, places = crop_cache.as_read(crop)
    assert label == "ab" and found.shape == (16, 64, 3)
    assert places[0, :, 0].mean() < places[1, :, 0].mean()  # reading order
    if turn != "stacked":
        assert np.array_equal(found, pixels)
        assert np.array_equal(np.sort(places, 1), np.sort(corners, 1))


def _pair(turned: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, str, np.ndarray]:
    pixels, corners = turned
    return np.ascontiguousarray(pixels), "ab", corners


def test_an_expert_without_a_base_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No base"):
        train(FAMILY, TrainingOptions(expert="curved", preset="test", folder=tmp_path))


@pytest.mark.usefixtures("sets")
def test_a_training_of_the_page_ends_with_its_family_in_assets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PRESETS, "cpu", PRESETS["test"])
    monkeypatch.chdir(folder)
    files = train(FAMILY, TrainingOptions(preset="cpu", folder=folder))
    check_published(folder / "assets", files)


@pytest.mark.usefixtures("sets")
def test_the_command_publishes_what_a_run_left(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = train(FAMILY, TrainingOptions(preset="test", folder=folder))
    weights = folder / "assets" / "weights"
    assert main([str(folder / "igtr" / "test-seed0"), "--limit", "3"], FAMILY, weights) == 0
    assert capsys.readouterr().out.strip() == str(weights / "manifest.json")
    check_published(folder / "assets", files)
    (folder / "igtr" / "test-seed0" / "digits.safetensors").unlink()
    assert main([str(folder / "igtr" / "test-seed0")], FAMILY, weights) == 1
    assert "has no digits" in capsys.readouterr().err


def check_published(assets: Path, files: dict[str, Path]) -> None:
    """The manifest tells all of the run, and the page's cache reads the checkpoints to the bit."""
    entry = json.loads((assets / "weights" / "manifest.json").read_text())["igtr"]
    names = {"base", *EXPERTS}
    assert entry["matrix"].keys() == names and all(row.keys() == names for row in entry["matrix"].values())
    assert entry["probe"].keys() == names and all(set(SETS) == set(row) for row in entry["probe"].values())
    assert set(entry["norms"]) == set(EXPERTS) and set(entry["cosines"]) == {"curved, digits"}
    assert {"command", "seed", "preset", "data", "seconds", "measures", "license"} <= set(entry)
    assert asdict(temperatures_of(assets, "igtr")) == entry["temperatures"]
    assert all(0.5 <= one <= 5 for one in entry["temperatures"].values())
    cache = ModelCache(assets)
    for name, path in files.items():
        recipe = MergeRecipe() if name == "base" else MergeRecipe(coefficients=((name, 1.0),), scale=1.0)
        with cache.lease(FAMILY, recipe) as lease:
            weights = lease.model.state_dict()
        assert all(torch.allclose(weights[key], value, atol=1e-6) for key, value in loaded(path).items()), name


@pytest.mark.usefixtures("sets")
def test_files_of_another_shape_are_refused_by_name(folder: Path) -> None:
    files = train(FAMILY, TrainingOptions(preset="test", folder=folder))
    with pytest.raises(UserError, match=r"base.safetensors: \S+ is .* as the page builds it has"):
        publish_family(
            replace(FAMILY, build=IGTR_FAMILY.build),
            files,
            TrainingOptions(preset="test"),
            1.0,
            weights=folder / "weights",
        )


def test_files_stand_in_for_the_shipped_checkpoints(tmp_path: Path) -> None:
    found: ModelFamily = on_files(FAMILY, {name: tmp_path / f"{name}.safetensors" for name in ("base", *EXPERTS)})
    assert found.base.source == f"folder:{tmp_path / 'base.safetensors'}"
    assert found.experts["curved"].source == f"folder:{tmp_path / 'curved.safetensors'}"
