from __future__ import annotations

import pytest
import torch

from pipelines.fusion.fusenet import (
    OVERSHOOT,
    FuseNet,
    saliency_composite,
    shown_range,
    shown_share,
    within_range,
)
from pipelines.fusion.losses import gradients

PAIR = torch.tensor([0, 1])


@pytest.fixture(scope="module")
def network() -> FuseNet:
    torch.manual_seed(0)
    return FuseNet().eval()


def frames(count: int, height: int = 40, width: int = 56) -> torch.Tensor:
    return torch.rand(1, count, height, width, generator=torch.Generator().manual_seed(count))


@torch.inference_mode()
@pytest.mark.parametrize("count", [2, 3, 6])
@pytest.mark.parametrize("size", [(40, 56), (33, 47), (7, 5)])
def test_any_number_of_frames_of_any_size_runs(network: FuseNet, count: int, size: tuple[int, int]) -> None:
    output = network(frames(count, *size), torch.full((count,), -1))
    assert output.fused.shape == (1, *size)
    assert output.weights.shape == (1, count, *size)
    assert torch.allclose(output.weights.sum(1), torch.ones(1, *size), atol=1e-5)


@torch.inference_mode()
def test_the_blend_stays_between_the_darkest_and_the_brightest_frame(network: FuseNet) -> None:
    stack = frames(3)
    blend = network(stack, torch.full((3,), -1)).blend
    assert (blend <= stack.amax(1) + 1e-6).all() and (blend >= stack.amin(1) - 1e-6).all()


@torch.inference_mode()
def test_frames_without_roles_may_come_in_any_order(network: FuseNet) -> None:
    stack, roles = frames(3), torch.full((3,), -1)
    turned = network(stack[:, [2, 0, 1]], roles)
    assert torch.allclose(turned.fused, network(stack, roles).fused, atol=1e-5)
    assert torch.allclose(turned.weights, network(stack, roles).weights[:, [2, 0, 1]], atol=1e-5)


@torch.inference_mode()
def test_roles_and_segmentation_change_the_outcome(network: FuseNet) -> None:
    stack = frames(2)
    network.stem.role.data.copy_(torch.randn(2, 32, generator=torch.Generator().manual_seed(1)))
    with_roles = network(stack, PAIR).fused
    assert not torch.allclose(with_roles, network(stack, torch.tensor([-1, -1])).fused, atol=1e-4)
    segmented = network(stack, PAIR, with_segmentation=True)
    assert segmented.logits is not None and segmented.logits.shape[:2] == (1, 7)
    assert not torch.allclose(segmented.fused, with_roles, atol=1e-6)


def test_there_is_no_batch_norm_to_be_merged(network: FuseNet) -> None:
    assert not [name for name, _ in network.named_buffers()]


def test_the_segmentation_loss_reaches_the_fusion_network_and_back(network: FuseNet) -> None:
    output = network(frames(2), PAIR, with_segmentation=True)
    output.fused.sum().backward()
    assert network.segmentation.embed[0].weight.grad.abs().sum() > 0
    assert network.decoder.head.weight.grad.abs().sum() > 0
    network.zero_grad()


def test_the_composite_prefers_the_rare_grey() -> None:
    flat = torch.full((1, 1, 16, 16), 0.2)
    hot = flat.clone()
    hot[..., 4:6, 4:6] = 1.0
    composite = saliency_composite(torch.cat([hot, flat], 1))
    assert composite[0, 4, 4] > 0.8
    assert composite[0, 12, 12] == pytest.approx(0.2, abs=1e-6)


@torch.inference_mode()
def test_a_flat_picture_has_no_stripes(network: FuseNet) -> None:
    residual = network(torch.full((1, 2, 64, 96), 0.6), torch.tensor([-1, -1])).residual[:, 20:-20, 20:-20]
    assert (residual.max() - residual.min()).item() < 1e-4


@torch.inference_mode()
def test_no_convolution_of_the_fusion_draws_a_frame_around_a_flat_plane(network: FuseNet) -> None:
    convolutions = [
        module
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Conv2d) and module.kernel_size == (3, 3) and not name.startswith("segmentation")
    ]
    assert len(convolutions) == 10
    for convolution in convolutions:
        plane = convolution(torch.ones(1, convolution.in_channels, 12, 12))
        assert torch.allclose(plane, plane[..., :1, :1].expand_as(plane), atol=1e-5)


def test_nothing_is_added_where_no_frame_shows_anything() -> None:
    torch.manual_seed(0)
    frames = torch.zeros(1, 2, 32, 32)
    frames[:, :, 12:20, 12:20] = torch.rand(1, 2, 8, 8)
    output = FuseNet().eval()(frames, torch.tensor([0, 1]))
    assert output.fused[:, :6].abs().max() == 0 and output.residual[:, 12:20, 12:20].abs().max() > 0
    flat = FuseNet().eval()(torch.full((1, 2, 32, 32), 0.4), torch.tensor([-1, -1]))
    assert torch.allclose(flat.fused, torch.tensor(0.4))


@torch.inference_mode()
def test_detail_fades_in_without_an_edge_of_its_own() -> None:
    frames = torch.full((1, 2, 40, 40), 0.5)
    frames[:, :, :, 20:] += 0.1 * torch.rand(1, 1, 40, 20, generator=torch.Generator().manual_seed(0))
    share = shown_share(*shown_range(frames))
    assert (share >= 0).all() and (share <= 1).all() and share[0, 20, 5] == 0 and share[0, 20, 35] == 1
    assert gradients(share).abs().max() <= 1 / 9 + 1e-6


@torch.inference_mode()
def test_phases_of_the_pixel_shuffle_that_differ_leave_no_stripes() -> None:
    torch.manual_seed(0)
    model = FuseNet().eval()
    phases = model.decoder.up.bias.view(12, 4)
    phases += torch.tensor([0.5, -0.5, -0.5, 0.5])
    frames = torch.stack([torch.full((64, 64), 0.3), torch.full((64, 64), 0.7)])[None]
    weights = model(frames, torch.tensor([-1, -1])).weights[..., 16:-16, 16:-16]
    assert (weights - weights.mean((2, 3), keepdim=True)).abs().max() < 1e-4


@torch.inference_mode()
def test_a_pixel_stays_near_what_the_frames_show_around_it() -> None:
    frames = torch.full((1, 2, 64, 64), 0.4)
    frames[..., 32:] = 0.8
    burst = frames.mean(1).clone()
    burst[:, 30:34, 2:6], burst[:, 30:34, 58:62], burst[:, 8, 31] = 0.9, 0.1, 0.75
    kept = within_range(burst, *shown_range(frames))
    assert kept.min() == pytest.approx(0.4, abs=1e-6) and kept[0, 31, 3] == pytest.approx(0.4 + OVERSHOOT, abs=1e-6)
    assert kept[0, 31, 60] == pytest.approx(0.8 - OVERSHOOT, abs=1e-6) and kept[0, 8, 31] == burst[0, 8, 31]


@torch.inference_mode()
def test_near_black_and_white_half_of_what_is_left_stays() -> None:
    dark, bright = torch.full((1, 2, 8, 8), 0.1), torch.full((1, 2, 8, 8), 0.94)
    assert within_range(torch.full((1, 8, 8), -0.3), *shown_range(dark)).unique().item() == pytest.approx(0.05)
    assert within_range(torch.full((1, 8, 8), 1.3), *shown_range(bright)).unique().item() == pytest.approx(0.97)
