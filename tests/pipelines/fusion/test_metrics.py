"""Claims about the fusion metrics; levels on public pairs where MIXDECK_DATA names them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.fusion import metrics


def textured(seed: int, height: int = 64, width: int = 72) -> np.ndarray:
    return np.rint(np.random.default_rng(seed).uniform(0, 255, (height, width)))


A, B = textured(1), textured(2)


def test_scores_do_not_depend_on_the_order_of_sources() -> None:
    fused = (A + B) / 2
    forth, back = metrics.score(fused, [A, B], "mef"), metrics.score(fused, [B, A], "mef")
    assert forth == pytest.approx(back, abs=1e-5)


def test_a_result_equal_to_both_sources_gets_full_marks() -> None:
    values = metrics.score(A, [A, A], "ivis")
    assert values["ssim"] == pytest.approx(2)
    assert values["vif"] == pytest.approx(2, abs=1e-6)
    # Both sigmoids at their maximum: .9994 * .9879 / (1 + exp(-22 * .2)).
    assert values["qabf"] == pytest.approx(0.975, abs=1e-3)
    assert values["mi"] == pytest.approx(2 * values["en"] * np.log(2))


def test_scd_ignores_offsets() -> None:
    fused = 0.4 * A + 0.6 * B
    assert metrics.scd(fused + 17, A - 5, B + 3) == pytest.approx(metrics.scd(fused, A, B))


def test_scd_of_the_sum_of_two_sources_is_two() -> None:
    assert metrics.scd(A + B, A, B) == pytest.approx(2)


@pytest.mark.parametrize("greys", [(0, 0, 0), (255, 255, 255), (0, 255, 128), (7, 7, 7)])
def test_constant_pictures_give_finite_numbers(greys: tuple[int, int, int]) -> None:
    fused, first, second = (np.full((50, 50), grey, np.uint8) for grey in greys)
    values = metrics.score(fused, [first, second], "mef")
    assert np.isfinite(list(values.values())).all()
    assert values["vif"] == 2
    assert values["scd"] == values["mi"] == values["en"] == 0


def test_qabf_of_black_is_zero_and_of_grey_sees_the_border() -> None:
    black, grey = np.zeros((50, 50)), np.full((50, 50), 128.0)
    assert metrics.qabf(black, [black, black]) == 0
    assert metrics.qabf(grey, [grey, grey]) == pytest.approx(0.975, abs=1e-3)  # zeros beyond the border are an edge


def test_one_flat_source_leaves_numbers_finite() -> None:
    values = metrics.score(A, [np.zeros_like(A), A], "mef")
    assert np.isfinite(list(values.values())).all()


def test_colour_is_scored_by_its_rounded_luma() -> None:
    colour = np.random.default_rng(3).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    luma = np.rint(colour @ np.array([0.299, 0.587, 0.114]))
    assert metrics.score(colour, [colour, colour], "ivis") == metrics.score(luma, [luma, luma], "ivis")


def test_simple_numbers_by_hand() -> None:
    checks = np.indices((8, 8)).sum(axis=0) % 2 * 255.0  # black and white in turn
    assert metrics.entropy(checks) == pytest.approx(1)
    assert metrics.spatial_frequency(checks) == pytest.approx(255 * np.sqrt(2))
    assert metrics.mutual_information(checks, 255 - checks) == pytest.approx(np.log(2))
    ramp = np.tile(np.arange(8.0), (8, 1))
    assert metrics.average_gradient(ramp) == pytest.approx(np.sqrt(0.5))


def test_metrics_that_need_more_pixels_are_left_out() -> None:
    small = metrics.score(textured(4, 40, 60), [textured(5, 40, 60), textured(6, 40, 60)], "mef")
    assert "vif" not in small and "mef_ssim" in small
    tiny = metrics.score(textured(4, 6, 6), [textured(5, 6, 6), textured(6, 6, 6)], "mef")
    assert not {"vif", "ssim", "mef_ssim"} & set(tiny)
    assert np.isfinite(list(tiny.values())).all()


def test_scd_is_left_out_for_three_sources() -> None:
    assert "scd" not in metrics.score(A, [A, B, A], "mef")


def test_vif_falls_with_noise_and_blur() -> None:
    smooth = cv2.GaussianBlur(textured(7, 96, 96), (0, 0), 2)
    noisy = smooth + np.random.default_rng(8).normal(0, 8, smooth.shape)
    values = [metrics.vif(smooth, cv2.GaussianBlur(smooth, (0, 0), 3)), metrics.vif(smooth, noisy)]
    assert all(0 < value < 0.9 for value in values)


def test_viff_is_one_of_equal_pictures_and_counts_the_source_that_is_lost() -> None:
    smooth = cv2.GaussianBlur(textured(7, 64, 64), (0, 0), 1)
    blurred = cv2.GaussianBlur(smooth, (0, 0), 2)
    assert metrics.viff(smooth, smooth, smooth) == pytest.approx(1, abs=1e-6)
    assert metrics.viff(smooth, smooth, 255 - smooth) < 0.1 < metrics.viff(blurred, smooth, smooth) < 0.9
    in_colour = np.dstack([smooth, blurred, blurred])
    planes = [metrics.viff(plane, smooth, smooth) for plane in (smooth, blurred, blurred)]
    assert metrics.viff(in_colour, *[np.dstack([smooth] * 3)] * 2) == pytest.approx(np.mean(planes))


def test_viff_by_the_formula_on_one_flat_difference() -> None:
    """Half the contrast: gain 1/2 without noise at every scale, the ratio of logarithms by hand."""
    smooth = cv2.GaussianBlur(textured(9, 64, 64), (0, 0), 1)
    expected = 0.0
    for share, scale in zip((1, 0, 0.15, 1), range(4), strict=True):
        images = smooth
        for finer in range(1, scale + 1):
            images = metrics._valid_gaussian(images, 2 ** (4 - finer) + 1)[::2, ::2]
        window_px = 2 ** (4 - scale) + 1
        mean = metrics._valid_gaussian(images, window_px)
        variance = np.maximum(metrics._valid_gaussian(images**2, window_px) - mean**2, 0)
        noise = 0.005 * 255**2
        kept, available = np.log10(1 + variance / 4 / noise) + 1e-7, np.log10(1 + variance / noise) + 1e-7
        expected += share / 2.15 * kept.sum() / available.sum()
    assert metrics.viff(smooth / 2, smooth, smooth) == pytest.approx(expected, rel=1e-4)


def test_mean_iou_by_hand() -> None:
    labels = np.array([[0, 0, 1], [1, 255, 2]], np.uint8)
    found = np.array([[0, 1, 1], [1, 0, 0]], np.uint8)
    hits = metrics.confusion(labels, found, 4)
    assert hits.sum() == 5
    assert metrics.mean_iou(hits) == pytest.approx((1 / 3 + 2 / 3 + 0) / 3)


# Means over the twelve pairs of TNO as known for these formulas: SCD, VIF, Qabf, SSIM.
TNO_LEVELS = {
    "average": (1.40, 0.61, 0.38, 1.43),
    "max": (1.47, 0.94, 0.60, 1.33),
    "gff": (1.14, 0.93, 0.64, 1.31),
    "laplacian": (1.60, 0.73, 0.58, 1.34),
}


@pytest.fixture(scope="module")
def tno_scores(evaluation_data: Path) -> dict[str, dict[str, float]]:
    from pipelines.fusion.datasets import find_sets
    from pipelines.fusion.evaluate import evaluate_set

    tno = next(one for one in find_sets(evaluation_data) if one.name == "irvis/tno")
    return evaluate_set(tno, {}, None)["methods"]


@pytest.mark.parametrize("method", list(TNO_LEVELS))
def test_known_levels_on_public_pairs(method: str, tno_scores: dict[str, dict[str, float]]) -> None:
    found = [tno_scores[method][name] for name in ("scd", "vif", "qabf", "ssim")]
    assert found == pytest.approx(TNO_LEVELS[method], abs=0.0051)
