from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipelines.training import loop
from pipelines.training.loop import Stage, cosine_rate, train_stage


def batch(rng: np.random.Generator, step: int) -> dict:
    x = torch.from_numpy(rng.random((8, 3), dtype=np.float32))
    return {"x": x, "y": x.sum(1, keepdim=True)}


def loss(model: nn.Module, batch: dict, step: int) -> torch.Tensor:
    return (model(batch["x"]) - batch["y"]).square().mean()


def stage(steps: int = 30, **changes) -> Stage:
    return Stage("toy", steps, 0.05, seed=0, checkpoint_every=10, workers=0, **changes)


def fresh() -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(3, 1)


def trained(folder: Path, plan: Stage, resume: bool = False) -> nn.Linear:
    model = fresh()
    train_stage(model, plan, batch, loss, folder, resume)
    return model


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    held_out = batch(np.random.default_rng(9), 0)
    before, after = loss(fresh(), held_out, 0), loss(trained(tmp_path, stage(200)), held_out, 0)
    assert after < before / 10


def test_a_resumed_run_ends_where_the_whole_run_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = trained(tmp_path / "whole", stage())

    def broken(model: nn.Module, values: dict, step: int) -> torch.Tensor:
        if step == 17:
            raise KeyboardInterrupt
        return loss(model, values, step)

    with pytest.raises(KeyboardInterrupt):
        train_stage(fresh(), stage(), batch, broken, tmp_path / "cut", False)
    resumed = trained(tmp_path / "cut", stage(), resume=True)
    assert torch.equal(whole.weight, resumed.weight)


def test_what_is_not_to_be_trained_stays_to_the_bit(tmp_path: Path) -> None:
    model = trained(tmp_path, stage(trains=lambda name: name == "bias"))
    assert torch.equal(model.weight, fresh().weight)
    assert not torch.equal(model.bias, fresh().bias)


def test_the_rate_warms_up_and_falls_to_a_hundredth() -> None:
    plan = stage(1000)
    assert cosine_rate(plan, 0) < cosine_rate(plan, 20)
    assert cosine_rate(plan, 999) == pytest.approx(plan.learning_rate / 100, rel=0.05)


@pytest.mark.parametrize("multiplies", [True, False])
def test_half_precision_is_for_devices_that_multiply_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, multiplies: bool
) -> None:
    seen = []

    def noting(model: nn.Module, values: dict, step: int) -> torch.Tensor:
        seen.append(model(values["x"]).dtype)
        return loss(model, values, step)

    monkeypatch.setattr(loop, "multiplies_bfloat16", lambda device: multiplies)
    train_stage(fresh(), stage(2, half=True), batch, noting, tmp_path, False)
    assert set(seen) == {torch.bfloat16 if multiplies else torch.float32}


def test_a_processor_without_the_instructions_does_not_emulate_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    assert not loop.multiplies_bfloat16("cpu") and loop.multiplies_bfloat16("cuda")
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert loop.multiplies_bfloat16("cpu")
