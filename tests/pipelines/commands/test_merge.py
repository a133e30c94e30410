from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from pipelines.__main__ import main
from pipelines.merging.recipe_form import recipe_hash
from pipelines.shared.family import ModelFamily
from pipelines.shared.recipe_file import parse_document
from pipelines.shared.weights import weights_hashes


def test_the_file_holds_the_mix_in_float32(toy: ModelFamily, assets: Path, recipe_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "made" / "mix.safetensors"
    assert main(["merge", str(recipe_file), "--out", str(out)]) == 0
    base, left, right = (
        load_file(assets / "weights" / "toy" / f"{name}.safetensors") for name in ("base", "left", "right")
    )
    merged = load_file(out)
    assert merged.keys() == base.keys()
    for key, value in merged.items():
        expected = base[key] + 0.75 * (left[key] - base[key]) + 0.5 * (right[key] - base[key])
        torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-6)
        assert value.dtype == torch.float32
    toy.build().load_state_dict(merged)


def test_a_mix_that_overflows_is_not_stored(
    toy: ModelFamily, assets: Path, recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("left", "right"):
        path = assets / "weights" / "toy" / f"{name}.safetensors"
        weights = load_file(path)
        weights["2.bias"][0] = 3.3e38
        save_file(weights, path)
    assert main(["merge", str(recipe_file), "--out", str(tmp_path / "mix.safetensors")]) == 1
    assert "values in 2.bias beyond the range of torch.float32: lower the faders" in capsys.readouterr().err
    assert not list(tmp_path.glob("mix.safetensors*"))


def ship(assets: Path) -> None:
    """The manifest of the toy's weights."""
    files = {path.name: {"sha256": sha256(path.read_bytes()).hexdigest()}
             for path in (assets / "weights" / "toy").iterdir()}  # fmt: skip
    (assets / "weights" / "manifest.json").write_text(json.dumps({"toy": {"files": files}}))


def test_the_file_names_its_recipe_and_hash_and_the_weights(
    toy: ModelFamily, assets: Path, recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "mix.safetensors", tmp_path / "mix.json"
    ship(assets)
    recipe_file.write_text(recipe_file.read_text() + f"weights: {{toy: {'f' * 64}}}\n")
    assert main(["merge", str(recipe_file), "--out", str(out), "--json", str(report)]) == 0
    assert "mix.yaml: It was made with other weights of toy" in capsys.readouterr().err
    with safe_open(out, "pt") as file:
        about = file.metadata()
    document, _ = parse_document(about["mixdeck:recipe"], (toy,))
    assert document.recipe.coefficient("left") == 0.75
    assert about["mixdeck:recipe_hash"] == recipe_hash(document.recipe)
    written = json.loads(report.read_text())
    assert written["recipe_hash"] == about["mixdeck:recipe_hash"]
    assert document.weights == written["weights"] == weights_hashes(assets, "toy")
    assert written["device"] == "cpu" and written["seconds"] >= 0 and written["recipe"]["weights"]["right"] == 0.5


@pytest.mark.usefixtures("toy")
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    out = folder / "mix.safetensors"
    out.write_bytes(b"old")

    def fill_the_disk(weights: object, path: Path, about: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr("safetensors.torch.save_file", fill_the_disk)
    assert main(["merge", str(recipe_file), "--out", str(out)]) == 1
    assert "No space left" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["mix.safetensors"] and out.read_bytes() == b"old"


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("left: 0.75", "left: 7"), "between -1 and 1.5"),
        (("task_arithmetic", "stirring"), "stirring"),
        (("family: toy", "family: tay"), "known are toy"),
        (("mixdeck_recipe: 1", "recipe: 1"), "not a Mixdeck recipe"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused(
    change: tuple[str, str], said: str, recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe_file.write_text(recipe_file.read_text().replace(*change))
    out = tmp_path / "mix.safetensors"
    assert main(["merge", str(recipe_file), "--out", str(out)]) == 1
    assert said in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("name", ["mix.pt", "mix.bin", "mix"])
def test_only_safetensors_are_written(
    name: str, recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["merge", str(recipe_file), "--out", str(tmp_path / name)]) == 1
    assert ".safetensors" in capsys.readouterr().err


def test_local_checkpoints_are_merged_by_a_recipe_that_names_them(assets: Path, tmp_path: Path) -> None:
    recipe, out, report = assets / "weights" / "toy" / "mine.yaml", tmp_path / "mix.safetensors", tmp_path / "mix.json"
    recipe.write_text(
        "mixdeck_recipe: 1\nfamily: {id: mine, base: {ref: base.safetensors}}\n"
        "experts: {left: {ref: left.safetensors}}\nmerge: {weights: {left: 1.0}, scale: 1.0}\n"
    )
    assert main(["merge", str(recipe), "--out", str(out), "--json", str(report)]) == 1  # of random starts
    assert not out.exists()
    assert main(["merge", str(recipe), "--out", str(out), "--json", str(report), "--strangers"]) == 0
    left = load_file(assets / "weights" / "toy" / "left.safetensors")
    assert all(torch.equal(value, left[key]) for key, value in load_file(out).items())
    written = json.loads(report.read_text())
    assert written["family"] == "mine" and written["device"] == "cpu" and len(written["recipe_hash"]) == 64


KILLED = """
import os, signal, sys
from pathlib import Path
from pipelines.shared.weights import whole_file
with whole_file(Path(sys.argv[1])) as draft:
    draft.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.usefixtures("toy")
def test_what_a_killed_merge_left_is_told_and_removed_by_the_next(
    root: Path, recipe_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "out"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder / "big.safetensors")], cwd=root, timeout=60)
    alive = folder / f".mine.safetensors.{os.getpid()}.part"
    alive.touch()
    assert killed.returncode == -signal.SIGKILL and len(list(folder.iterdir())) == 2
    assert main(["merge", str(recipe_file), "--out", str(folder / "mix.safetensors")]) == 0
    assert "half-written big.safetensors" in capsys.readouterr().err
    assert {path.name for path in folder.iterdir()} == {"mix.safetensors", alive.name}
