"""Byte planes against the masks they stand for, lane by lane."""

from __future__ import annotations

import pytest
import torch

from pipelines.merging.masks import tall_mask
from pipelines.merging.mixture import Part
from pipelines.merging.planes import STOPS, count_stops, level_of, single, threshold_at


def part_and_merged(coefficient: float = 0.7) -> tuple[Part, torch.Tensor]:
    """Ratios of all sizes, exact ties with stops, zeros on either side, subnormals and numbers near the largest."""
    generator = torch.Generator().manual_seed(0)
    own, others = torch.randn(2, 4000, generator=generator)
    own[:255] = torch.tensor([threshold_at(stop) for stop in range(STOPS)])  # with others = 1 the comparison ties
    others[:255] = 1.0
    own[300:600], others[300:600] = own[300:600] * 1e-44, others[300:600] * 1e-44
    own[600:700], others[700:800] = 0.0, 0.0
    own[800:850], others[800:850] = 0.0, -0.0
    own[900:1000] *= 1e37
    return Part("task", own, coefficient), own * coefficient + others


@pytest.mark.parametrize("coefficient", [1.0, 0.7, -0.3])
@pytest.mark.parametrize("compare", ["gt", "ge"])
def test_no_lane_is_wrong_at_any_stop(compare, coefficient):
    part, merged = part_and_merged(coefficient)
    plane = count_stops(part, merged, compare)
    for stop in range(STOPS):
        mask = tall_mask(part, merged, threshold_at(stop), compare)
        assert torch.equal(plane >= level_of(threshold_at(stop)), mask.bool()), f"lambda {threshold_at(stop)}"
    assert plane.min() == (compare == "ge") and plane.max() == STOPS  # both ends; at lambda 0 all that is >= 0 passes


def test_levels_are_given_at_the_stops_alone():
    assert [level_of(threshold_at(stop)) for stop in range(STOPS)] == list(range(1, STOPS + 1))
    assert level_of(single(0.29)) == 30  # a recipe's number read back from float32
    assert [level_of(value) for value in (0.405, 1.28, 2.54, 7.65, 100.0)] == [None] * 5


def test_stops_are_hundredths_then_twentieths_to_beyond_the_end_of_the_fader():
    steps = [*(stop / 100 for stop in range(128)), *(stop / 20 for stop in range(26, 153))]
    assert [threshold_at(stop) for stop in range(STOPS)] == steps
