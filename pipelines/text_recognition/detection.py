"""Finding text in photographs: published detectors behind one call, pixels in, quadrilaterals out.

A detector is a callable from (H, W, 3) uint8 RGB to text regions. There are two: rapidocr, a kept library whose package
holds its own weights (PP-OCRv6 on ONNX Runtime), and the PP-OCR detectors of transformers, whose weights come from the
Hub. What stands before and behind the latter is written here, because theirs needs torchvision. Where neither is
installed, proposals by the look of letters take their place (`proposals.py`), and that is said.

Source of the steps: DB, real-time scene text detection with differentiable binarization (Liao et al. 2020,
arXiv:1911.08947).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipelines.shared.errors import UserError
from pipelines.shared.notice import Notice, warning

LONG_SIDE_PX = 960
STEP_PX = 32  # sides that the networks take are multiples of it
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, on channels in the order BGR
REPOSITORIES = ("PaddlePaddle/PP-OCRv5_mobile_det_safetensors", "PaddlePaddle/PP-OCRv5_server_det_safetensors")
PATTERNS = ["*.safetensors", "*.json"]


@dataclass(frozen=True)
class TextRegion:
    """Where text stands.

    Attributes:
        corners: (4, 2) float32, x and y in pixels of the picture, clockwise, top left first as the text is read; of
            text that runs more upright than level, the corner nearest to the top left.
        score: how sure the detector is, 0 to 1.
    """

    corners: np.ndarray
    score: float


@dataclass(frozen=True)
class DetectionSettings:
    """From a map of text probabilities to regions.

    Attributes:
        threshold: probability from which a pixel is text, 0 to 1.
        box_threshold: mean probability from which a region is kept, 0 to 1.
        unclip: how far the shrunken regions that the networks learn are grown: by area * unclip / perimeter.
        smallest_px: of the shorter side, on the map.
    """

    threshold: float = 0.3
    box_threshold: float = 0.6
    unclip: float = 1.5
    smallest_px: float = 3.0

    def __post_init__(self) -> None:
        if not (0 < self.threshold < 1 and 0 <= self.box_threshold <= 1 and self.unclip >= 0):
            raise UserError(f"{self}: thresholds go from 0 to 1, unclip is 0 or more.")


Detector = Callable[[np.ndarray], list[TextRegion]]
ADVICE = (
    "`pip install rapidocr onnxruntime` brings a detector with its weights; `hf download "
    f"{REPOSITORIES[0]}` brings weights for the one of transformers."
)


@dataclass(frozen=True)
class OpenedDetector:
    """A detector, its name, and what a person should know about it."""

    name: str
    detect: Detector
    notices: tuple[Notice, ...] = ()


def open_detector(settings: DetectionSettings | None = None, may_propose: bool = True) -> OpenedDetector:
    """The best detector on this machine.

    Args:
        may_propose: whether proposals may stand in where no detector is installed.

    Raises:
        UserError: there is none; says what to install or to download.
    """
    settings = settings or DetectionSettings()
    if find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None:
        return OpenedDetector("rapidocr", RapidDetector(settings))
    for repository in REPOSITORIES:
        if (folder := cached_folder(repository)) is not None:
            return OpenedDetector(repository.partition("/")[2], PaddleDetector(folder, settings))
    if may_propose:
        from pipelines.text_recognition.proposals import propose_words

        told = warning(f"No text detector is installed: words are proposed by the look of their letters. {ADVICE}")
        return OpenedDetector("classical proposals", propose_words, (told,))
    raise UserError(f"No text detector is on this machine. {ADVICE}", title="Text detector missing")


@dataclass(frozen=True)
class RapidDetector:
    """The detector of rapidocr; the package holds its weights, nothing is downloaded."""

    settings: DetectionSettings

    def __call__(self, pixels: np.ndarray) -> list[TextRegion]:
        """Text regions of (H, W, 3) uint8 RGB."""
        found = _rapid_engine()(
            np.ascontiguousarray(pixels[..., ::-1]), use_det=True, use_cls=False, use_rec=False,
            box_thresh=self.settings.box_threshold, unclip_ratio=self.settings.unclip,
        )  # fmt: skip
        if found.boxes is None:
            return []
        pairs = zip(found.boxes, found.scores, strict=True)
        return [TextRegion(in_order(np.asarray(box, np.float32)), float(score)) for box, score in pairs]


@lru_cache(maxsize=1)
def _rapid_engine() -> Any:
    from rapidocr import RapidOCR

    return RapidOCR(params={"Global.log_level": "error"})


@dataclass(frozen=True)
class PaddleDetector:
    """A PP-OCR detector of transformers, read from a checkpoint folder."""

    folder: Path
    settings: DetectionSettings

    def __call__(self, pixels: np.ndarray) -> list[TextRegion]:
        """Text regions of (H, W, 3) uint8 RGB."""
        import torch

        with torch.inference_mode():
            shares = _network(self.folder)(torch.from_numpy(prepared(pixels))).last_hidden_state[0, 0]
        return regions_of(shares.float().numpy(), pixels.shape[:2], self.settings)


@lru_cache(maxsize=1)
def _network(folder: Path) -> Any:
    from pipelines.shared.full_tier import Pretrained

    return Pretrained("transformers:AutoModelForObjectDetection").load(folder)


def cached_folder(repository: str) -> Path | None:
    """The folder of a repository in the local cache of the Hub, whichever commit it is."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(repository, allow_patterns=PATTERNS, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return folder if any(folder.glob("*.safetensors")) else None


def prepared(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB as the detectors take it, (1, 3, h, w) float32: h and w multiples of 32, at most 960."""
    height, width = pixels.shape[:2]
    factor = min(1.0, LONG_SIDE_PX / max(height, width))
    size_wh = tuple(max(STEP_PX, round(side * factor / STEP_PX) * STEP_PX) for side in (width, height))
    small = cv2.resize(pixels, size_wh, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    scaled = ((small[..., ::-1] / 255 - np.array(MEAN)) / np.array(DEVIATION)).astype(np.float32)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])


def regions_of(shares: np.ndarray, size_hw: tuple[int, int], settings: DetectionSettings) -> list[TextRegion]:
    """Regions of a map of text probabilities.

    Args:
        shares: (h, w) float32, 0 to 1.
        size_hw: of the picture; corners are in its pixels.
    """
    contours, _ = cv2.findContours(
        (shares > settings.threshold).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE
    )
    scale = np.array([size_hw[1] / shares.shape[1], size_hw[0] / shares.shape[0]])
    regions = []
    for contour in contours:
        rectangle = cv2.minAreaRect(contour)
        score = _mean_inside(shares, cv2.boxPoints(rectangle))
        if min(rectangle[1]) < settings.smallest_px or score < settings.box_threshold:
            continue
        corners = cv2.boxPoints(_grown(rectangle, settings.unclip))
        regions.append(TextRegion(in_order(_inside(corners * scale, size_hw)), score))
    return regions


def _mean_inside(shares: np.ndarray, corners: np.ndarray) -> float:
    """Mean of the map inside a polygon."""
    left, top = np.floor(corners.min(0)).astype(int).clip(0)
    right, bottom = np.ceil(corners.max(0)).astype(int) + 1
    part = shares[top:bottom, left:right]
    mask = np.zeros(part.shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(corners - (left, top)).astype(np.int32)], 1)
    return float(cv2.mean(part, mask)[0])


def _grown(rectangle: Any, unclip: float) -> Any:
    """A rectangle (centre, size, angle) whose sides have moved out by area * unclip / perimeter."""
    centre, (width, height), angle = rectangle
    distance = width * height * unclip / max(2 * (width + height), 1e-6)
    return centre, (width + 2 * distance, height + 2 * distance), angle


def _inside(corners: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    return corners.clip(0, (size_hw[1], size_hw[0])).astype(np.float32)


def in_order(corners: np.ndarray) -> np.ndarray:
    """Four corners clockwise, the one nearest to the top left first."""
    around = corners - corners.mean(0)
    clockwise = corners[np.argsort(np.arctan2(around[:, 1], around[:, 0]))]  # y points down
    return np.roll(clockwise, -int(clockwise.sum(1).argmin()), 0).astype(np.float32)
