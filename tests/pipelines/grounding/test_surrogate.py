"""What plvl's coefficients are learned by."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pipelines.grounding import probe, random_scene, surrogate, validation
from pipelines.grounding.plvl import PLVL, SHAPES


@pytest.fixture(autouse=True)
def _tiny(world: None):
    surrogate._batch.cache_clear()
    yield
    surrogate._batch.cache_clear()


def test_the_loss_is_finite_takes_turns_and_its_gradient_reaches_a_coefficient(network: PLVL) -> None:
    loss = surrogate.score_loss(PLVL(SHAPES["test"]).eval())
    coefficient = torch.zeros((), requires_grad=True)
    torch.manual_seed(1)
    base, other = network.state_dict(), PLVL(SHAPES["test"]).state_dict()
    mix = {key: value + coefficient * (other[key] - value) for key, value in base.items()}
    found = loss(mix, 0)
    found.backward()
    assert torch.isfinite(found) and float(coefficient.grad.abs()) > 0
    with torch.no_grad():
        assert float(loss(base, 1)) != float(found) == float(loss(base, surrogate.ROUNDS))


def test_surer_scores_have_less_entropy_and_denying_everything_is_no_way_out(network: PLVL) -> None:
    pixels, texts = surrogate._batch("photo", 0, SHAPES["test"].side_px)
    with torch.no_grad():
        outputs = network(pixels, surrogate.tokenize(texts))
    found = surrogate.score_entropy(outputs)
    shares = outputs.centre.flatten(1).softmax(1)
    where = -(shares * shares.log()).sum(1).mean()
    is_there = outputs.existence.sigmoid()
    whether = -(is_there * is_there.log() + (1 - is_there) * (1 - is_there).log()).mean()
    assert float(found) == pytest.approx(float(where + whether), rel=1e-4)
    assert surrogate.score_entropy(replace(outputs, centre=9 * outputs.centre)) < found
    denied = surrogate.score_entropy(replace(outputs, existence=torch.full_like(outputs.existence, -99.0)))
    assert float(denied) == pytest.approx(float(where), rel=1e-4)


def test_its_scenes_are_of_no_other_set() -> None:
    taken = {validation.HELD_OUT, *probe.SEEDS.values(), random_scene.SHOWN}
    assert not taken & set(range(surrogate.SEED, surrogate.SEED + surrogate.ROUNDS))
