"""Crops of any size become 32 x 128."""

import numpy as np
import pytest

from pipelines.shared.errors import UserError
from pipelines.text_recognition.fit import fit


@pytest.mark.parametrize("size", [(1, 1), (32, 128), (300, 20), (8, 3000)])
def test_any_size_fits(size) -> None:
    fitted = fit(np.full((*size, 3), 255, np.uint8))
    assert fitted.shape == (3, 32, 128) and fitted.dtype == np.float32
    assert np.all(fitted == 1)


def test_shrinking_averages_instead_of_picking() -> None:
    stripes = np.zeros((320, 1280, 3), np.uint8)
    stripes[:, ::2] = 200
    assert np.allclose(fit(stripes), 100 / 255, atol=0.01)


def test_left_stays_left_and_red_stays_red() -> None:
    image = np.zeros((20, 60, 3), np.uint8)
    image[:, :30, 0] = 255
    fitted = fit(image)
    assert fitted[0, :, :60].min() > 0.9 and fitted[0, :, 70:].max() < 0.1 and fitted[1:].max() == 0


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8), np.zeros((4, 4, 3))])
def test_what_is_no_rgb_picture_is_refused(image) -> None:
    with pytest.raises(UserError, match="expected uint8 RGB"):
        fit(image)
