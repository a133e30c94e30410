from __future__ import annotations

import pytest
import torch

from pipelines.lab import evaluate as evaluation
from pipelines.lab.surrogate import PER_TASK, entropy_loss
from pipelines.lab.tasks import TASKS
from pipelines.lab.vit import ShapesViT


@pytest.fixture(autouse=True)
def _few_pictures(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(evaluation, "SPLITS", evaluation.SPLITS | {"unlabelled": (3, 2 * PER_TASK)})
    monkeypatch.setattr("pipelines.lab.surrogate.SPLITS", evaluation.SPLITS)
    evaluation.pictures.cache_clear()
    yield
    evaluation.pictures.cache_clear()


def test_the_loss_is_the_mean_entropy_of_each_tasks_own_classes() -> None:
    torch.manual_seed(0)
    network = ShapesViT().eval()
    by_hand = []
    for task in TASKS:
        pixels = torch.from_numpy(evaluation.pictures(task, "unlabelled")[0][:PER_TASK])
        shares = network(pixels, task).softmax(1)
        by_hand.append(-(shares * shares.log()).sum(1).mean())
    loss = entropy_loss(ShapesViT().eval())
    assert loss(network.state_dict(), 0).item() == pytest.approx(torch.stack(by_hand).mean().item(), rel=1e-4)


def test_steps_take_turns_through_the_pictures_and_start_again() -> None:
    loss, weights = entropy_loss(ShapesViT().eval()), ShapesViT().state_dict()
    first, second, third = (loss(weights, step).item() for step in range(3))
    assert first != second and first == third


def test_the_gradient_reaches_the_weights() -> None:
    weights = {key: tensor.clone().requires_grad_() for key, tensor in ShapesViT().state_dict().items()}
    entropy_loss(ShapesViT().eval())(weights, 0).backward()
    assert weights["blocks.2.out.weight"].grad.abs().sum() > 0
