"""What cells show, and the readout that is taught to tell it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.grounding.looks import COUNTS, FIELDS, NO_VALUE, cell_looks, looks_of
from pipelines.grounding.plvl import PLVL, SHAPES
from pipelines.grounding.plvl_training import PRESETS, GroundingLoss, as_pixels, source, teach_looks
from pipelines.grounding.scene_cache import Shard
from pipelines.grounding.synthetic.things import VALUES, Look, Thing
from pipelines.grounding.taught import Taught, look_loss
from pipelines.grounding.tokenizer import Tokens
from pipelines.grounding.training_data import Batches
from pipelines.training.run import Run, TrainingOptions

RED_STAR = Thing(Look("star", "red", "dotted", "shiny"), 0.5, 0.5, 0.2)
BLUE_MUG = Thing(Look("mug", "blue", tilt="tilted"), 0.5, 0.5, 0.2)


def test_looks_are_numbers_of_values_and_a_star_has_no_tilt() -> None:
    star, mug = looks_of([RED_STAR, BLUE_MUG])
    told = [VALUES[field][value] if value != NO_VALUE else None for field, value in zip(FIELDS, star, strict=True)]
    assert told == ["star", "red", "dotted", "shiny", None]
    assert mug[FIELDS.index("tilt")] == VALUES["tilt"].index("tilted")


def test_a_cell_shows_what_covers_most_of_it_and_nothing_where_little_is_covered() -> None:
    ids = np.zeros((16, 16), np.uint8)
    ids[0:8, 0:3], ids[0:8, 3:8] = 1, 2  # both in the first cell, the second thing in more of it
    ids[8:9, 0:8] = 1  # an eighth of the cell below
    looks = looks_of([RED_STAR, BLUE_MUG])
    cells = cell_looks(ids, looks, 2)
    assert cells[0].tolist() == looks[1].tolist()
    assert (cells[1:] == NO_VALUE).all()
    assert (looks >= NO_VALUE).all() and (looks[1] != NO_VALUE).all(), "the looks of the things are left as they are"


def test_the_loss_is_small_for_the_truth_and_blind_to_cells_without_a_value() -> None:
    truth = torch.full((1, 2, len(FIELDS)), NO_VALUE)
    truth[0, 0] = torch.tensor(looks_of([BLUE_MUG])[0])
    logits = torch.zeros(1, 2, sum(COUNTS))
    chance = look_loss(logits, truth)
    assert chance.item() == pytest.approx(float(np.mean(np.log(COUNTS))), rel=1e-5)
    starts = np.cumsum((0, *COUNTS[:-1]))
    for start, value in zip(starts, truth[0, 0].tolist(), strict=True):
        logits[0, 0, start + value] = 20
    assert look_loss(logits, truth) < 1e-4
    logits[0, 1] = torch.randn(sum(COUNTS))
    assert look_loss(logits, truth) < 1e-4


def test_a_batch_tells_the_looks_where_the_things_lie(world: None, tmp_path: Path) -> None:
    shard = Shard(tmp_path, "base", 0, 6, 0, side=96)
    shard.make()
    scenes = replace(source(tmp_path, "base", PRESETS["test"], 0), shards=(shard,))
    batch = Batches((scenes,), 6, 4, 10, 0.0, ((1.0, 96),))(np.random.default_rng(0), 5)
    shown = (batch["looks"][:, :, 0] != NO_VALUE).reshape(6, 6, 6)
    of_scene = batch["owner"][(batch["boxes"][:, 0, 2] > 0)]
    for owner, mask in zip(of_scene, batch["mask"][batch["boxes"][:, 0, 2] > 0], strict=True):
        covered = mask.reshape(6, 4, 6, 4).mean((1, 3)) > 0.3
        assert shown[owner][covered].all(), "a target is there, so its look is told"
    assert not shown.all()


def test_the_second_lesson_teaches_the_network_and_leaves_no_readout(world: None, tmp_path: Path) -> None:
    plan = replace(PRESETS["test"], look_steps=30, scenes=4, checkpoint_every=100, look_rate=3e-3)
    scenes = source(tmp_path, "base", plan, 0)
    for shard in scenes.shards:
        shard.make()
    torch.manual_seed(0)
    network = PLVL(SHAPES["test"])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    run = Run(TrainingOptions(), tmp_path)
    losses: list[float] = []
    plain = GroundingLoss.__call__

    def noted(self, model, batch, step):
        told = model(as_pixels(batch["pixels"]), Tokens(batch["words"], batch["grams"]), batch["owner"])[1]
        losses.append(look_loss(told, batch["looks"]).item())
        return plain(self, model, batch, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GroundingLoss, "__call__", noted)
        assert teach_looks(plan, network, scenes, run) > 0
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:3])
    assert set(network.state_dict()) == set(before)
    assert any(not torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert set(Taught(network).state_dict()) > {f"network.{name}" for name in before}
