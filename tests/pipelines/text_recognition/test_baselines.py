from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipelines.text_recognition.baselines import installed_baselines
from pipelines.text_recognition.charset import fold


def printed(text: str) -> np.ndarray:
    crop = np.full((40, 26 * len(text) + 20, 3), 255, np.uint8)
    cv2.putText(crop, text, (8, 30), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (0, 0, 0), 2, cv2.LINE_AA)
    return crop


@pytest.mark.parametrize("name", ["tesseract"])
def test_an_installed_reader_reads_each_crop_in_turn(name: str) -> None:
    readers = installed_baselines()
    if name not in readers:
        pytest.skip(f"{name} is not installed")
    read = readers[name]([printed(text) for text in ("HELLO", "WORLD", "Paper")])
    assert [fold(text) for text in read] == ["hello", "world", "paper"]


def test_what_is_not_installed_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert installed_baselines() == {}
