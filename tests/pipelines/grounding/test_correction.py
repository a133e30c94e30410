"""Masks painted by hand: what follows them, what stays, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipelines.grounding.correction import Correction, corrected, repainted, sampled
from pipelines.grounding.formats import Coco, json_text, yolo
from pipelines.grounding.results import GroundedObject, GroundingResult, PhraseResult
from pipelines.shared.errors import UserError
from pipelines.shared.notice import info, warning
from pipelines.shared.run_info import RunInfo

RUN = RunInfo("plvl", "embedded", {}, "0", 1, "cpu", {"total": 0.0})


def rectangle(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    mask = np.zeros((6, 10), bool)
    mask[top:bottom, left:right] = True
    return mask


@pytest.fixture
def result() -> GroundingResult:
    """Two stars in a picture of 10 × 6 pixels; box and mask of the first disagree."""
    first = GroundedObject(1, "star", (0.0, 0.0, 9.0, 6.0), 0.8, rectangle(1, 1, 3, 3), (4.5, 3.0), 0.1, (0, 1))
    second = GroundedObject(2, "star", (5.0, 1.0, 8.0, 4.0), 0.7, rectangle(5, 1, 8, 4), (6.5, 2.5), 1.0)
    none: Any = np.zeros((6, 10), np.float32)
    phrase = PhraseResult("star", 0.9, (1, 2), none, none, (), None)  # type: ignore[arg-type]
    said = (info("grey"), warning("Box and mask of #1 disagree."))
    return GroundingResult((10, 6), (first, second), (phrase,), RUN, {}, said)


def test_box_and_centre_follow_a_painted_mask_and_the_score_stays(result: GroundingResult) -> None:
    mask = rectangle(2, 1, 6, 3) | rectangle(2, 3, 4, 5)
    first, second = corrected(result, (Correction.of(1, mask),)).objects
    assert np.array_equal(first.mask, mask) and first.box_xyxy == (2.0, 1.0, 6.0, 5.0)
    assert first.center == pytest.approx(((4 * 2 * 4.0 + 2 * 2 * 3.0) / 12, (8 * 2.0 + 4 * 4.0) / 12))
    assert first.consistency == 1.0 and first.is_corrected
    assert (first.score, first.cell, first.phrase) == (0.8, (0, 1), "star")
    assert second is result.objects[1]


def test_it_is_told_and_a_warning_that_is_no_longer_true_goes(result: GroundingResult) -> None:
    said = [one.text for one in corrected(result, (Correction.of(1, rectangle(0, 0, 2, 2)),)).notices]
    assert said == ["grey", "The mask of #1 “star” was corrected by hand; its box and centre follow it."]


def test_files_have_the_painted_mask_and_say_so(result: GroundingResult) -> None:
    mended = corrected(result, (Correction.of(2, rectangle(0, 0, 5, 6)),))
    document = Coco()
    document.add("it.png", mended)
    first, second = document.document({})["annotations"]
    assert second["bbox"] == [0.0, 0.0, 5.0, 6.0] and second["area"] == 30
    assert (first["is_corrected"], second["is_corrected"]) == (False, True)
    assert yolo(mended, ["star"]).splitlines()[1] == "0 0.250000 0.500000 0.500000 1.000000"
    assert '"is_corrected": true' in json_text(mended, {}) and "corrected by hand" in json_text(mended, {})


def test_no_correction_gives_the_result_itself(result: GroundingResult) -> None:
    assert corrected(result, ()) is result


def test_a_correction_keeps_every_bit_and_equal_ones_are_equal() -> None:
    mask = np.random.default_rng(0).random((37, 53)) < 0.5
    one = Correction.of(3, mask)
    assert np.array_equal(one.mask, mask) and one.size_wh == (53, 37)
    assert one == Correction.of(3, mask) and hash(one) == hash(Correction.of(3, mask))
    assert one != Correction.of(3, ~mask)


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(UserError, match="mask of #4 has no pixel left"):
        Correction.of(4, np.zeros((5, 5), bool))


def test_an_object_that_is_not_there_or_another_size_is_refused(result: GroundingResult) -> None:
    with pytest.raises(UserError, match=r"no object #7 to correct; found: #1, #2"):
        corrected(result, (Correction.of(7, rectangle(0, 0, 2, 2)),))
    with pytest.raises(UserError, match="has 4 × 3 pixels, the picture 10 × 6"):
        corrected(result, (Correction.of(1, np.ones((3, 4), bool)),))


@pytest.mark.parametrize("size_wh", [(53, 37), (20, 14), (53, 3), (1, 1), (106, 111)])
def test_nothing_painted_changes_no_bit_at_any_size(size_wh: tuple[int, int]) -> None:
    mask = np.random.default_rng(1).random((37, 53)) < 0.5
    assert np.array_equal(repainted(mask, sampled(mask, size_wh)), mask)


def test_only_what_was_painted_on_a_smaller_copy_changes() -> None:
    mask = np.random.default_rng(2).random((40, 60)) < 0.5
    painted = sampled(mask, (30, 20)).copy()
    painted[:10, :10], painted[10:, 20:] = True, False
    after = repainted(mask, painted)
    untouched = np.ones_like(mask)
    untouched[:20, :20] = untouched[20:, 40:] = False
    assert np.array_equal(after[untouched], mask[untouched])
    assert after[sampled(painted & ~sampled(mask, (30, 20)), (60, 40))].all()
    assert not after[sampled(sampled(mask, (30, 20)) & ~painted, (60, 40))].any()


def test_a_mask_is_sampled_at_the_middle_of_its_pixels() -> None:
    assert sampled(np.array([[True, False, True]]), (1, 1)).tolist() == [[False]]
    assert sampled(np.array([[True, False]]), (4, 2)).tolist() == [[True, True, False, False]] * 2
