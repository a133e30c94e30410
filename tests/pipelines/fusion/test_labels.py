"""Labels of each frame alone, and where they differ from those of both together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.fusion.inputs import FrameSet
from pipelines.fusion.labels import AGREE, differences, labels_alone, to_labels
from pipelines.fusion.options import FusionOptions
from pipelines.fusion.pipeline import FusionPipeline
from pipelines.fusion.probe import probe_set
from pipelines.shared.cache import ModelCache


@pytest.fixture(scope="module")
def pipeline(root: Path) -> FusionPipeline:
    return FusionPipeline(ModelCache(root / "assets"))


def test_labels_are_enlarged_and_cut_to_the_frame() -> None:
    logits = torch.zeros(1, 7, 4, 4)
    logits[:, 3, :, 2:] = 5.0
    labels = to_labels(logits, (13, 15))
    assert labels.shape == (13, 15) and labels.dtype == np.uint8
    assert labels[0, 0] == 0 and labels[12, 14] == 3


def test_every_way_to_differ_has_its_number() -> None:
    both = np.zeros((1, 4), np.uint8)
    alone = {"thermal": np.array([[0, 1, 0, 1]], np.uint8), "visible": np.array([[0, 0, 1, 2]], np.uint8)}
    assert differences(both, alone).tolist() == [[AGREE, 0, 1, 2]]


def test_a_frame_alone_is_named_by_itself_only(pipeline: FusionPipeline) -> None:
    sample = probe_set("ivis")[0]
    changed = np.stack([sample.frames[0], np.flip(sample.frames[1], 1)])
    with pipeline.cache.lease(pipeline.family, pipeline.family.default) as lease:
        first, other = (labels_alone(lease.model, frames) for frames in (sample.frames, changed))
    assert np.array_equal(first["thermal"], other["thermal"])
    assert not np.array_equal(first["visible"], other["visible"])


def test_both_together_are_named_better_than_one_alone(pipeline: FusionPipeline) -> None:
    hits: dict[str, list[float]] = {"both": [], "thermal": [], "visible": []}
    for sample in probe_set("ivis"):
        images = np.repeat(sample.frames[..., None], 3, -1)
        names = ("thermal.png", "visible.png")
        frames, options = FrameSet(images, names, names, (True, True), (0, 1)), FusionOptions(task="ivis")
        recipe = pipeline.family.default
        named = {"both": pipeline(frames, options, recipe).labels} | pipeline.labels_alone(frames, options, recipe)
        known = sample.labels != 255
        for source, labels in named.items():
            assert labels is not None and labels.shape == sample.labels.shape
            hits[source].append(float((labels == sample.labels)[known].mean()))
    assert np.mean(hits["both"]) > max(np.mean(hits["thermal"]), np.mean(hits["visible"])) + 0.05
