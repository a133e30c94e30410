from __future__ import annotations

import numpy as np
import pytest

from pipelines.text_recognition.views import box_turned_back, turned, turned_back, turns_of


def test_only_tall_crops_are_turned() -> None:
    assert turns_of(np.zeros((16, 10, 3))) == (0,)
    assert turns_of(np.zeros((18, 10, 3))) == (0, 90, -90)


@pytest.mark.parametrize("turn", [0, 90, -90])
def test_a_box_finds_its_pixels_again(turn: int) -> None:
    """A bright rectangle is boxed in the turned crop; turned back, the box lies on the rectangle."""
    crop = np.zeros((40, 20), np.uint8)
    crop[6:16, 2:7] = 1
    view = turned(crop, turn)
    ys, xs = view.nonzero()
    edges = np.array([xs.min() / view.shape[1], ys.min() / view.shape[0],
                      (xs.max() + 1) / view.shape[1], (ys.max() + 1) / view.shape[0]])  # fmt: skip
    centre, size = (edges[:2] + edges[2:]) / 2, edges[2:] - edges[:2]
    assert box_turned_back((*centre, *size), turn, (20, 40)) == pytest.approx((2, 6, 7, 16))
    assert (turned_back(view, turn) == crop).all()


def test_boxes_stay_in_the_picture() -> None:
    assert box_turned_back((0.0, 0.5, 0.5, 2.0), 0, (10, 10)) == pytest.approx((0, 0, 2.5, 10))
