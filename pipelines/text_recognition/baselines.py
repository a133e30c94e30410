"""Readers that are not ours, run on the same crops where they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

HEIGHT_PX, BORDER_PX = 64, 12  # what Tesseract reads words of best: large letters with room around them

Baseline = Callable[[Sequence[np.ndarray]], list[str]]


def installed_baselines() -> dict[str, Baseline]:
    """Name -> reader of crops (H, W, 3) uint8, for what is on this machine."""
    return {"tesseract": read_by_tesseract} if shutil.which("tesseract") else {}


def read_by_tesseract(crops: Sequence[np.ndarray]) -> list[str]:
    """Tesseract in its mode for single words, English, one process for all crops.

    Raises:
        subprocess.CalledProcessError: it does not run.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{index:05}.png" for index in range(len(crops))]
        for path, crop in zip(paths, crops, strict=True):
            cv2.imwrite(str(path), cv2.cvtColor(_roomy(crop), cv2.COLOR_RGB2BGR))
        listed = Path(folder) / "crops.txt"
        listed.write_text("".join(f"{path}\n" for path in paths))
        command = ["tesseract", str(listed), "stdout", "--psm", "8", "-l", "eng"]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=os.environ | {"OMP_THREAD_LIMIT": "1"}
        )
    pages = done.stdout.split("\f")[: len(crops)]  # a form feed ends each page
    return ["".join(page.split()) for page in pages]


def _roomy(crop: np.ndarray) -> np.ndarray:
    width = max(8, round(crop.shape[1] * HEIGHT_PX / crop.shape[0]))
    resized = cv2.resize(crop, (min(width, 4096), HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    return cv2.copyMakeBorder(resized, *(BORDER_PX,) * 4, cv2.BORDER_REPLICATE)
