"""Floors, walls and fabrics."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.shared.synthetic import surfaces

ALL = (
    surfaces.mottled, surfaces.streaked, surfaces.wood, surfaces.tiles, surfaces.bricks, surfaces.grass,
    surfaces.plaster, surfaces.paper, surfaces.chevrons, surfaces.terrazzo, surfaces.woven, surfaces.marble,
)  # fmt: skip


@pytest.mark.parametrize("surface", ALL, ids=lambda surface: surface.__name__)
def test_a_surface_is_a_plane_of_some_contrast_for_every_seed(surface: surfaces.Surface) -> None:
    for seed in range(8):
        plane = surface(np.random.default_rng(seed), (70, 90))
        assert plane.shape == (70, 90) and plane.dtype == np.float32
        assert plane.min() >= 0 and plane.max() <= 1
        assert 0.25 < plane.mean() < 0.95 and plane.std() > 0.03
    assert (plane == surface(np.random.default_rng(7), (70, 90))).all()


@pytest.mark.parametrize("surface", [surfaces.tiles, surfaces.bricks, surfaces.paper, surfaces.woven])
def test_a_smaller_picture_shows_the_same(surface: surfaces.Surface) -> None:
    small, large = (surface(np.random.default_rng(4), (side, side)) for side in (96, 192))
    likeness = np.corrcoef(small.ravel(), cv2.resize(large, (96, 96), interpolation=cv2.INTER_AREA).ravel())[0, 1]
    assert likeness > 0.5  # thin lines fall between pixels
