"""Rendered words: the same for a seed, each recipe in its own way, boxes on the ink, held-out fonts and words apart."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.shared.errors import UserError
from pipelines.shared.synthetic import fonts
from pipelines.text_recognition.charset import CHARACTERS, MAX_LENGTH
from pipelines.text_recognition.synthetic import render as renderer
from pipelines.text_recognition.synthetic.lettering import Lettering, write
from pipelines.text_recognition.synthetic.recipes import RECIPES
from pipelines.text_recognition.synthetic.render import WordCrop, render, turned
from pipelines.text_recognition.synthetic.warps import WARPS
from tests.pipelines.text_recognition.synthetic.conftest import KEPT, TRAINED, pool_of

LEAST_INSIDE = 0.95  # of the ink, in the boxes
LEAST_BENT = 0.85  # where a letter is bent and its box has straight sides


def crops(name: str, count: int = 12, held_out: bool = False) -> list[WordCrop]:
    return [render((5, index), RECIPES[name], held_out) for index in range(count)]


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_draws_and_a_seed_repeats(name: str) -> None:
    for index in range(3):
        first, again = (render((7, index), RECIPES[name]) for _ in range(2))
        assert first.pixels.dtype == np.uint8 and first.pixels.ndim == 3 and min(first.pixels.shape) >= 3
        assert 1 <= len(first.label) <= MAX_LENGTH and set(first.label) <= set(CHARACTERS)
        assert first.boxes.shape == (len(first.label), 4, 2)
        assert (first.pixels == again.pixels).all() and (first.boxes == again.boxes).all()
        assert (first.label, first.meta) == (again.label, again.meta)


def test_another_seed_is_another_picture() -> None:
    made = crops("base", 8)
    assert len({crop.pixels.tobytes() for crop in made}) == len(made)


@pytest.mark.parametrize("shape", WARPS)
def test_boxes_hold_the_ink_of_their_characters_in_every_shape(shape: str) -> None:
    rng = np.random.default_rng(3)
    recipe = RECIPES["curved" if shape in ("arc", "wave") else "perspective"]
    least = LEAST_BENT if shape in ("arc", "wave") else LEAST_INSIDE
    for _ in range(4):
        flat = write(rng, pool_of(False).pick(rng), "Bridge", {})
        bent = WARPS[shape](rng, recipe, flat)
        assert shares_inside(bent).sum() >= least
        assert (shares_inside(bent) > 0.03).all()  # no box stands beside its character


def shares_inside(lettering: Lettering) -> np.ndarray:
    """Share of the word's ink that each box holds; what several hold counts for the first one."""
    free, total, shares = lettering.own.astype(float), float(lettering.own.sum()), []
    for box in lettering.boxes:
        mask = np.zeros(lettering.own.shape, np.uint8)
        cv2.fillPoly(mask, [box.round().astype(np.int32)], 1)
        shares.append((free * mask).sum() / total)
        free[mask > 0] = 0
    return np.array(shares)


def test_boxes_of_a_finished_crop_lie_on_darker_or_lighter_pixels_than_their_surroundings() -> None:
    for crop in crops("clean", 6):
        inside = np.zeros(crop.pixels.shape[:2], np.uint8)
        cv2.fillPoly(inside, list(crop.boxes.round().astype(np.int32)), 1)
        if inside.all():
            continue
        spread = [crop.pixels[inside == side].astype(float).std(0).max() for side in (1, 0)]
        assert spread[0] > spread[1], crop.label


def test_a_turned_crop_carries_its_boxes_along() -> None:
    pixels = np.zeros((20, 50, 3), np.uint8)
    pixels[4:10, 30:40] = 255
    boxes = np.float32([[(30, 4), (40, 4), (40, 10), (30, 10)]])
    for upwards in (True, False):
        image, places = turned(pixels, boxes, upwards)
        low, high = places[0].min(0).astype(int), places[0].max(0).astype(int)
        assert image.shape[:2] == (50, 20)
        assert image[low[1] : high[1], low[0] : high[0]].all() and image.sum() == pixels.sum()


def test_tests_are_drawn_with_fonts_and_words_that_training_does_not_see() -> None:
    for held_out, words, others in ((True, KEPT, TRAINED), (False, TRAINED, KEPT)):
        made = crops("clean", 30, held_out)
        assert {"Serif" in str(crop.meta["face"]) for crop in made} == {held_out}
        texts = [crop.label.lower().strip(".,!?:;'\"-)(#&") for crop in made]
        assert {word.lower() for word in words} & set(texts)
        assert not {word.lower() for word in others} & set(texts)


def test_recipes_keep_to_their_ranges() -> None:
    heights = [np.median(np.ptp(crop.boxes[..., 1], axis=1)) for crop in crops("lowres", 12) if len(crop.label) > 3]
    assert heights and np.median(heights) < 14
    assert {crop.meta["shape"] for crop in crops("curved", 16)} == {"arc", "wave", "rotation"}
    assert {crop.meta["shape"] for crop in crops("clean")} == {"none"}
    assert np.mean([any(c.isdigit() for c in crop.label) for crop in crops("digits", 12)]) > 0.6
    occluded = crops("occluded", 20)
    assert np.median([float(crop.meta["covered"]) for crop in occluded]) > 0.05
    assert all(float(crop.meta["covered"]) == 0 for crop in crops("base"))
    assert len({crop.meta["turn"] for crop in occluded}) > 1


def test_a_machine_without_fonts_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the renderer's own pool
    monkeypatch.setattr(fonts, "SYSTEM_FOLDERS", (str(tmp_path),))
    monkeypatch.delenv(fonts.FOLDERS_VARIABLE, raising=False)
    renderer.pool.cache_clear()
    with pytest.raises(UserError, match=r"0 usable font families are installed, 20 are needed.*apt-get install"):
        render((0,), RECIPES["base"])
    renderer.pool.cache_clear()
