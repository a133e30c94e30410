"""Training on the tiny world: data, resuming, experts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.grounding.augmentation import View, mirrored
from pipelines.grounding.family import EXPERTS, PLVL_FAMILY, build
from pipelines.grounding.plvl_training import PRESETS, source, train
from pipelines.grounding.scene_cache import Shard
from pipelines.grounding.training_data import Batches
from pipelines.shared.errors import UserError
from pipelines.training.checkpoints import loaded
from pipelines.training.run import TrainingOptions

FAMILY = replace(PLVL_FAMILY, experts={"refuse": PLVL_FAMILY.experts["refuse"]})


@pytest.fixture
def scenes(world: None, tmp_path: Path) -> Path:
    """All shards of a test run, drawn in this process."""
    for recipe in ("base", "twins", "refuse"):
        for shard in source(tmp_path / "plvl" / "scenes-seed0", recipe, PRESETS["test"], 0).shards:
            shard.make()
    return tmp_path


def test_base_and_expert_are_trained_and_resumed_to_the_same_weights(scenes: Path) -> None:
    first = train(FAMILY, TrainingOptions(preset="test", folder=scenes))
    assert set(first) == {"base", "refuse"}
    before = {name: loaded(path) for name, path in first.items()}
    again = train(FAMILY, TrainingOptions(preset="test", folder=scenes, resume=True))
    for name, path in again.items():
        assert all(torch.equal(value, before[name][key]) for key, value in loaded(path).items()), name
    assert any(not torch.equal(value, before["refuse"][key]) for key, value in before["base"].items())


def test_an_expert_without_a_base_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No base"):
        train(FAMILY, TrainingOptions(expert="refuse", preset="test", folder=tmp_path))


def test_masks_and_boxes_of_a_batch_lie_on_each_other(world: None, tmp_path: Path) -> None:
    shard = Shard(tmp_path, "base", 0, 6, 0, side=96)
    shard.make()
    plan = PRESETS["test"]
    batches = Batches((replace(source(tmp_path, "base", plan, 0), shards=(shard,)),), 6, 4, 10, 0.0, ((1.0, 96),))
    batch = batches(np.random.default_rng(0), 5)
    assert batch["pixels"].shape == (6, 96, 96, 3) and batch["mask"].shape == (24, 24, 24)
    for mask, boxes in zip(batch["mask"], batch["boxes"], strict=True):
        assert bool((mask > 0).any()) == bool((boxes[:, 2] > 0).any())
        if not (mask > 0).any():
            continue
        rows, columns = torch.nonzero(mask > 0.5, as_tuple=True)
        cx, cy, w, h = boxes[0].tolist()
        assert abs((columns.min() + columns.max() + 1) / 48 - cx) < 0.06
        assert abs((rows.max() + 1 - rows.min()) / 24 - h) < 0.1 and w > 0 and 0 < cy < 1


def test_mirroring_twice_is_no_change() -> None:
    text = "the leftmost star right of the ring"
    assert mirrored(text) == "the rightmost star left of the ring" and mirrored(mirrored(text)) == text


def test_a_view_moves_boxes_as_it_moves_pixels() -> None:
    ids = np.zeros((64, 64), np.uint8)
    ids[8:24, 4:20] = 1
    boxes = np.array([[12 / 64, 16 / 64, 0.25, 0.25], [0, 0, 0, 0]], np.float32)
    view = View(True, 0.75, 0.1, 0.2)
    shown, moved = view.ids(ids, 64), view.boxes(boxes)
    columns = np.flatnonzero(shown.any(0))
    assert abs((columns[0] + columns[-1] + 1) / 128 - moved[0, 0]) < 0.02
    assert not moved[1].any()


def test_the_record_covers_every_weight_once() -> None:
    from fnmatch import fnmatchcase

    assert set(PLVL_FAMILY.tasks) == set(EXPERTS)
    for key in build().state_dict():
        assert sum(fnmatchcase(key, block.match) for block in PLVL_FAMILY.blocks) == 1, key
