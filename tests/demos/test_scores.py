"""Scores beside the faders."""

from __future__ import annotations

import json
from pathlib import Path

from demos.scores import score_columns
from pipelines.registry import family


def test_base_and_own_expert_are_read_from_the_manifest(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    matrix = {"base": {"mef": 0.5, "ivis": 0.4}, "mef": {"mef": 0.9, "ivis": 0.1}}
    (tmp_path / "weights" / "manifest.json").write_text(json.dumps({"fusenet": {"matrix": matrix}}))
    assert score_columns(tmp_path, family("fusenet")) == {"base": matrix["base"], "expert": {"mef": 0.9}}


def test_no_manifest_means_no_scores(tmp_path: Path) -> None:
    assert score_columns(tmp_path, family("fusenet")) == {}
