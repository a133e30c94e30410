"""Exact thresholds of magnitude against a sorted vector."""

from __future__ import annotations

import pytest
import torch

from pipelines.merging.pruning import kept_count, magnitude_threshold


def vectors() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        "normal": torch.randn(5001, generator=generator),
        "ties": torch.randint(-3, 4, (3000,), generator=generator) / 8,
        "subnormal": torch.randn(1000, generator=generator) * 1e-42,
        "zeros": torch.tensor([0.0, -0.0, 0.0]),
        "one": torch.tensor([-3.5]),
    }


@pytest.mark.parametrize("name", vectors())
@pytest.mark.parametrize("density", [0.001, 0.2, 0.5, 1.0])
def test_threshold_is_the_last_one_kept_of_the_sorted_sizes(name, density):
    vector = vectors()[name]
    kept = kept_count(density, vector.numel())
    assert magnitude_threshold(vector, kept) == float(vector.abs().sort(descending=True).values[kept - 1])


def test_kept_count_rounds_down_and_keeps_one():
    assert [kept_count(density, 10) for density in (0.01, 0.2, 0.29, 1.0)] == [1, 2, 2, 10]
