from __future__ import annotations

import numpy as np
import pytest

from pipelines.text_recognition.metrics import (
    area_under_curve,
    edit_distance,
    is_comparable,
    is_right,
    one_minus_ned,
    overlap,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("same", "same", 0), ("ab", "ba", 2)],
)
def test_the_edit_distance_counts_the_fewest_edits(first: str, second: str, distance: int) -> None:
    assert edit_distance(first, second) == edit_distance(second, first) == distance


def test_case_and_marks_do_not_count_as_wrong() -> None:
    assert is_right("M.P.H.", "mph") and is_right("7-1", "71") and not is_right("0", "O")


def test_accents_of_a_label_do_not_count_as_wrong() -> None:
    assert is_right("Cafe", "Café") and is_right("ZURICH", "Zürich") and not is_right("Caf", "Café")


@pytest.mark.parametrize(
    ("label", "is_judged"),
    [
        ("", True),
        ("&", True),
        ("Café", True),
        ("don’t", True),
        ("Мир", False),
        ("Ж5", False),
        ("東京", False),
        ("☂", False),
    ],
)
def test_labels_with_letters_beyond_the_alphabet_cannot_be_compared(label: str, is_judged: bool) -> None:
    assert is_comparable(label) is is_judged


def test_one_minus_ned_is_a_share_of_the_longer_text() -> None:
    assert one_minus_ned("Kitten", "SITTING") == pytest.approx(1 - 3 / 7)
    assert one_minus_ned("", "") == 1 and one_minus_ned("", "a") == 0


def test_the_interval_is_that_of_the_tables() -> None:
    # R: prop.test(850, 1000, correct = FALSE)$conf.int
    assert wilson_interval(850, 1000) == pytest.approx((0.82648, 0.87080), abs=2e-4)


def test_the_area_counts_pairs_in_the_right_order() -> None:
    assert area_under_curve([0.9, 0.4], [0.1, 0.5]) == pytest.approx(3 / 4)
    assert area_under_curve([1.0], [1.0]) == pytest.approx(0.5)


def test_boxes_overlap_by_their_shared_area() -> None:
    first = np.array([[0, 0, 2, 2], [0, 0, 1, 1]], float)
    second = np.array([[1, 0, 3, 2], [2, 2, 3, 3]], float)
    assert overlap(first, second) == pytest.approx([1 / 3, 0])
