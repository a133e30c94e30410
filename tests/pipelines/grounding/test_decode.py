"""From maps to objects, and their scores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.grounding.decode import Raw, Thresholds, box_iou, found_in, tight_box
from pipelines.grounding.metrics import Case, is_exact, set_scores, single_scores

SIDE = 4


def raw(*cells: tuple[int, int, float], existence: float = 0.9) -> Raw:
    """A picture with an object of one cell at each (row, column, probability)."""
    centre, mask = np.full((SIDE, SIDE), 0.01), np.zeros((4 * SIDE, 4 * SIDE))
    rows, columns = np.indices((SIDE, SIDE))
    boxes = np.stack([columns, rows, columns + 1, rows + 1], 2) / SIDE
    for row, column, p in cells:
        centre[row, column] = p
        mask[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 1
    return Raw(centre, np.zeros((SIDE, SIDE)), boxes, mask, existence, np.zeros((1, SIDE * SIDE, 24)))


def case(one: Raw, *cells: tuple[int, int]) -> Case:
    boxes = np.array([one.boxes[cell] for cell in cells]).reshape(-1, 4)
    mask = raw(*((*cell, 1.0) for cell in cells)).mask > 0
    return Case("it", "attribute", boxes, mask, np.zeros_like(mask))


def test_one_is_asked_for_and_one_is_found_with_the_whole_mask() -> None:
    one = raw((0, 0, 0.6), (2, 3, 0.9))
    (found,) = found_in(one)
    assert found.cell == (2, 3) and found.mask.sum() == 32


def test_of_several_each_has_its_own_part_of_the_mask() -> None:
    found = found_in(raw((0, 0, 0.6), (2, 3, 0.9)), Thresholds(most=5))
    assert [one.cell for one in found] == [(2, 3), (0, 0)]
    assert [one.mask.sum() for one in found] == [16, 16]
    assert all(one.consistency == 1 for one in found)


def test_higher_thresholds_never_find_more() -> None:
    one = raw((0, 0, 0.6), (2, 3, 0.9), (3, 0, 0.3))
    for name in ("existence", "centre"):
        counts = [len(found_in(one, replace(Thresholds(most=5), **{name: at}))) for at in np.linspace(0, 1, 11)]
        assert counts == sorted(counts, reverse=True) and counts[0] > counts[-1], name


def test_a_highest_peak_that_is_too_small_gives_its_place_to_no_lower_cell() -> None:
    one = raw((0, 0, 0.9), (2, 3, 0.3))
    one.boxes[0, 0, 2:] /= 4
    (found,) = found_in(one)
    assert found.cell == (0, 0) and found_in(one, Thresholds(least_area=0.05)) == []


def test_nothing_is_found_where_nothing_is_believed_to_be() -> None:
    assert found_in(raw((0, 0, 0.9), existence=0.2)) == []


def test_boxes_of_masks() -> None:
    assert tight_box(np.zeros((4, 4), bool)) is None
    box = tight_box(raw((1, 2, 1.0)).mask > 0)
    assert box.tolist() == [0.5, 0.25, 0.75, 0.5]
    assert box_iou(box, box) == 1 and box_iou(box, box + 0.5) == 0


def test_right_answers_score_one_and_wrong_ones_nought() -> None:
    right, wrong = raw((2, 3, 0.9)), raw((0, 0, 0.9))
    cases = [case(right, (2, 3))] * 3
    scores = single_scores(cases, [right, right, wrong])
    for name in ("acc@0.5", "mIoU", "Pr@0.9", "centre_hit"):
        assert scores[name] == pytest.approx(2 / 3), name
    assert scores["oIoU"] == pytest.approx(32 / 64)
    assert scores["acc@0.5_low"] < 2 / 3 < scores["acc@0.5_high"]


def test_scores_of_sets_count_refusals() -> None:
    here, gone = raw((2, 3, 0.9)), raw((2, 3, 0.9), existence=0.1)
    cases = [case(here, (2, 3)), case(here, (2, 3)), case(here), case(here)]
    scores = set_scores(cases, [here, gone, here, gone], Thresholds())
    assert scores["T-acc"] == scores["N-acc"] == scores["f1"] == scores["gIoU"] == 0.5


def test_a_set_is_exact_only_if_all_match() -> None:
    two = found_in(raw((0, 0, 0.6), (2, 3, 0.9)), Thresholds(most=5))
    boxes = raw().boxes
    assert is_exact(two, np.array([boxes[0, 0], boxes[2, 3]]))
    assert not is_exact(two, np.array([boxes[0, 0], boxes[1, 1]]))
    assert not is_exact(two, boxes[0, :1])
