"""Claims about the stripes of a pixel shuffle."""

from __future__ import annotations

import pytest
import torch

from pipelines.fusion.stripes import without_stripes


@pytest.mark.parametrize("along", ["x", "y", "both"])
def test_stripes_of_single_pixels_go_and_a_slope_stays(along: str) -> None:
    y, x = torch.meshgrid(torch.arange(33), torch.arange(50), indexing="ij")
    slope = (0.1 + 0.004 * x + 0.002 * y)[None]
    turns = {"x": x, "y": y, "both": x + y}[along]
    cleaned = without_stripes(slope + 0.02 * (1 - 2.0 * (turns % 2)))
    assert (cleaned - slope).abs().max() < 2e-3
    assert torch.allclose(cleaned[:, 10:-10, 10:-10], slope[:, 10:-10, 10:-10], atol=1e-5)


def test_an_edge_and_texture_are_changed_by_little() -> None:
    edge = torch.zeros(1, 40, 48)
    edge[:, :, 25:] = 0.2
    assert (without_stripes(edge) - edge).abs().max() < 0.2 / 16
    texture = torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(0))
    assert (without_stripes(texture) - texture).abs().mean() < 0.05


def test_small_planes_come_back_as_they_are() -> None:
    plane = torch.rand(1, 8, 40)
    assert without_stripes(plane) is plane
