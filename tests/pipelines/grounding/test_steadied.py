"""Twins: the same scene and words with a newcomer; the loss that pulls their answers together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipelines.grounding.losses import Truth
from pipelines.grounding.plvl import PLVL
from pipelines.grounding.scene_cache import Shard
from pipelines.grounding.steadied import TWINS, TwinBatches, divergence, steady_terms
from pipelines.grounding.synthetic.newcomer import twin_scenes
from pipelines.grounding.tokenizer import Tokens
from pipelines.grounding.training_data import Batches, Source
from pipelines.training.loop import Batch

SIDE = 64


@pytest.fixture
def batches(world: None, tmp_path: Path) -> TwinBatches:
    shards = [Shard(tmp_path, "base", 0, 6, 0, side=SIDE, are_twins=twins) for twins in (False, True)]
    for shard in shards:
        shard.make()
    usual = Batches((Source((shards[0],)),), 2, 3, 10, 0.0, ((1.0, SIDE),))
    return TwinBatches(usual, Source((shards[1],)), 2)


@pytest.fixture
def batch(batches: TwinBatches) -> Batch:
    return batches(np.random.default_rng(0), 5)


def test_twins_are_one_scene_and_one_question_with_and_without_a_newcomer(batch: Batch) -> None:
    assert batch["pixels"].shape == (6, SIDE, SIDE, 3) and batch[TWINS].shape == (6, 2)
    for first, second in batch[TWINS].tolist():
        one, other = batch["owner"][[first, second]].tolist()
        assert other == one + 1 and one >= 2, "the usual pictures come first"
        for name in ("words", "grams", "boxes", "anchors", "mask"):
            assert torch.equal(batch[name][first], batch[name][second]), name
        changed = (batch["pixels"][one].int() - batch["pixels"][other].int()).abs().amax(2) > 8
        assert 0 < changed.float().mean() < 0.03, "only the dot in the corner"


def test_the_loss_is_nothing_where_twins_are_answered_alike_alone(batch: Batch, network: PLVL) -> None:
    pixels = batch["pixels"].permute(0, 3, 1, 2).float() / 255
    tokens, truth = Tokens(batch["words"], batch["grams"]), Truth(batch["boxes"], batch["anchors"], batch["mask"])
    outputs = network(pixels, tokens, batch["owner"])
    alike = {}
    for name in ("centre", "existence"):
        alike[name] = getattr(outputs, name).detach().clone()
        alike[name][batch[TWINS][:, 1]] = alike[name][batch[TWINS][:, 0]]
    assert steady_terms(replace(outputs, **alike), truth, batch[TWINS])["steady"].item() == pytest.approx(0, abs=1e-6)
    found = steady_terms(outputs, truth, batch[TWINS])
    assert found["steady"].item() > 0 and found["apart"].item() > 0


def test_the_divergence_is_that_of_both_ways() -> None:
    first, second = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.8, 0.2]]).log()
    both = 0.5 * np.log(0.5 / 0.8) + 0.5 * np.log(0.5 / 0.2) + 0.8 * np.log(0.8 / 0.5) + 0.2 * np.log(0.2 / 0.5)
    assert divergence(first, second).item() == pytest.approx(both, rel=1e-5)


def test_a_centre_set_apart_costs_less_than_one_that_is_not() -> None:
    from pipelines.grounding.head import Outputs

    boxes = torch.zeros(2, 8, 4)
    boxes[0, 0] = torch.tensor([0.55, 0.3, 0.2, 0.2])  # row 1, column 2 of four
    centre, nothing = torch.zeros(2, 4, 4), torch.zeros(0)
    outputs = Outputs(centre, nothing, nothing, nothing, torch.zeros(2), nothing, ())
    truth, twins = Truth(boxes, boxes, nothing), torch.tensor([[0, 1]])
    unsure = steady_terms(outputs, truth, twins)["apart"].item()
    sure = centre.clone()
    sure[0, 1, 2] = 5.0
    assert unsure == pytest.approx(0.3 * np.log(16), rel=1e-5)
    assert steady_terms(replace(outputs, centre=sure), truth, twins)["apart"].item() < 0.2 * unsure


def test_generated_twins_differ_by_a_newcomer_that_touches_nothing() -> None:
    for number in range(6):
        scene, other = twin_scenes((number,), "base", 4)
        assert [phrase.text for phrase in scene.phrases] == [phrase.text for phrase in other.phrases]
        assert len(other.things) == len(other.boxes_xyxy) == len(scene.things) + 1
        new = other.ids == len(other.things)
        assert new.any() and not (scene.ids[new] > 0).any()
        assert np.array_equal(scene.ids[~new], other.ids[~new])
        left, top, right, bottom = other.boxes_xyxy[-1]
        rows, columns = np.flatnonzero(new.any(1)), np.flatnonzero(new.any(0))
        assert (left, top, right, bottom) == (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
