from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from pipelines.__main__ import main


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    """A base and two experts near it, in fp16."""
    folder = tmp_path / "mine"
    folder.mkdir()
    generator = torch.Generator().manual_seed(0)
    base = {"layer.weight": torch.randn(100, 200, generator=generator), "layer.bias": torch.randn(200)}
    for name, step in {"base": 0.0, "street": 1e-3, "hand": 2e-3}.items():
        noise = {key: step * torch.randn(value.shape, generator=generator) for key, value in base.items()}
        save_file({key: (base[key] + noise[key]).half() for key in base}, folder / f"{name}.safetensors")
    return folder


def test_differences_give_every_bit_back(checkpoints: Path, tmp_path: Path) -> None:
    packed, out = tmp_path / "packed", tmp_path / "out"
    assert main(["pack", str(checkpoints), "--out", str(packed)]) == 0
    assert main(["unpack", str(packed), "--out", str(out)]) == 0
    for name in ("base", "street", "hand"):
        before, after = (load_file(folder / f"{name}.safetensors") for folder in (checkpoints, out))
        assert all(torch.equal(before[key], after[key]) and after[key].dtype == torch.float16 for key in before)
    expert = (packed / "street.safetensors").stat().st_size
    assert expert < 0.7 * (checkpoints / "street.safetensors").stat().st_size


def test_an_archive_gives_networks_near_the_experts(checkpoints: Path, tmp_path: Path) -> None:
    packed, out, report = tmp_path / "packed", tmp_path / "out", tmp_path / "report.json"
    assert main(["pack", str(checkpoints), "--form", "tall", "--out", str(packed), "--json", str(report)]) == 0
    assert main(["unpack", str(packed), "--out", str(out)]) == 0
    told = json.loads(report.read_text())
    assert sum(told["bytes"]["tall"].values()) == (packed / "tall.safetensors").stat().st_size
    base, expert = (load_file(checkpoints / f"{name}.safetensors")["layer.weight"].float() for name in ("base", "hand"))
    rebuilt = load_file(out / "hand.safetensors")["layer.weight"].float()
    assert (rebuilt - expert).abs().sum() < 0.5 * (base - expert).abs().sum()


@pytest.mark.parametrize(("form", "name"), [("deltas", "street"), ("tall", "tall")])
def test_what_was_packed_is_merged_only_after_it_is_unpacked(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str, name: str
) -> None:
    packed, out, recipe = tmp_path / "packed", tmp_path / "out.safetensors", tmp_path / "recipe.yaml"
    assert main(["pack", str(checkpoints), "--form", form, "--out", str(packed)]) == 0
    recipe.write_text(
        "mixdeck_recipe: 1\nfamily: {id: mine, base: {ref: mine/base.safetensors}}\n"
        f"experts: {{one: {{ref: packed/{name}.safetensors}}}}\nmerge: {{weights: {{one: 1.0}}, scale: 1.0}}\n"
    )
    assert main(["merge", str(recipe), "--out", str(out)]) == 1
    assert f"{name}.safetensors holds" in (said := capsys.readouterr().err) and "python -m pipelines unpack" in said
    assert not out.exists()
    assert main(["unpack", str(packed), "--out", str(tmp_path / "plain")]) == 0
    recipe.write_text(recipe.read_text().replace(f"packed/{name}", "plain/street"))
    assert main(["merge", str(recipe), "--out", str(out)]) == 0


def test_auto_takes_the_smaller(checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    assert main(["pack", str(checkpoints), "--form", "auto", "--out", str(tmp_path / "x"), "--json", str(report)]) == 0
    told = json.loads(report.read_text())
    totals = {form: sum(parts.values()) for form, parts in told["bytes"].items()}
    assert told["form"] == min(totals, key=totals.__getitem__)
    assert "lossless differences" in capsys.readouterr().out


def test_a_folder_of_both_forms_is_refused_and_the_archive_can_be_named(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    packed, out = tmp_path / "packed", tmp_path / "out"
    for form in ("tall", "deltas"):
        assert main(["pack", str(checkpoints), "--form", form, "--out", str(packed)]) == 0
    assert main(["unpack", str(packed), "--out", str(out)]) == 1
    assert "tall.safetensors, the name of an archive of all experts, beside" in capsys.readouterr().err
    assert not out.exists()
    assert main(["unpack", str(packed / "tall.safetensors"), "--out", str(out)]) == 0


@pytest.mark.parametrize("is_absolute", [False, True])
def test_no_archive_writes_outside_the_folder(
    checkpoints: Path, tmp_path: Path, is_absolute: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    packed, out = tmp_path / "packed", tmp_path / "a" / "out"
    assert main(["pack", str(checkpoints), "--form", "tall", "--out", str(packed)]) == 0
    path = packed / "tall.safetensors"
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    name = str(tmp_path / "x") if is_absolute else "../../x"
    save_file(load_file(path), path, {key: text.replace('"hand"', f'"{name}"') for key, text in metadata.items()})
    assert main(["unpack", str(packed), "--out", str(out)]) == 1
    assert f"has a task called {name!r}" in capsys.readouterr().err
    assert not (tmp_path / "x.safetensors").exists() and not out.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pack", "nowhere", "--out", "x"], "no folder and no family"),
        (["unpack", "nowhere", "--out", "x"], "no such file or folder"),
    ],
)
def test_what_is_not_there_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    assert words in capsys.readouterr().err


def test_a_folder_without_a_base_says_what_it_should_hold(
    checkpoints: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkpoints / "base.safetensors").unlink()
    assert main(["pack", str(checkpoints), "--out", str(checkpoints / "x")]) == 1
    assert "should hold base.safetensors" in capsys.readouterr().err
