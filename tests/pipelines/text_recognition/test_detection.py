from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from pipelines.shared.errors import UserError
from pipelines.text_recognition import detection
from pipelines.text_recognition.detection import (
    DetectionSettings,
    PaddleDetector,
    RapidDetector,
    in_order,
    open_detector,
    prepared,
    regions_of,
)

SETTINGS = DetectionSettings()


def turned_square(width: float, height: float, degrees: float, centre: tuple[float, float] = (100, 80)) -> np.ndarray:
    """Corners of a rectangle turned clockwise, in reading order."""
    along = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    down = np.array([-along[1], along[0]])
    signs = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    return np.float32([np.array(centre) + x * width / 2 * along + y * height / 2 * down for x, y in signs])


def map_of(*words: np.ndarray, size_hw: tuple[int, int] = (160, 200), share: float = 0.9) -> np.ndarray:
    """A map of text probabilities with shrunken words, as the networks draw it."""
    import cv2

    shares = np.full(size_hw, 0.05, np.float32)
    for word in words:
        cv2.fillPoly(shares, [np.rint(word).astype(np.int32)], share)
    return shares


@pytest.mark.parametrize("degrees", [0, 20, -30, 44])
def test_a_word_on_the_map_is_found_and_grown_by_the_rule(degrees: float) -> None:
    drawn = turned_square(80, 20, degrees)
    (region,) = regions_of(map_of(drawn), (160, 200), SETTINGS)
    grown = 2 * 80 * 20 * 1.5 / (2 * (80 + 20))  # area * unclip / perimeter, on either side
    np.testing.assert_allclose(region.corners, turned_square(80 + grown, 20 + grown, degrees), atol=3.5)
    assert region.score == pytest.approx(0.9, abs=0.08)  # the rim of a turned word is drawn in steps


def test_corners_are_in_pixels_of_the_photograph() -> None:
    drawn = turned_square(80, 20, 0)
    (small,) = regions_of(map_of(drawn), (160, 200), SETTINGS)
    (large,) = regions_of(map_of(drawn), (480, 400), SETTINGS)
    np.testing.assert_allclose(large.corners, small.corners * (2, 3), atol=1e-3)


def test_a_word_at_the_rim_stays_inside() -> None:
    (region,) = regions_of(map_of(turned_square(60, 20, 0, (25, 8))), (160, 200), SETTINGS)
    assert region.corners.min() >= 0


def test_what_is_unsure_or_tiny_is_left_out() -> None:
    words = [turned_square(80, 20, 0), turned_square(30, 1, 0, (100, 130))]
    assert len(regions_of(map_of(*words), (160, 200), SETTINGS)) == 1
    assert regions_of(map_of(words[0], share=0.5), (160, 200), SETTINGS) == []
    assert len(regions_of(map_of(words[0], share=0.5), (160, 200), DetectionSettings(box_threshold=0.4))) == 1


@pytest.mark.parametrize("degrees", [0, 30, -30])
def test_corners_begin_top_left_as_the_text_is_read(degrees: float) -> None:
    wanted = turned_square(90, 20, degrees)
    for shift in range(4):
        np.testing.assert_array_equal(in_order(np.roll(wanted, shift, 0)), wanted)
    np.testing.assert_array_equal(in_order(wanted[::-1]), wanted)


def test_upright_text_gives_a_tall_region() -> None:
    corners = in_order(turned_square(90, 20, -80))
    assert np.linalg.norm(corners[1] - corners[0]) < np.linalg.norm(corners[3] - corners[0])


@pytest.mark.parametrize(
    ("size_hw", "wanted_hw"), [((100, 200), (96, 192)), ((10, 10), (32, 32)), ((1920, 480), (960, 256))]
)  # fmt: skip
def test_pictures_are_sized_for_the_networks(size_hw: tuple[int, int], wanted_hw: tuple[int, int]) -> None:
    assert prepared(np.zeros((*size_hw, 3), np.uint8)).shape == (1, 3, *wanted_hw)


def test_pixels_are_normalised_in_the_order_blue_green_red() -> None:
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[..., 0] = 255  # red
    blue, green, red = prepared(pixels)[0, :, 0, 0]
    assert (blue, green, red) == pytest.approx((-0.485 / 0.229, -0.456 / 0.224, (1 - 0.406) / 0.225), abs=1e-4)


@pytest.fixture
def tiny_detector(tmp_path: Path) -> Path:
    """A random detector of the published class, stored as the Hub stores it."""
    import torch
    from transformers import PPOCRV5MobileDetConfig, PPOCRV5MobileDetForObjectDetection

    torch.manual_seed(0)
    backbone = {
        "model_type": "pp_lcnet_v3", "scale": 0.25, "out_features": ["stage2", "stage3", "stage4", "stage5"],
        "out_indices": [2, 3, 4, 5], "divisor": 4,
    }  # fmt: skip
    config = PPOCRV5MobileDetConfig(
        backbone_config=backbone, neck_out_channels=16, layer_list_out_channels=[4, 4, 8, 16]
    )
    PPOCRV5MobileDetForObjectDetection(config).save_pretrained(tmp_path / "det")
    return tmp_path / "det"


def test_a_detector_of_the_published_class_is_read_and_asked(tiny_detector: Path) -> None:
    import torch

    pixels = np.random.default_rng(0).integers(0, 256, (70, 120, 3), dtype=np.uint8)
    settings = DetectionSettings(threshold=0.01, box_threshold=0.0)
    found = PaddleDetector(tiny_detector, settings)(pixels)
    with torch.inference_mode():
        shares = detection._network(tiny_detector)(torch.from_numpy(prepared(pixels))).last_hidden_state
    assert shares.shape == (1, 1, 64, 128) and 0 <= shares.min() <= shares.max() <= 1
    (whole,) = found  # everything is above so low a threshold
    np.testing.assert_allclose(whole.corners, [(0, 0), (120, 0), (120, 70), (0, 70)], atol=2)


def fake_rapidocr(monkeypatch: pytest.MonkeyPatch, boxes: list[np.ndarray] | None) -> list[dict]:
    asked: list[dict] = []

    class Engine:
        def __init__(self, params: dict) -> None:
            asked.append(params)

        def __call__(self, pixels: np.ndarray, **flags: object) -> SimpleNamespace:
            asked.append({"first": pixels[0, 0].tolist(), **flags})
            return SimpleNamespace(boxes=boxes, scores=None if boxes is None else [0.8] * len(boxes))

    module = ModuleType("rapidocr")
    module.RapidOCR = Engine  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "rapidocr", module)
    detection._rapid_engine.cache_clear()
    return asked


def test_rapidocr_is_asked_to_detect_only_on_bgr(monkeypatch: pytest.MonkeyPatch) -> None:
    box = turned_square(80, 20, 0)
    asked = fake_rapidocr(monkeypatch, [np.roll(box, 1, 0)])
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[..., 0] = 9
    (region,) = RapidDetector(DetectionSettings(box_threshold=0.3))(pixels)
    np.testing.assert_array_equal(region.corners, box)
    assert asked[1]["first"] == [0, 0, 9] and asked[1]["box_thresh"] == 0.3
    assert asked[1]["use_det"] is True and asked[1]["use_rec"] is False
    detection._rapid_engine.cache_clear()


def test_rapidocr_without_a_find_gives_none(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_rapidocr(monkeypatch, None)
    assert RapidDetector(SETTINGS)(np.zeros((8, 8, 3), np.uint8)) == []
    detection._rapid_engine.cache_clear()


@pytest.mark.parametrize(
    ("installed", "cached", "name"),
    [(True, True, "rapidocr"), (False, True, "PP-OCRv5_mobile_det_safetensors"), (False, False, "classical proposals")],
)
def test_the_best_detector_there_is_is_taken(
    installed: bool, cached: bool, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(detection, "find_spec", lambda module: object() if installed else None)
    monkeypatch.setattr(detection, "cached_folder", lambda repository: tmp_path if cached else None)
    opened = open_detector()
    assert opened.name == name
    assert bool(opened.notices) == (name == "classical proposals")


def test_without_any_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(detection, "find_spec", lambda module: None)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match=r"pip install rapidocr onnxruntime.*hf download PaddlePaddle/PP-OCRv5_mobile"):
        open_detector(may_propose=False)


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(UserError, match="thresholds go from 0 to 1"):
        DetectionSettings(threshold=1.5)


def test_the_real_library_finds_printed_words() -> None:
    pytest.importorskip("rapidocr")
    pytest.importorskip("onnxruntime")
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (240, 120), "white")
    ImageDraw.Draw(picture).text((30, 40), "HOTEL", fill="black", font_size=40)
    (region,) = RapidDetector(SETTINGS)(np.asarray(picture))
    assert 10 < region.corners[0, 0] < 40 and 120 < region.corners[1, 0] < 200
