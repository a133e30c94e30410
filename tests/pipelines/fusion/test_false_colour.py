from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.fusion.false_colour import GOOD_FIT, inverted, palette, recognise
from pipelines.fusion.options import PALETTES


def heat() -> np.ndarray:
    noise = np.random.default_rng(0).random((80, 120)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 4)
    return (smooth - smooth.min()) / np.ptp(smooth)


@pytest.mark.parametrize("name", PALETTES)
def test_every_palette_is_recognised_and_turned_back_after_jpeg(name: str) -> None:
    painted = np.round(palette(name)[np.round(heat() * 1023).astype(int)] * 255).astype(np.uint8)
    packed = cv2.imencode(".jpg", painted[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    received = cv2.imdecode(packed, cv2.IMREAD_COLOR)[..., ::-1].astype(np.float32) / 255
    found, distance = recognise(received)
    assert found == name and distance < GOOD_FIT
    assert np.abs(inverted(received, found) - heat()).mean() < 0.03


def test_natural_colour_is_like_no_palette() -> None:
    colours = np.random.default_rng(1).random((64, 64, 3), np.float32)
    assert recognise(colours)[1] > GOOD_FIT


def test_hot_goes_from_black_over_red_and_yellow_to_white() -> None:
    ends = palette("hot")[[0, 400, 700, 1023]]
    assert ends[0].max() < 0.05 and ends[3].min() == 1
    assert ends[1, 0] > 0.9 and ends[1, 1:].max() < 0.2 and ends[2, :2].min() > 0.7 and ends[2, 2] < 0.2
