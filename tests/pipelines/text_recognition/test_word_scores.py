from __future__ import annotations

import numpy as np
import pytest

from pipelines.text_recognition.datasets import Word
from pipelines.text_recognition.word_scores import agreement_scores, bucket_scores, word_scores

LABELS = ("STOP", "Caf", "of", "24", "Restaurants")
HEIGHTS = (20, 30, 60, 24, 48)
WORDS = [Word(np.zeros((height, 50, 3), np.uint8), label) for height, label in zip(HEIGHTS, LABELS, strict=True)]
READ = ("stop!", "Caf", "off", "24", "Restaurant5")


def test_accuracy_forgives_case_and_marks_and_the_other_one_forgives_marks_alone() -> None:
    scores = word_scores(READ, WORDS)
    assert scores["accuracy"] == pytest.approx(3 / 5) and scores["accuracy_case"] == pytest.approx(2 / 5)
    assert scores["accuracy_low"] < 0.6 < scores["accuracy_high"]
    assert scores["one_minus_ned"] == pytest.approx((1 + 1 + 2 / 3 + 1 + 10 / 11) / 5)


def test_buckets_hold_every_word_once() -> None:
    buckets = bucket_scores(READ, WORDS)
    assert buckets["length"] == {
        "len_1_2": 0.5, "n_len_1_2": 2, "len_3_4": 1.0, "n_len_3_4": 2, "len_10_up": 0.0, "n_len_10_up": 1,
    }  # fmt: skip
    assert buckets["height"] == {
        "high_under_24": 1.0, "n_high_under_24": 1, "high_24_48": pytest.approx(2 / 3), "n_high_24_48": 3,
        "high_over_48": 0.0, "n_high_over_48": 1,
    }  # fmt: skip
    assert {name: buckets["kind"][name] for name in ("upper", "title", "lower", "digits")} == {
        "upper": 1.0, "title": 0.5, "lower": 0.0, "digits": 1.0,
    }  # fmt: skip


def test_agreement_parts_the_words_in_two() -> None:
    second = ("STOP", "cap", "off", "24", "x")
    assert agreement_scores([READ, second], WORDS) == pytest.approx(
        {"share": 3 / 5, "accuracy_inside": 2 / 3, "accuracy_outside": 1 / 2}
    )
