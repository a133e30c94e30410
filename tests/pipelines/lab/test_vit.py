from __future__ import annotations

import pytest
import torch
from torch import nn

from pipelines.lab.family import SHAPES_VIT
from pipelines.lab.tasks import CLASS_COUNT, TASKS
from pipelines.lab.vit import ShapesViT
from pipelines.merging.layout import check_blocks


@pytest.fixture(scope="module")
def network() -> ShapesViT:
    torch.manual_seed(0)
    return ShapesViT().eval()


def pixels(count: int = 3) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(count))


@torch.inference_mode()
def test_a_tasks_logits_are_its_stretch_of_all_logits(network: ShapesViT) -> None:
    whole = network(pixels())
    assert whole.shape == (3, CLASS_COUNT)
    for name, task in TASKS.items():
        torch.testing.assert_close(network(pixels(), name), whole[:, task.span])


@torch.inference_mode()
def test_logits_are_cosines_times_the_temperature(network: ShapesViT) -> None:
    assert torch.allclose(network.features(pixels()).norm(dim=1), torch.ones(3))
    assert network(pixels()).abs().max() <= network.temperature + 1e-4


@torch.inference_mode()
def test_the_length_of_prototypes_does_not_matter(network: ShapesViT) -> None:
    before = network(pixels())
    with torch.no_grad():
        network.prototypes.mul_(2)
    torch.testing.assert_close(network(pixels()), before)


@torch.inference_mode()
def test_pictures_of_a_batch_do_not_meet(network: ShapesViT) -> None:
    torch.testing.assert_close(network(pixels())[:1], network(pixels()[:1]), rtol=1e-4, atol=1e-4)


def test_the_place_of_things_reaches_the_features(network: ShapesViT) -> None:
    assert not torch.allclose(network(pixels()), network(pixels().flip(3)), atol=1e-3)


def test_every_parameter_gets_a_gradient() -> None:
    network = ShapesViT()
    network(pixels()).square().sum().backward()
    still = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


def test_no_running_statistics_and_small_files(network: ShapesViT) -> None:
    assert not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())
    assert not list(network.buffers())
    assert 2 * sum(p.numel() for p in network.parameters()) * 9 < 7e6


def test_blocks_hold_every_key_once(network: ShapesViT) -> None:
    check_blocks(network.state_dict(), [(block.name, block.match) for block in SHAPES_VIT.blocks])
    assert SHAPES_VIT.tasks == tuple(TASKS)
