from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.__main__ import main
from pipelines.commands.loading import ASSETS
from pipelines.fusion.options import TASKS
from pipelines.registry import FAMILIES
from pipelines.shared.figures import read_embedded
from pipelines.shared.recipe_file import parse_document
from pipelines.shared.weights import weights_hashes


@pytest.fixture
def pair(tmp_path: Path) -> list[str]:
    """A dark and a bright exposure of one small grey scene."""
    scene = np.repeat(np.random.default_rng(5).uniform(40, 160, (24, 32, 1)), 3, axis=2)
    paths = []
    for name, gain in (("dark", 0.6), ("bright", 1.5)):
        Image.fromarray(np.clip(scene * gain, 0, 255).astype(np.uint8)).save(tmp_path / f"{name}.png")
        paths.append(str(tmp_path / f"{name}.png"))
    return paths


def fuse(*arguments: object) -> int:
    return main(["run", "fusion", *(str(one) for one in arguments)])


def test_the_picture_carries_its_recipe_and_the_report_lies_beside_it(pair: list[str], tmp_path: Path) -> None:
    out = tmp_path / "made" / "here"
    assert fuse(*pair, "--task", "mef", "--engine", "average", "--out", out) == 0
    fused = np.asarray(Image.open(out / "fused.png"))
    frames = np.stack([np.asarray(Image.open(path)) for path in pair]).astype(float)
    assert np.abs(fused - frames.mean(0)).max() <= 1.5
    text = read_embedded(out / "fused.png")
    assert text is not None
    document, _ = parse_document(text, FAMILIES)
    assert document.options == {"task": "mef", "engine": "average"}
    assert [one.name for one in document.inputs] == ["bright.png", "dark.png"]
    report = json.loads((out / "fused.json").read_text())
    assert report["inputs"] == [{"name": one.name, "sha256": one.sha256} for one in document.inputs]
    assert {"family", "tier", "recipe", "recipe_hash", "device", "seconds"} <= report.keys()


def test_a_picture_gives_itself_again(pair: list[str], tmp_path: Path) -> None:
    assert fuse(*pair, "--task", "mef", "--engine", "laplacian", "--align", "--out", tmp_path / "one") == 0
    assert fuse(*pair, "--recipe", tmp_path / "one" / "fused.png", "--out", tmp_path / "two") == 0
    assert (tmp_path / "one" / "fused.png").read_bytes() == (tmp_path / "two" / "fused.png").read_bytes()


def test_a_picture_of_the_tables_names_their_weights_and_other_ones_are_told(
    pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert fuse(*pair, "--task", "mef", "--engine", "lut", "--out", tmp_path / "one") == 0
    told = json.loads((tmp_path / "one" / "fused.json").read_text())["weights"]
    assert told == weights_hashes(ASSETS, "meflut") and "other weights" not in capsys.readouterr().err
    text = str(read_embedded(tmp_path / "one" / "fused.png")).replace(told["meflut"], "f" * 64)
    (tmp_path / "old.yaml").write_text(text)
    assert fuse(*pair, "--recipe", tmp_path / "old.yaml", "--out", tmp_path / "two") == 0
    assert "old.yaml: It was made with other weights of meflut" in capsys.readouterr().err
    assert json.loads((tmp_path / "two" / "fused.json").read_text())["weights"] == told


def test_flags_go_over_the_recipe(pair: list[str], tmp_path: Path) -> None:
    assert fuse(*pair, "--task", "mef", "--engine", "average", "--out", tmp_path / "one") == 0
    assert fuse(*pair, "--recipe", tmp_path / "one" / "fused.png", "--engine", "max", "--out", tmp_path / "two") == 0
    assert json.loads((tmp_path / "two" / "fused.json").read_text())["options"] == {"task": "mef", "engine": "max"}


def test_what_cannot_be_fused_is_refused_and_nothing_is_written(
    pair: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert fuse(*pair, "--engine", "lut", "--task", "ivis", "--out", out) == 1
    assert "exposures only" in capsys.readouterr().err
    assert fuse(*pair, "--recipe", pair[0], "--out", out) == 1
    assert "carries no recipe" in capsys.readouterr().err
    assert not out.exists()


def test_help_names_every_task_and_its_frames(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fuse("--help")
    words = " ".join(capsys.readouterr().out.split())
    assert all(f"{task.name}: {', '.join(task.slots)}" in words for task in TASKS.values())


def test_how_unlike_shapes_were_fitted_goes_into_the_recipe(pair: list[str], tmp_path: Path) -> None:
    Image.open(pair[0]).crop((0, 0, 20, 24)).save(pair[0])
    asked = (*pair, "--task", "mef", "--engine", "average")
    assert fuse(*asked, "--out", tmp_path / "none") == 1 and not (tmp_path / "none").exists()
    assert fuse(*asked, "--fit", "crop", "--out", tmp_path / "one") == 0
    assert fuse(*pair, "--recipe", tmp_path / "one" / "fused.png", "--out", tmp_path / "two") == 0
    assert (tmp_path / "one" / "fused.png").read_bytes() == (tmp_path / "two" / "fused.png").read_bytes()


def test_transparency_is_kept(pair: list[str], tmp_path: Path) -> None:
    clear = Image.open(pair[1]).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    clear.save(pair[1])
    assert fuse(*pair, "--task", "mef", "--engine", "average", "--out", tmp_path / "one") == 0
    assert Image.open(tmp_path / "one" / "fused.png").mode == "RGBA"
