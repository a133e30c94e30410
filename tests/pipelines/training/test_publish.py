"""What a finished run left is found, and its geometry is what it says."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pipelines.shared.errors import UserError
from pipelines.training.publish import finished_run, geometry, publish_finished


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "cpu-seed3"
    folder.mkdir()
    for name, seconds in (("base", "60"), ("left", "5")):
        save_file({"weight": torch.ones(2)}, folder / f"{name}.safetensors", {"seconds": seconds})
    return folder


def test_a_run_says_what_it_was(run: Path) -> None:
    found = finished_run(run, ("base", "left"))
    assert (found.preset, found.seed, found.seconds) == ("cpu", 3, 65.0)
    assert found.files == {"base": run / "base.safetensors", "left": run / "left.safetensors"}


def test_a_run_that_has_not_ended_names_what_is_missing(run: Path) -> None:
    with pytest.raises(UserError, match="has no right"):
        finished_run(run, ("base", "left", "right"))


def test_the_command_hands_over_the_run_and_what_comes_from_another(run: Path, capsys: pytest.CaptureFixture) -> None:
    seen = []

    def publishing(found, options, asked) -> Path:
        seen.append((found.seconds, options.manifest("some"), asked.limit))
        return run / "manifest.json"

    def command(*words: str) -> int:
        parser = argparse.ArgumentParser()
        parser.add_argument("--limit", type=int)
        return publish_finished(parser, words, ("base", "left"), publishing)

    assert command(str(run), "--limit", "3", "--lineage", "The base is an earlier one.") == 0
    about = {"command": "python -m pipelines train some --preset cpu --seed 3", "seed": 3, "preset": "cpu"}
    assert seen == [(65.0, about | {"lineage": "The base is an earlier one."}, 3)]
    assert command(str(run)) == 0 and seen[-1] == (65.0, about, None)
    (run / "left.safetensors").unlink()
    assert command(str(run)) == 1 and "has no left" in capsys.readouterr().err


def test_another_folder_is_refused(run: Path) -> None:
    with pytest.raises(UserError, match="named like cpu-seed0"):
        finished_run(run.rename(run.parent / "elsewhere"), ("base",))


def test_norms_are_relative_to_the_base_and_cosines_of_the_differences() -> None:
    base = {"a": torch.tensor([3.0]), "b": torch.tensor([4.0])}
    one = {"a": torch.tensor([4.0]), "b": torch.tensor([4.0])}
    other = {"a": torch.tensor([3.0]), "b": torch.tensor([6.0])}
    found = geometry({"base": base, "one": one, "other": other})
    assert found["norms"] == pytest.approx({"one": 0.2, "other": 0.4})
    assert found["cosines"] == pytest.approx({"one, other": 0.0})
