"""Exact thresholds of magnitude against a sorted vector."""

from __future__ import annotations

import pytest
import torch

from pipelines.merging.layout import Layout
from pipelines.merging.mixture import Mixture
from pipelines.merging.pruning import (
    CHUNK,
    kept_count,
    magnitude_threshold,
    ranked_sizes,
    tensor_thresholds,
    whole_threshold,
)
from pipelines.merging.recipe import MaskChoice


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


@pytest.mark.parametrize("kind", ["normal", "heavy", "zeros", "equal"])
def test_all_ranks_of_a_long_vector_in_one_search(kind):
    generator = torch.Generator().manual_seed(1)
    normal = torch.randn(3 * CHUNK + 17, generator=generator)
    vector = {
        "normal": normal,
        "heavy": normal * normal.exp() * 1e-4,
        "zeros": normal * (normal > 0.5),
        "equal": normal.sign() / 8,
    }[kind]
    ranks = [1, 2, *(kept_count(stop / 100, vector.numel()) for stop in range(1, 101)), vector.numel()]
    in_order = vector.abs().sort(descending=True).values
    assert ranked_sizes(vector, ranks) == {rank: float(in_order[rank - 1]) for rank in ranks}
    assert magnitude_threshold(vector, ranks[20]) == float(in_order[ranks[20] - 1])


def test_trimming_at_every_stop_keeps_what_a_sorted_vector_keeps():
    layout = Layout.of([("a", (300, 301)), ("b", (77,))])
    vector = torch.zeros(layout.length)
    for slot in layout.slots:
        vector[slot.start : slot.stop] = torch.randn(slot.stop - slot.start, generator=torch.Generator().manual_seed(2))
    mixture = Mixture(layout, torch.zeros_like(vector), {"t": vector}, (), MaskChoice(), ())
    whole = torch.cat([vector[slot.start : slot.stop] for slot in layout.slots]).abs().sort(descending=True).values
    for density in [*(stop / 100 for stop in range(1, 100)), 0.123456]:
        found = whole_threshold(mixture, "t", density)
        assert found == float(whole[kept_count(density, layout.count) - 1])
        for slot, threshold in zip(layout.slots, tensor_thresholds(mixture, "t", density), strict=True):
            kept = int((vector[slot.start : slot.stop].abs() >= threshold).sum())
            assert kept == kept_count(density, slot.stop - slot.start)
