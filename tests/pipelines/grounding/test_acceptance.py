"""Merges judged by what they keep."""

from __future__ import annotations

import pytest

from pipelines.grounding.acceptance import acceptance, is_dial


def matrix(iid: float, photo: float, refuse: float) -> dict[str, dict[str, float]]:
    return {
        "base": {"iid": 0.8, "photo": 0.5, "refuse": 0.6, "ordinal": 0.4},
        "photo": {"iid": 0.7, "photo": 0.9, "refuse": 0.6, "ordinal": 0.4},
        "refuse": {"iid": 0.8, "photo": 0.5, "refuse": 0.8, "ordinal": 0.4},
        "ordinal": {"iid": 0.8, "photo": 0.5, "refuse": 0.6, "ordinal": 0.4},
        "mix": {"iid": iid, "photo": photo, "refuse": refuse, "ordinal": 0.4},
    }


def test_kept_is_the_share_of_each_gain_and_no_gain_is_no_share() -> None:
    found = acceptance(matrix(0.79, 0.8, 0.7), "mix", ("photo", "refuse", "ordinal"))
    assert found.kept == pytest.approx({"photo": 0.75, "refuse": 0.5})
    assert found.mean_kept == pytest.approx(0.625) and found.lost == pytest.approx(0.01)


@pytest.mark.parametrize(
    ("iid", "photo", "refuse", "is_met"), [(0.79, 0.8, 0.72, True), (0.79, 0.6, 0.7, False), (0.75, 0.9, 0.8, False)]
)
def test_a_merge_must_keep_enough_and_lose_little(iid: float, photo: float, refuse: float, is_met: bool) -> None:
    assert acceptance(matrix(iid, photo, refuse), "mix", ("photo", "refuse")).is_met == is_met


@pytest.mark.parametrize(
    ("refused", "kept", "is_one"),
    [((0.5, 0.7, 0.9), (0.98, 0.97, 0.96), True), ((0.5, 0.7, 0.6), (1, 1, 1), False), ((0.5, 0.9), (1, 0.9), False),
     ((0.5, 0.5), (1, 1), False)],
)  # fmt: skip
def test_a_dial_rises_and_costs_little(refused: tuple, kept: tuple, is_one: bool) -> None:
    assert is_dial([{"N-acc": n, "T-acc": t} for n, t in zip(refused, kept, strict=True)]) == is_one
