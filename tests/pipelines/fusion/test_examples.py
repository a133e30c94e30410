"""The shipped examples: complete, small, and the ones the generators paint."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from pipelines.fusion.examples import EXAMPLES, FOLDER, Example
from pipelines.shared.synthetic.textures import to_bytes

ENTRIES = json.loads((FOLDER / "index.json").read_text(encoding="utf-8"))


def test_index_lists_the_examples_in_order() -> None:
    assert [entry["slug"] for entry in ENTRIES] == [example.slug for example in EXAMPLES]
    assert {entry["task"] for entry in ENTRIES} == {"ivis", "mef", "mff", "med"}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["slug"])
def test_frames_exist_and_share_one_size(entry: dict) -> None:  # type: ignore[type-arg]
    sizes = {cv2.imread(str(FOLDER / name)).shape for name in entry["frames"]}
    assert len(sizes) == 1
    assert len(entry["frames"]) >= 2
    assert entry["recipe"] == {"weights": {entry["task"]: 1.0}, "scale": 1.0}


def test_all_examples_together_stay_below_4_megabytes() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*.png")) < 4e6


@pytest.mark.parametrize("example", [EXAMPLES[0], EXAMPLES[-1]], ids=lambda example: example.slug)
def test_painting_again_gives_the_shipped_frames(example: Example) -> None:
    for index, frame in enumerate(example.frames()):
        shipped = cv2.imread(str(FOLDER / example.slug / f"frame{index}.png"))[..., ::-1]
        assert np.abs(to_bytes(frame).astype(int) - shipped).mean() < 1
