from __future__ import annotations

import numpy as np
import pytest

from pipelines.grounding.full.answers import FullRaw, shortlist
from pipelines.grounding.full.candidates import Candidates
from pipelines.grounding.full.described import described, kept
from pipelines.grounding.full.expression import parse
from pipelines.grounding.full.rerank import rankings
from pipelines.grounding.thresholds import Thresholds
from pipelines.shared.errors import UserError
from pipelines.shared.images import OpenedImage
from pipelines.shared.run_info import RunInfo

RUN = RunInfo("grounding-dino-tiny", "full", {}, "", 0, "cpu")
PICTURE = OpenedImage(np.zeros((100, 200, 3), np.float32), "dark", "", is_grey=True)
LEFT, RIGHT = (0.1, 0.2, 0.3, 0.8), (0.6, 0.2, 0.8, 0.8)


def raw(text: str, *words: float, masks: np.ndarray | None = None, boxes: tuple = (LEFT, RIGHT)) -> FullRaw:
    """What is said of boxes whose words have these probabilities."""
    expression = parse(text)
    evidence = {phrase: np.repeat(np.array(words)[:, None], len(phrase.split()), 1) for phrase in expression.phrases}
    candidates = Candidates(np.array(boxes, np.float32), evidence)
    found = rankings(expression, candidates)
    return FullRaw(expression, candidates, found, shortlist(found), masks, usual=0.3)


def painted(*parts: tuple[slice, slice]) -> np.ndarray:
    masks = np.full((len(parts), 100, 200), -9, np.float16)
    for mask, part in zip(masks, parts, strict=True):
        mask[part] = 9
    return masks


def test_existence_is_one_half_where_detectors_are_usually_believed() -> None:
    assert raw("mug", 0.3, 0.1).existence == pytest.approx(0.5)
    assert raw("mug", 0.6, 0.1).existence > 0.6 > 0.4 > raw("mug", 0.15, 0.1).existence
    assert kept(raw("mug", 0.29, 0.1), Thresholds()) == [] and kept(raw("mug", 0.31, 0.1), Thresholds()) == [0]


def test_what_is_nowhere_near_its_place_does_not_exist() -> None:
    one = raw("mug at the top", 0.6, 0.6)
    assert one.existence < 0.5 and kept(one, Thresholds()) == []
    result = described(PICTURE, ["mug at the top"], [one], Thresholds(), RUN)
    assert "The nearest candidate fails in “at the top”" in result.notices[0].text


def test_one_answer_unless_more_are_asked_for_or_meant() -> None:
    assert len(kept(raw("mug", 0.6, 0.55), Thresholds())) == 1
    assert len(kept(raw("mug", 0.6, 0.55), Thresholds(most=5))) == 2
    assert len(kept(raw("both mugs", 0.6, 0.55), Thresholds())) == 2
    assert kept(raw("the left mug or the right mug", 0.6, 0.55), Thresholds()) == [0, 1]


def test_a_thing_that_is_not_there_is_not_taken_from_another_that_is() -> None:
    expression = parse("the cat and the zebra")
    candidates = Candidates(
        np.array((LEFT, RIGHT), np.float32), {"cat": np.array([[0.7], [0.65]]), "zebra": np.array([[0.02], [0.05]])}
    )
    found = rankings(expression, candidates)
    one = FullRaw(expression, candidates, found, shortlist(found), None, usual=0.3)
    assert kept(one, Thresholds()) == [0] and one.existence == pytest.approx(0.7)
    told = [notice.text for notice in described(PICTURE, ["the cat and the zebra"], [one], Thresholds(), RUN).notices]
    assert any("matches “zebra”" in text for text in told) and not any("matches “cat”" in text for text in told)


def test_more_masks_than_memory_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = raw("mug", 0.6, 0.55), raw("mugs", 0.6, 0.55)
    monkeypatch.setattr("pipelines.grounding.results.MOST_PIXELS", 2 * 100 * 200)
    assert len(described(PICTURE, ["mugs"], [two], Thresholds(), RUN).objects) == 2
    with pytest.raises(UserError, match="fewer phrases or a smaller picture"):
        described(PICTURE, ["mugs", "mug"], [two, one], Thresholds(), RUN)


def test_small_and_covered_boxes_go() -> None:
    boxes = (LEFT, (0.1, 0.2, 0.3, 0.75), (0.5, 0.5, 0.51, 0.51))
    assert len(kept(raw("mugs", 0.6, 0.6, 0.6, boxes=boxes), Thresholds(overlap=0.5, least_area=0.01))) == 1


def test_a_box_is_tightened_to_a_mask_that_agrees_with_it() -> None:
    masks = painted((slice(24, 80), slice(20, 60)), (slice(0, 5), slice(0, 5)))
    (one,) = described(PICTURE, ["mug"], [raw("mug", 0.6, 0.1, masks=masks)], Thresholds(), RUN).objects
    assert one.box_xyxy == pytest.approx((20, 24, 60, 80)) and one.consistency == pytest.approx(56 / 60, abs=0.01)
    assert one.mask.sum() == 56 * 40


def test_a_candidate_without_a_mask_has_its_box_and_it_is_said() -> None:
    masks = painted((slice(24, 80), slice(20, 60)), (slice(0, 5), slice(0, 5)))
    masks[1] = np.nan
    for most, is_said in ((1, False), (2, True)):
        result = described(PICTURE, ["mug"], [raw("mug", 0.6, 0.55, masks=masks)], Thresholds(most=most), RUN)
        assert any("the masks are the boxes" in one.text for one in result.notices) is is_said
    first, second = result.objects
    assert first.mask.sum() == 56 * 40 and second.mask.sum() == 60 * 40 and second.mask[20:80, 120:160].all()


def test_a_box_whose_mask_disagrees_stays() -> None:
    masks = painted((slice(24, 40), slice(20, 60)), (slice(0, 5), slice(0, 5)))
    (one,) = described(PICTURE, ["mug"], [raw("mug", 0.6, 0.1, masks=masks)], Thresholds(), RUN).objects
    assert one.box_xyxy == pytest.approx((20, 20, 60, 80)) and one.consistency < 0.5


def test_the_threshold_of_masks_is_a_probability() -> None:
    masks = painted((slice(20, 80), slice(20, 60)), (slice(0, 5), slice(0, 5)))
    masks[0, 20:40, 20:60] = -0.5  # 0.38
    for threshold, rows in ((0.5, 40), (0.3, 60)):
        (one,) = described(
            PICTURE, ["mug"], [raw("mug", 0.6, 0.1, masks=masks)], Thresholds(mask=threshold), RUN
        ).objects
        assert one.mask.sum() == pytest.approx(rows * 40, rel=0.03)


def test_maps_show_candidates_and_what_the_answer_is_related_to() -> None:
    one = raw("mug left of the lamp", 0.6, 0.5)
    result = described(PICTURE, ["mug left of the lamp"], [one], Thresholds(), RUN).phrases[0]
    assert result.heat.shape == (32, 64)
    assert result.heat[:, :32].max() > result.heat[:, 32:].max()
    assert result.anchor[:, 32:].max() > 0.9 and result.anchor[:, :32].max() < 0.1


def test_every_decision_carries_its_terms() -> None:
    told = [(number, said) for number, said, _ in raw("red mug on the left", 0.6, 0.5).explained()]
    assert told == [(0, "red mug"), (0, "on the left"), (1, "red mug"), (1, "on the left")]
