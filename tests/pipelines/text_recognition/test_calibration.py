from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.text_recognition.calibration import (
    Temperatures,
    accuracy_at_coverage,
    expected_calibration_error,
    fitted_temperature,
    temperatures_of,
)


def test_a_temperature_undoes_overconfidence() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(1.0, 2.0, 4000)  # of "right"; the network says three times as much
    is_right = rng.random(4000) < 1 / (1 + np.exp(-logits))
    found = fitted_temperature(lambda t: 1 / (1 + np.exp(-3 * logits / t)), is_right.tolist())
    assert found == pytest.approx(3.0, rel=0.1)


def test_the_error_is_the_gap_of_confidence_and_accuracy() -> None:
    assert expected_calibration_error([0.9] * 10, [True] * 9 + [False]) == pytest.approx(0)
    assert expected_calibration_error([0.9] * 10 + [0.1] * 10, [False] * 20) == pytest.approx(0.5)


def test_coverage_keeps_the_most_confident() -> None:
    sure, right = [0.9, 0.2, 0.8, 0.1], [True, False, True, False]
    assert [accuracy_at_coverage(sure, right, share) for share in (0.5, 0.75, 1.0)] == pytest.approx([1, 2 / 3, 0.5])


def test_the_temperatures_stand_in_the_manifest(tmp_path: Path) -> None:
    assert temperatures_of(tmp_path, "igtr") == Temperatures(1, 1, 1, 1)
    (tmp_path / "weights").mkdir()
    entry = {"temperatures": {"character": 1.5, "ctc": 2}}
    (tmp_path / "weights" / "manifest.json").write_text(json.dumps({"igtr": entry}))
    found = temperatures_of(tmp_path, "igtr")
    assert found == Temperatures(character=1.5, ctc=2) and temperatures_of(tmp_path, "other") == Temperatures()
    assert [found.of_own(name) for name in ("parallel", "autoregressive", "ctc", "assembly")] == [1, 1, 2, 1]
