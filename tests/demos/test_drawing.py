"""Results as pictures and tables."""

from __future__ import annotations

import numpy as np

from demos.drawing import (
    HEAT,
    Mosaic,
    class_legend,
    contours,
    curve_table,
    heat_map,
    overlay,
    region,
    score_table,
)


def test_the_heat_scale_is_fixed_from_zero_to_one() -> None:
    colours = heat_map(np.array([[0.0, 1.0, 7.0]]))
    assert colours[0, 0].tolist() == HEAT[0].tolist()
    assert colours[0, 1].tolist() == colours[0, 2].tolist() == HEAT[-1].tolist()


def test_an_overlay_of_no_strength_is_the_picture() -> None:
    image = np.full((4, 4, 3), 100, np.uint8)
    labels = np.zeros((2, 2), np.uint8)
    assert (overlay(image, labels, [(255, 0, 0)], 0.0) == image).all()
    assert overlay(image, labels, [(255, 0, 0)], 1.0)[0, 0].tolist() == [255, 0, 0]


def test_labels_without_a_class_stay_clear() -> None:
    image = np.full((2, 2, 3), 100, np.uint8)
    assert (overlay(image, np.full((2, 2), 255, np.uint8), [(255, 0, 0)], 1.0) == image).all()


def test_the_legend_tells_shares_largest_first() -> None:
    labels = np.array([[0, 1, 1, 1]], np.uint8)
    text = class_legend(labels, ("sky", "ground"), ((0, 0, 0), (9, 9, 9)))
    assert text.index("ground 75%") < text.index("sky 25%")


def test_curves_are_rows_per_frame() -> None:
    table = curve_table(np.ones((2, 256)))
    assert set(table["frame"]) == {"frame 1", "frame 2"} and table["grey"].max() == 255


def test_the_best_of_a_row_is_bold_but_not_for_the_mean() -> None:
    text = score_table({"ours": {"vif": 2.0, "mean": 9.0}, "theirs": {"vif": 1.0, "mean": 1.0}})
    assert '<td class="best">2.000</td>' in text and '<td class="best">9.000</td>' not in text


def test_a_missing_score_is_said_so() -> None:
    assert "n/a" in score_table({"ours": {"vif": 2.0}, "theirs": {}})


def test_a_region_stays_inside_the_picture() -> None:
    image = np.arange(100 * 80 * 3, dtype=np.uint32).reshape(100, 80, 3).astype(np.uint8)
    for point in ((0, 0), (79, 99), (40, 50)):
        assert region(image, point, 4.0, 60).shape == (60, 60, 3)
    assert (region(image, (0, 0), 4.0, 60)[0, 0] == image[0, 0]).all()


def test_contours_keep_both_sides_of_a_border_and_nothing_else() -> None:
    labels = np.zeros((5, 6), np.uint8)
    labels[:, 3:] = 2
    outlined = contours(labels)
    assert outlined[0].tolist() == [255, 255, 0, 2, 255, 255] and (outlined == outlined[0]).all()


def test_a_mosaic_knows_which_place_a_click_met() -> None:
    mosaic = Mosaic((20, 30), 5, columns=3, gap_px=4)
    picture = mosaic.drawn([np.zeros((20, 30, 3), np.uint8)] * 5)
    assert picture.shape == (44, 98, 3)
    assert mosaic.place((0, 0)) == (0.0, 0.0) and mosaic.place((34 + 15, 24 + 10)) == (0.5, 0.5)
    assert mosaic.place((31, 5)) is None and mosaic.place((80, 30)) is None  # a gap, and a sixth picture


def test_pixels_stay_pixels_above_200_percent_only() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, 32:] = 255
    assert set(np.unique(region(image, (32, 32), 4.0, 64))) == {0, 255}
    assert len(np.unique(region(image, (32, 32), 2.0, 64))) > 2
