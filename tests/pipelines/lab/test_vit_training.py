from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from pipelines.lab import evaluate as evaluation
from pipelines.lab.family import SHAPES_VIT
from pipelines.lab.tasks import TASKS
from pipelines.lab.vit import ShapesViT
from pipelines.lab.vit_training import BatchMaker, geometry, publish_family, task_loss, train
from pipelines.shared.errors import UserError
from pipelines.training import publish
from pipelines.training.checkpoints import loaded, store
from pipelines.training.run import TrainingOptions


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run")


@pytest.fixture(scope="module")
def files(folder: Path) -> dict[str, Path]:
    """A training of two steps each."""
    return train(SHAPES_VIT, TrainingOptions(preset="test", folder=folder))


def test_experts_move_the_encoder_and_leave_the_prototypes(files: dict[str, Path]) -> None:
    assert list(files) == ["base", *TASKS]
    base = load_file(files["base"])
    for task in TASKS:
        expert = load_file(files[task])
        assert torch.equal(expert["prototypes"], base["prototypes"])
        assert not torch.equal(expert["blocks.0.qkv.weight"], base["blocks.0.qkv.weight"])
        assert all(tensor.dtype == torch.float16 for tensor in expert.values())


def test_the_same_seed_gives_the_same_base_and_another_another(files: dict[str, Path], tmp_path: Path) -> None:
    again = train(SHAPES_VIT, TrainingOptions(preset="test", folder=tmp_path))
    assert (
        again["base"].read_bytes() != b""
        and same(again["base"], files["base"])
        and same(again["words"], files["words"])
    )
    other = train(SHAPES_VIT, TrainingOptions(preset="test", seed=1, folder=tmp_path))
    assert not same(other["base"], files["base"])


def same(first: Path, second: Path) -> bool:
    one, other = load_file(first), load_file(second)
    return all(torch.equal(one[key], other[key]) for key in one)


def test_one_expert_comes_from_the_base_of_its_run(files: dict[str, Path], folder: Path) -> None:
    before = load_file(files["digits"])
    again = train(SHAPES_VIT, TrainingOptions(preset="test", expert="digits", folder=folder))
    assert list(again) == ["digits"]
    assert all(torch.equal(tensor, before[key]) for key, tensor in load_file(again["digits"]).items())


def test_an_expert_without_a_base_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="without --expert"):
        train(SHAPES_VIT, TrainingOptions(preset="test", expert="digits", folder=tmp_path))


def test_a_batch_holds_every_task_in_turn() -> None:
    batch = BatchMaker(("digits", "counts"), 3)(np.random.default_rng(0), 0)
    assert batch["pixels"].shape == (6, 3, 32, 32) and batch["labels"].shape == (6,)
    assert batch["labels"][3:].max() < len(TASKS["counts"].classes)


def test_the_loss_is_the_mean_over_tasks_among_their_own_classes() -> None:
    network, batch = ShapesViT(), BatchMaker(("digits", "counts"), 3)(np.random.default_rng(0), 0)
    by_hand = [
        F.cross_entropy(network(batch["pixels"][part], name), batch["labels"][part])
        for name, part in (("digits", slice(0, 3)), ("counts", slice(3, 6)))
    ]
    torch.testing.assert_close(task_loss(network, batch, 0), sum(by_hand) / 2)


def test_the_manifest_gets_matrix_norms_and_cosines(files: dict[str, Path], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(publish.publish, "__defaults__", (tmp_path,))
    monkeypatch.setattr(publish.write_entry, "__defaults__", (tmp_path,))
    monkeypatch.setattr(evaluation, "SPLITS", {"test": (0, 4)})
    evaluation.pictures.cache_clear()
    publish_family({"base": files["base"], "digits": files["digits"]}, TrainingOptions(preset="test"), 1.0)
    evaluation.pictures.cache_clear()
    entry = json.loads((tmp_path / "manifest.json").read_text())["shapes_vit"]
    assert set(entry["matrix"]) == {"base", "digits"} and set(entry["matrix"]["base"]) == set(TASKS)
    assert 0 < entry["relative_norms"]["digits"] < 0.1 and entry["cosines"] == {}


def test_geometry_is_that_of_the_vectors() -> None:
    base = {"w": torch.tensor([3.0, 4.0])}
    experts = {"a": {"w": torch.tensor([3.5, 4.0])}, "b": {"w": torch.tensor([3.0, 4.5])}}
    assert geometry({"base": base} | experts) == {"relative_norms": {"a": 0.1, "b": 0.1}, "cosines": {"a b": 0.0}}


def test_a_stored_network_comes_back_rounded_to_half(tmp_path: Path) -> None:
    network = ShapesViT()
    back = loaded(store(network, tmp_path / "made" / "x.safetensors", 3.0))
    assert all(torch.equal(back[key], tensor.half().float()) for key, tensor in network.state_dict().items())
