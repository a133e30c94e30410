from __future__ import annotations

import numpy as np
import pytest
import torch

from pipelines.grounding.full.resizing import HALF, IMAGENET, letterbox, stretch

# Recorded with torch 2.13, whose kernel the stock processors of SAM 2 and SAM 3 use on bytes:
#   ramp = torch.arange(36, dtype=torch.uint8).reshape(3, 4, 3).permute(2, 0, 1)[None]
#   torch.nn.functional.interpolate(ramp, (2, 2), mode="bilinear", antialias=True)[0, 0]
SQUARE = [[7, 12], [22, 27]]
RAMP = np.arange(36, dtype=np.uint8).reshape(3, 4, 3)


def undone(pixels: np.ndarray, norm: tuple) -> np.ndarray:
    """Normalised pixels as 0 to 255."""
    mean, deviation = (np.array(values)[:, None, None] for values in norm)
    return (pixels * deviation + mean) * 255


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize(("height", "width", "side"), [(90, 120, 64), (40, 30, 64), (64, 64, 64)])
def test_stretching_is_bilinear_and_smoothed(height: int, width: int, side: int) -> None:
    picture = noise(height, width)
    wanted = torch.nn.functional.interpolate(
        torch.from_numpy(picture).permute(2, 0, 1)[None].float(), (side, side), mode="bilinear", antialias=True
    )[0].numpy()
    for norm in (IMAGENET, HALF):
        fitted = stretch(picture, side, norm)
        assert fitted.pixels.shape == (3, side, side) and fitted.pixels.dtype == np.float32
        assert abs(undone(fitted.pixels, norm) - wanted).max() <= 2
    assert fitted.scale_xy == (side / width, side / height) and fitted.used_hw == (side, side)


@pytest.mark.parametrize(("height", "width"), [(90, 120), (40, 31), (200, 7)])
def test_the_letterbox_is_that_of_the_stock_processor(height: int, width: int) -> None:
    from PIL import Image
    from transformers import SamImageProcessorPil

    picture = noise(height, width)
    stock = SamImageProcessorPil(size={"longest_edge": 64}, pad_size={"height": 64, "width": 64})
    seen = stock(images=Image.fromarray(picture), return_tensors="np")
    fitted = letterbox(picture, 64)
    assert tuple(np.array(seen["reshaped_input_sizes"])[0]) == fitted.used_hw
    assert abs(undone(fitted.pixels, IMAGENET) - undone(seen["pixel_values"][0], IMAGENET)).max() <= 2


def test_recorded_values() -> None:
    rows = undone(stretch(RAMP, 2, HALF).pixels, HALF)[0]
    np.testing.assert_allclose(rows, SQUARE, atol=0.01)
    corner = undone(letterbox(RAMP, 4).pixels, IMAGENET)[0]
    np.testing.assert_allclose(corner[:3], RAMP[..., 0], atol=0.01)
    np.testing.assert_allclose(letterbox(RAMP, 4).pixels[:, 3], 0)


def test_a_picture_of_one_pixel_has_a_size() -> None:
    fitted = letterbox(np.full((1, 1, 3), 9, np.uint8), 16)
    assert fitted.used_hw == (16, 16) and np.isfinite(stretch(np.zeros((1, 400, 3), np.uint8), 16).pixels).all()
    assert letterbox(noise(1, 400), 16).used_hw == (1, 16)
