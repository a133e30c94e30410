from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pipelines.shared.errors import UserError
from pipelines.shared.family import ModelFamily, ModelSpec
from pipelines.shared.weights import other_weights, read_weights, weights_hashes


def test_half_precision_comes_back_as_float32(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"w": torch.tensor([0.5], dtype=torch.float16), "n": torch.tensor([3])}, tmp_path / "x.safetensors")
    weights = read_weights(ModelSpec("x", f"folder:{tmp_path / 'x.safetensors'}", None, "MIT"), tmp_path)
    assert weights["w"].dtype == torch.float32 and weights["n"].dtype == torch.int64


def test_shards_of_a_folder_are_joined(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    for name in ("a", "b"):
        save_file({name: torch.ones(2)}, tmp_path / f"{name}.safetensors")
    assert set(read_weights(ModelSpec("x", f"folder:{tmp_path}", None, "MIT"), tmp_path)) == {"a", "b"}


def test_a_tensor_in_two_files_is_refused_unless_the_index_names_one(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    for value, name in enumerate(("consolidated", "model")):
        save_file({"w": torch.full((2,), float(value))}, tmp_path / f"{name}.safetensors")
    spec = ModelSpec("x", f"folder:{tmp_path}", None, "MIT")
    with pytest.raises(UserError, match=r"w is in consolidated\.safetensors and in model\.safetensors: keep one"):
        read_weights(spec, tmp_path)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"w": "consolidated.safetensors"}}))
    assert torch.equal(read_weights(spec, tmp_path)["w"], torch.zeros(2))
    index.write_text(json.dumps({"weight_map": {"w": "gone.safetensors"}}))
    with pytest.raises(UserError, match=r"the shard gone\.safetensors"):
        read_weights(spec, tmp_path)


def test_a_pickle_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    torch.save({"w": torch.ones(1)}, path)
    with pytest.raises(UserError, match="convert"):
        read_weights(ModelSpec("x", f"folder:{path}", None, "MIT"), tmp_path)


def test_a_file_other_than_the_manifest_names_is_refused(toy_family: ModelFamily, tmp_path: Path) -> None:
    entry = {"toy": {"files": {"base.safetensors": {"sha256": "0" * 64}}}}
    (tmp_path / "weights" / "manifest.json").write_text(json.dumps(entry))
    with pytest.raises(UserError, match="manifest says 000000000000"):
        read_weights(toy_family.base, tmp_path)


def test_other_weights_than_a_recipe_names_are_told(tmp_path: Path) -> None:
    for name, sha256 in (("old", "0" * 64), ("new", "1" * 64)):
        (tmp_path / name / "weights").mkdir(parents=True)
        entry = {"toy": {"files": {"base.safetensors": {"sha256": sha256}}}}
        (tmp_path / name / "weights" / "manifest.json").write_text(json.dumps(entry))
    told = weights_hashes(tmp_path / "old", "toy", "of-the-hub")
    assert told.keys() == {"toy"} and other_weights(told, tmp_path / "old") == other_weights({}, tmp_path) == ()
    assert other_weights(told, tmp_path / "new") == ("It was made with other weights of toy: the result may differ.",)


def test_a_missing_file_is_named(toy_family: ModelFamily, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"toy/gone: no weights at assets:toy/gone\.safetensors"):
        read_weights(replace(toy_family.base, name="toy/gone", source="assets:toy/gone.safetensors"), tmp_path)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("hub:owner/name@main", "full commit"),
        ("hub:../x@" + "a" * 40, "owner/name@commit"),
        ("hub:owner/name@" + "a" * 40, "not in the local cache"),
        ("https://x", "expected assets:"),
    ],
)
def test_a_hub_reference_is_pinned_valid_and_local(
    source: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=words):
        read_weights(ModelSpec("x", source, None, "MIT"), tmp_path)
