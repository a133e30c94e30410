from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.fusion import fusenet_training as training
from pipelines.fusion.family import FUSENET
from pipelines.fusion.fusenet import FuseNet
from pipelines.training.checkpoints import loaded
from pipelines.training.run import TrainingOptions

SMALL = replace(training.PRESETS["test"], crop_px=32)


@pytest.mark.parametrize("task", training.TASKS)
def test_an_expert_rehearses_every_other_task_in_a_fifth_of_its_batches(task: str) -> None:
    turns = training.rehearsal(task)
    assert turns.count(task) / len(turns) == pytest.approx(0.8)
    assert Counter(turns) == dict.fromkeys(training.TASKS, 1) | {task: turns.count(task)}


def test_stacks_have_two_to_four_frames_and_pairs_two() -> None:
    maker = training.BatchMaker(training.TASKS, SMALL)
    counts: dict[str, set[int]] = {task: set() for task in training.TASKS}
    for step in range(60):
        batch = maker(np.random.default_rng(step), step)
        counts[batch["task"]].add(batch["frames"].shape[1])
    assert counts == {"ivis": {2}, "mef": {2, 3, 4}, "mff": {2, 3, 4}, "med": {2}}


def test_the_longer_experts_are_longer_and_the_others_are_not() -> None:
    plan = replace(SMALL, expert_steps=3, longer={"ivis": 7})
    assert [plan.steps_of(task) for task in training.TASKS] == [7, 3, 3, 3]


def test_every_task_has_a_loss_with_a_gradient() -> None:
    torch.manual_seed(0)
    model, maker = FuseNet(), training.BatchMaker(training.TASKS, SMALL)
    for step, task in enumerate(training.TASKS):
        model.zero_grad()
        batch = maker(np.random.default_rng(step), step)
        assert batch["task"] == task
        training.TaskLoss()(model, batch, step).backward()
        assert model.decoder.head.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("task, loss", [("ivis", "infrared_visible_loss"), ("med", "medical_loss")])
def test_only_the_experts_own_pairs_are_sharpened(task: str, loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = training.BatchMaker((task,), SMALL)(np.random.default_rng(0), 0)
    shares = []
    monkeypatch.setattr(training.losses, loss, lambda fused, *others: shares.append(others[-1]) or fused.mean())
    for expert in (None, "mef", task):
        training.TaskLoss(expert)(FuseNet(), batch, 0)
    assert shares == [training.GRADIENT_SHARES[task]] * 2 + [training.EXPERT_GRADIENT_SHARES[task]]
    assert shares[2] > shares[0]


def test_rehearsal_at_the_end_of_the_fader_goes_half_as_far_again() -> None:
    torch.manual_seed(0)
    model, further = FuseNet(), FuseNet()
    base = {name: p.detach() + 0.01 for name, p in model.named_parameters() if training._of_fusion(name)}
    state = {name: base[name] + 1.5 * (p - base[name]) if name in base else p for name, p in model.named_parameters()}
    further.load_state_dict(dict(model.state_dict()) | state)
    for task, wanted in (("mef", further), ("med", model)):
        batch = training.BatchMaker((task,), SMALL)(np.random.default_rng(0), 0)
        found = training.TaskLoss("med", base)(model, batch, 0)
        assert found.item() == pytest.approx(training.TaskLoss("med")(wanted, batch, 0).item(), rel=1e-4)
        found.backward()
        assert model.decoder.head.weight.grad.abs().sum() > 0
        model.zero_grad()
    assert training.rehearsal("med", 1) == ("med", "ivis", "med", "mef", "med", "mff")


def test_a_run_trains_base_and_experts_and_leaves_the_segmentation_branch(tmp_path: Path) -> None:
    files = training.train(FUSENET, TrainingOptions(preset="test", seed=3, folder=tmp_path))
    assert set(files) == {"base", *training.TASKS}
    base = loaded(files["base"])
    for task in training.TASKS:
        moved = {name for name, value in loaded(files[task]).items() if not torch.equal(value, base[name])}
        assert moved and not [name for name in moved if name.startswith("segmentation.")]


def test_the_dynamic_weight_favours_the_loss_that_falls_slower() -> None:
    balance = training.DynamicWeights(2, window=2)
    for values in ((1.0, 1.0), (1.0, 1.0), (0.5, 1.0), (0.5, 1.0)):
        weights = balance(*values)
    slower = 2 * np.exp(0.5) / (np.exp(0.5) + np.exp(0.25))
    assert weights == pytest.approx([2 - slower, slower])


def test_miou_by_hand() -> None:
    table = np.array([[3.0, 1.0, 0.0], [1.0, 5.0, 0.0], [0.0, 0.0, 0.0]])
    assert training._miou(table) == pytest.approx((3 / 5 + 5 / 7) / 2)
