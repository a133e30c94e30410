from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.text_recognition.synthetic.contact_sheet import BOX, CELL_HW, COLUMNS, main, sheet
from pipelines.text_recognition.synthetic.render import WordCrop


def test_crops_stand_in_rows_with_their_boxes() -> None:
    boxes = np.float32([[(2, 2), (12, 2), (12, 10), (2, 10)]])
    crop = WordCrop(np.full((16, 40, 3), 200, np.uint8), "A", boxes, {})
    plain, boxed = (sheet([crop] * (COLUMNS + 1), with_boxes=on) for on in (False, True))
    assert plain.shape == (2 * CELL_HW[0], COLUMNS * CELL_HW[1], 3)
    assert not (plain == BOX).all(-1).any() and (boxed == BOX).all(-1).sum() > 9 * 20


def test_the_command_writes_a_sheet_per_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["curved", "digits", "--count", "3", "--out", str(tmp_path)]) == 0
    assert all(cv2.imread(str(tmp_path / f"{name}.png")).shape[0] == CELL_HW[0] for name in ("curved", "digits"))
    assert main(["neon", "--out", str(tmp_path)]) == 1
    assert "No recipe 'neon'; known are base, clean" in capsys.readouterr().err
