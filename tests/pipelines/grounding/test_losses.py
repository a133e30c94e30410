"""Targets and losses: perfect answers cost nothing, and what must not count does not."""

from __future__ import annotations

import math
from dataclasses import replace

import torch

from pipelines.grounding.head import Outputs
from pipelines.grounding.losses import Truth, boxes_at, losses
from pipelines.grounding.targets import centre_cells, heat_map, radius

SIDE = 5


def truth(*boxes: tuple[float, ...]) -> Truth:
    rows = torch.zeros(1, 3, 4)
    for at, box in enumerate(boxes):
        rows[0, at] = torch.tensor(box)
    mask = torch.zeros(1, 4 * SIDE, 4 * SIDE)
    for cx, cy, w, h in boxes:
        x0, x1, y0, y1 = (round(v * 4 * SIDE) for v in (cx - w / 2, cx + w / 2, cy - h / 2, cy + h / 2))
        mask[0, y0:y1, x0:x1] = 1
    return Truth(rows, torch.zeros(1, 3, 4), mask)


def perfect(answer: Truth) -> Outputs:
    heat = heat_map(answer.boxes, SIDE)
    offset, size = torch.zeros(1, 2, SIDE, SIDE), torch.full((1, 2, SIDE, SIDE), 0.5)
    cells = centre_cells(answer.boxes, SIDE)
    for row, column, box in zip(cells.row, cells.column, cells.boxes, strict=True):
        offset[0, :, row, column] = box[:2] * SIDE - torch.tensor([column, row])
        size[0, :, row, column] = box[2:]
    exists = 30.0 if len(cells.row) else -30.0
    return Outputs(
        torch.where(heat > 0.999, 30.0, -30.0), offset, size, (answer.mask * 2 - 1) * 30, torch.tensor([exists]),
        torch.full((1, SIDE, SIDE), -30.0), (),
    )  # fmt: skip


def test_a_perfect_answer_costs_nothing() -> None:
    for answer in (truth((0.55, 0.3, 0.3, 0.4)), truth((0.3, 0.3, 0.2, 0.2), (0.7, 0.8, 0.2, 0.2)), truth()):
        for name, value in losses(perfect(answer), answer, at_peak=True).items():
            assert value.item() < 1e-5, name


def test_each_term_answers_for_its_own_mistake() -> None:
    answer = truth((0.55, 0.3, 0.3, 0.4))
    right = perfect(answer)
    wrong = {
        "centre": replace(right, centre=-right.centre),
        "offset": replace(right, offset=1 - right.offset),
        "l1": replace(right, size=right.size * 0.5),
        "focal": replace(right, mask=-right.mask),
        "dice": replace(right, mask=-right.mask),
        "existence": replace(right, existence=-right.existence),
        "anchor": replace(right, anchor=-right.anchor),
    }
    for name, outputs in wrong.items():
        assert losses(outputs, answer)[name].item() > 0.04, name


def test_without_a_referent_only_centre_mask_and_existence_count() -> None:
    answer = truth()
    bad = perfect(truth((0.55, 0.3, 0.3, 0.4)))
    found = losses(replace(bad, anchor=-bad.anchor), answer, at_peak=True)
    assert {name for name, value in found.items() if value.item() > 1e-6} == {"centre", "focal", "existence"}


def test_the_heat_map_is_one_at_each_centre_and_merged_by_maximum() -> None:
    boxes = truth((0.3, 0.3, 0.5, 0.5), (0.7, 0.7, 0.5, 0.5)).boxes
    both, first, second = heat_map(boxes, SIDE), heat_map(boxes[:, :1], SIDE), heat_map(boxes[:, 1:], SIDE)
    torch.testing.assert_close(both, torch.maximum(first, second))
    assert both[0, 1, 1] == both[0, 3, 3] == 1


def test_within_the_radius_shifted_boxes_overlap_enough() -> None:
    for w, h in ((10.0, 10.0), (4.0, 20.0)):
        r = radius(torch.tensor([w, h])).item()
        assert r > 0
        shifted = (w - r) * (h - r) / (2 * w * h - (w - r) * (h - r))
        larger, smaller = w * h / ((w + 2 * r) * (h + 2 * r)), (w - 2 * r) * (h - 2 * r) / (w * h)
        assert math.isclose(min(shifted, larger, smaller), 0.7, abs_tol=1e-4)


def test_boxes_are_decoded_at_the_cells_asked_for() -> None:
    answer = truth((0.55, 0.3, 0.3, 0.4))
    cells = centre_cells(answer.boxes, SIDE)
    torch.testing.assert_close(boxes_at(perfect(answer), cells.sample, cells.row, cells.column), cells.boxes)
