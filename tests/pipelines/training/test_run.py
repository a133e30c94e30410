"""Which base a training run starts from, and what it says when there is none that fits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipelines.lab.family import SHAPES_VIT
from pipelines.lab.vit import ShapesViT
from pipelines.lab.vit_training import train
from pipelines.registry import FAMILIES, family
from pipelines.shared.errors import UserError
from pipelines.training.checkpoints import store
from pipelines.training.run import TrainingOptions, fill, open_run


@pytest.fixture
def base(tmp_path: Path) -> Path:
    torch.manual_seed(7)
    return store(ShapesViT(), tmp_path / "other.safetensors", 0)


def test_experts_start_from_a_base_that_is_given(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.lab.vit_training.publish_family", lambda *_: pytest.fail("published without a base"))
    files = train(SHAPES_VIT, TrainingOptions(preset="test", folder=tmp_path, base=base))
    assert tuple(files) == SHAPES_VIT.tasks
    start = load_file(base)
    for path in files.values():
        expert = load_file(path)
        moved = sum(float((expert[key].float() - value.float()).square().sum()) for key, value in start.items())
        assert 0 < moved < 0.01 * sum(float(value.float().square().sum()) for value in start.values())


def test_a_given_base_is_kept_with_the_run(base: Path, tmp_path: Path) -> None:
    run = open_run(SHAPES_VIT, TrainingOptions(preset="test", seed=3, folder=tmp_path, base=base))
    kept = run.folder / "base.safetensors"
    assert not run.is_whole and kept.read_bytes() == base.read_bytes()
    again = open_run(SHAPES_VIT, TrainingOptions("digits", "test", 3, folder=tmp_path, base=kept))
    assert again.experts == ("digits",) and kept.read_bytes() == base.read_bytes()


def test_a_base_of_another_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.safetensors"
    save_file({"prototypes": torch.zeros(2, 2)}, path)
    with pytest.raises(UserError, match=r"small\.safetensors does not fit ShapesViT .*first \"blocks"):
        fill(ShapesViT(), path)


@pytest.mark.parametrize("name", ["gone.safetensors", "notes.txt"])
def test_a_base_must_be_a_safetensors_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UserError, match=rf"--base .*{name}.*\.safetensors file"):
        open_run(SHAPES_VIT, TrainingOptions(preset="test", folder=tmp_path, base=tmp_path / name))


@pytest.mark.parametrize("name", [one.name for one in FAMILIES if one.trainer and one.experts])
def test_no_family_trains_an_expert_without_a_base(name: str, tmp_path: Path) -> None:
    from pipelines.commands.loading import named

    one = family(name)
    with pytest.raises(UserError, match=r"No base at .*without --expert first, or give a base with --base"):
        named(one.trainer)(one, TrainingOptions(one.tasks[0], "test", folder=tmp_path))
