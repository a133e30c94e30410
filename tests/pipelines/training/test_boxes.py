"""Generalised IoU by hand."""

from __future__ import annotations

import pytest
import torch

from pipelines.training.boxes import giou

UNIT = (0.5, 0.5, 1.0, 1.0)  # cx, cy, w, h


@pytest.mark.parametrize(
    "other, wanted",
    [
        (UNIT, 1.0),
        ((1.0, 0.5, 1.0, 1.0), 0.5 / 1.5),  # half of each is shared, and the hull is the union
        ((0.5, 0.5, 0.5, 0.5), 0.25),  # one within the other
        ((2.5, 0.5, 1.0, 1.0), -1 / 3),  # apart by a box: nothing shared, a third of the hull is empty
    ],
)
def test_boxes_agree_as_far_as_their_union_and_hull_say(other: tuple[float, ...], wanted: float) -> None:
    first, second = torch.tensor([UNIT]), torch.tensor([other])
    assert giou(first, second).item() == pytest.approx(wanted)
    assert giou(second, first).item() == pytest.approx(wanted)
