"""mergekit's recipes through the merge command: merged, converted, converted back, refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from pipelines.__main__ import main
from pipelines.commands.mergekit import ref_of

CONFIG = """
merge_method: task_arithmetic
base_model: base.safetensors
dtype: float32
models:
  - model: base.safetensors
  - model: left.safetensors
    parameters: {weight: [0.0, 1.0]}
  - model: right.safetensors
    parameters:
      weight:
        - {filter: bias, value: 0.25}
        - value: 0.5
parameters: {lambda: 0.5}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = torch.Generator().manual_seed(0)
    shapes = {f"layers.{i}.{part}": (4, 3) for i in range(3) for part in ("weight", "bias")} | {"head.weight": (2, 4)}
    for name in ("base", "left", "right"):
        save_file({key: torch.randn(shape, generator=generator) for key, shape in shapes.items()},
                  tmp_path / f"{name}.safetensors")  # fmt: skip
    (tmp_path / "theirs.yaml").write_text(CONFIG)
    return tmp_path


def expected(folder: Path) -> dict[str, torch.Tensor]:
    base, left, right = (load_file(folder / f"{name}.safetensors") for name in ("base", "left", "right"))
    merged = {}
    for key, value in base.items():
        layer = int(key.split(".")[1]) if key.startswith("layers") else 0
        weights = layer / 2, 0.25 if "bias" in key else 0.5
        merged[key] = value + 0.5 * (weights[0] * (left[key] - value) + weights[1] * (right[key] - value))
    return merged


def assert_merged(out: Path, wanted: dict[str, torch.Tensor]) -> None:
    found = load_file(out)
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        torch.testing.assert_close(found[key], value, rtol=1e-6, atol=1e-6)


def test_a_configuration_is_merged_and_its_fidelity_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["merge", str(folder / "theirs.yaml"), "--out", str(folder / "mix.safetensors"), "--strangers"]) == 0
    assert_merged(folder / "mix.safetensors", expected(folder))
    told = capsys.readouterr().out
    assert "exact" in told and "lambda" in told and "≤1 ulp" in told


def test_converted_there_and_back_it_is_the_same_recipe(folder: Path) -> None:
    for given, out in (("theirs", "ours"), ("ours", "again"), ("again", "ours-again")):
        assert main(["merge", str(folder / f"{given}.yaml"), "--out", str(folder / f"{out}.yaml")]) == 0
    ours, again = (yaml.safe_load((folder / f"{name}.yaml").read_text()) for name in ("ours", "ours-again"))
    assert ours == again and ours["mixdeck_recipe"] == 1
    theirs = yaml.safe_load((folder / "again.yaml").read_text())
    assert theirs["merge_method"] == "task_arithmetic" and theirs["parameters"] == {"lambda": 0.5}
    assert main(["merge", str(folder / "ours.yaml"), "--out", str(folder / "mix.safetensors"), "--strangers"]) == 0
    assert_merged(folder / "mix.safetensors", expected(folder))


@pytest.fixture
def hub(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A local cache of the Hub with the three checkpoints: owner/base, owner/left at v1, owner/right."""
    for name, tag in (("base", "main"), ("left", "v1"), ("right", "main")):
        repository = folder / "cache" / f"models--owner--{name}"
        (repository / "refs").mkdir(parents=True)
        (repository / "refs" / tag).write_text("c" * 40)
        (repository / "snapshots" / ("c" * 40)).mkdir(parents=True)
        (folder / f"{name}.safetensors").rename(repository / "snapshots" / ("c" * 40) / "model.safetensors")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder / "cache"))
    renamed = {
        "base.safetensors": "owner/base",
        "left.safetensors": "owner/left@v1",
        "right.safetensors": "owner/right",
    }
    text = CONFIG
    for old, new in renamed.items():
        text = text.replace(old, new)
    (folder / "theirs.yaml").write_text(text)


def convert(folder: Path, given: str, out: str) -> dict[str, Any]:
    assert main(["merge", str(folder / f"{given}.yaml"), "--out", str(folder / f"{out}.yaml")]) == 0
    return yaml.safe_load((folder / f"{out}.yaml").read_text())


def test_hub_ids_are_marked_here_and_not_there(folder: Path, request: pytest.FixtureRequest) -> None:
    wanted = expected(folder)
    request.getfixturevalue("hub")
    ours = convert(folder, "theirs", "ours")
    assert ours["family"]["base"] == {"ref": "hub:owner/base"}
    assert ours["experts"] == {"left": {"ref": "hub:owner/left@v1"}, "right": {"ref": "hub:owner/right"}}
    theirs = convert(folder, "ours", "again")
    assert [theirs["base_model"], *(one["model"] for one in theirs["models"])] == [
        "owner/base", "owner/left@v1", "owner/right"]  # fmt: skip
    assert convert(folder, "again", "ours-again") == ours
    assert main(["merge", str(folder / "theirs.yaml"), "--out", str(folder / "mix.safetensors"), "--strangers"]) == 0
    assert_merged(folder / "mix.safetensors", wanted)


def test_the_dtype_of_the_files_is_that_of_both(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("base", "left", "right"):
        narrow = {key: value.bfloat16() for key, value in load_file(folder / f"{name}.safetensors").items()}
        save_file(narrow, folder / f"{name}.safetensors")
    convert(folder, "theirs", "ours")
    assert "the file is float32 there and has the dtypes of the base here, bfloat16" in capsys.readouterr().out
    theirs = convert(folder, "ours", "again")
    assert (theirs["dtype"], theirs["out_dtype"]) == ("float32", "bfloat16")
    capsys.readouterr()
    convert(folder, "again", "ours-again")
    assert "lossy" not in capsys.readouterr().out


def with_adapter(folder: Path, file: str = "adapter_model.safetensors") -> dict[str, torch.Tensor]:
    """A recipe of one adapter at 0.5 as ours.yaml; gives what it merges to."""
    generator = torch.Generator().manual_seed(1)
    up, down = torch.randn(4, 2, generator=generator), torch.randn(2, 3, generator=generator)
    (folder / "ink").mkdir()
    name = "base_model.model.layers.1"
    save_file({f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}, folder / "ink" / file)
    (folder / "ink" / "adapter_config.json").write_text('{"lora_alpha": 4, "r": 2}')
    document = {
        "mixdeck_recipe": 1,
        "family": {"id": "checkpoints", "base": {"ref": "base.safetensors"}},
        "experts": {"ink": {"ref": f"ink/{file}", "kind": "lora"}},
        "merge": {"vector": {"method": "task_arithmetic"}, "weights": {"ink": 0.5}, "scale": 1.0},
    }
    (folder / "ours.yaml").write_text(yaml.safe_dump(document))
    base = load_file(folder / "base.safetensors")
    return base | {"layers.1.weight": base["layers.1.weight"] + 0.5 * 2 * up @ down}


def test_an_adapter_is_named_with_the_base_there_and_is_an_expert_here(folder: Path) -> None:
    wanted = with_adapter(folder)
    theirs = convert(folder, "ours", "again")
    assert [one["model"] for one in theirs["models"]] == ["base.safetensors+ink"]
    assert convert(folder, "again", "ours-again")["experts"] == {
        "ink": {"ref": "ink/adapter_model.safetensors", "kind": "lora"}
    }
    assert main(["merge", str(folder / "again.yaml"), "--out", str(folder / "mix.safetensors"), "--strangers"]) == 0
    assert_merged(folder / "mix.safetensors", wanted)


def test_an_adapter_of_another_file_name_is_not_written(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_adapter(folder, "street.safetensors")
    assert main(["merge", str(folder / "ours.yaml"), "--out", str(folder / "again.yaml")]) != 0
    assert "adapter ink is ink/street.safetensors: mergekit looks for adapter_model" in capsys.readouterr().err


def test_a_plus_in_a_name_is_refused_on_the_way_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_adapter(folder)
    (folder / "base.safetensors").rename(folder / "a+b.safetensors")
    text = (folder / "ours.yaml").read_text().replace("base.safetensors", "a+b.safetensors")
    (folder / "ours.yaml").write_text(text)
    assert main(["merge", str(folder / "ours.yaml"), "--out", str(folder / "again.yaml")]) != 0
    assert "rename the file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nets/left", "nets/left.safetensors", "./nets/left", "/nets/left", "nets/left/last"])
def test_what_looks_like_a_path_or_is_one_is_no_hub_id(tmp_path: Path, name: str) -> None:
    (tmp_path / "nets" / "left").mkdir(parents=True)
    assert ref_of(name, tmp_path) == name
    assert ref_of("nets/right", tmp_path) == "hub:nets/right"


def test_a_base_that_cannot_be_fetched_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "theirs.yaml").write_text(CONFIG.replace("base.safetensors", "owner/none"))
    out = folder / "ours.yaml"
    assert main(["merge", str(folder / "theirs.yaml"), "--out", str(out)]) != 0
    assert "must be at hand" in capsys.readouterr().err
    assert main(["merge", str(folder / "theirs.yaml"), "--out", str(out), "--download"]) != 0
    assert "owner/none" in capsys.readouterr().err and not out.exists()


def test_what_cannot_be_read_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "theirs.yaml").write_text("merge_method: passthrough\nmodels: [{model: base.safetensors}]\n")
    assert main(["merge", str(folder / "theirs.yaml"), "--out", str(folder / "ours.yaml")]) != 0
    assert not (folder / "ours.yaml").exists()
    assert "changes the depth" in capsys.readouterr().err


def test_stages_are_refused_with_the_way_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "theirs.yaml").write_text(f"name: first\n{CONFIG}---\nname: second\n{CONFIG}")
    assert main(["merge", str(folder / "theirs.yaml"), "--out", str(folder / "mix.safetensors")]) != 0
    assert "merged one after the other" in capsys.readouterr().err


def with_masks(folder: Path) -> None:
    document = {
        "mixdeck_recipe": 1,
        "family": {"id": "two", "base": {"ref": "base.safetensors"}},
        "experts": {"left": {"ref": "left.safetensors"}},
        "merge": {"vector": {"method": "tall_masks"}, "weights": {"left": 1.0}, "masks": {"mode": "union"}},
    }
    (folder / "ours.yaml").write_text(yaml.safe_dump(document))


def test_masks_are_not_exported_and_the_way_out_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_masks(folder)
    assert main(["merge", str(folder / "ours.yaml"), "--out", str(folder / "theirs-again.yaml")]) != 0
    assert "pass that one through" in capsys.readouterr().err and not (folder / "theirs-again.yaml").exists()


def test_masks_are_frozen_into_a_checkpoint_that_mergekit_passes_through(folder: Path) -> None:
    with_masks(folder)
    (folder / "out").mkdir()
    ours, out = str(folder / "ours.yaml"), folder / "out" / "frozen.yaml"
    frozen = ["--freeze", str(folder / "frozen.safetensors")]
    assert main(["merge", ours, "--out", str(out), *frozen, "--strangers"]) == 0
    assert yaml.safe_load(out.read_text()) == {
        "merge_method": "passthrough",
        "models": [{"model": "../frozen.safetensors"}],
    }
    assert main(["merge", ours, "--out", str(folder / "plain.safetensors"), "--strangers"]) == 0
    assert (folder / "frozen.safetensors").read_bytes() == (folder / "plain.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("recipe", "out", "file", "words"),
    [
        ("ours", "x.safetensors", "y.safetensors", "goes with --out FILE.yaml"),
        ("theirs", "x.yaml", "y.safetensors", "is one of mergekit's"),
        ("ours", "x.yaml", "y.bin", "--freeze"),
    ],
)
def test_freezing_is_refused_where_it_means_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], recipe: str, out: str, file: str, words: str
) -> None:
    with_masks(folder)
    asked = ["merge", str(folder / f"{recipe}.yaml"), "--out", str(folder / out), "--freeze", str(folder / file)]
    assert main(asked) != 0
    assert words in capsys.readouterr().err and not (folder / out).exists() and not (folder / file).exists()
