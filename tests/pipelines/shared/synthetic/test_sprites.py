"""Vector sprites: their boxes, their parts, and that no two are taken for each other."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.shared.synthetic.sprites import SPRITES, sprite


def raster(name: str, side: int = 96) -> np.ndarray:
    """Silhouette of a sprite in a square of four units, bool."""
    mask = np.zeros((side, side), np.uint8)
    for part in sprite(name):
        cv2.fillPoly(mask, [((points + 2) * side / 4).astype(np.int32) for points in part.contours], 1)
    return mask.astype(bool)


def test_there_are_twenty() -> None:
    assert len(SPRITES) == 20


@pytest.mark.parametrize("name", SPRITES)
def test_boxes_are_centred_and_of_one_area(name: str) -> None:
    corners = np.concatenate([points for part in sprite(name) for points in part.contours])
    low, high = corners.min(0), corners.max(0)
    assert np.allclose(low, -high)
    assert np.prod(high - low) == pytest.approx(4)
    assert (high - low).max() <= 2.1 * (high - low).min()


@pytest.mark.parametrize("name", SPRITES)
def test_tones_are_known_and_the_main_one_occurs(name: str) -> None:
    tones = {part.tone for part in sprite(name)}
    assert "main" in tones and tones <= {"main", "dark", "deep", "light"}


@pytest.mark.parametrize("name", SPRITES)
def test_outlines_differ(name: str) -> None:
    own = raster(name)
    for other in SPRITES:
        if other != name:
            assert (own & raster(other)).sum() < 0.93 * (own | raster(other)).sum()


def test_a_ring_has_a_hole() -> None:
    assert not raster("ring")[48, 48] and raster("circle")[48, 48]
