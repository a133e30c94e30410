"""Concrete masks: the relaxation and its limits, the gradient of the logits, a problem whose mask is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pipelines.merging.arena import Arena
from pipelines.merging.concrete import (
    ConcreteOptions,
    concrete,
    concrete_adamerging,
    density,
    drawn_mask,
    final_mask,
    logits_gradient,
    rescaled,
)
from pipelines.merging.learning import Mergeable, Places, Weights, mixed
from pipelines.merging.surrogates import entropy
from tests.pipelines.merging.learned_problem import forward, in_float64, make_arena, random

INPUTS = random(2000, 64, 6)


@pytest.fixture(scope="module")
def ground() -> Mergeable:
    return Mergeable.of(make_arena())


def real(ground: Mergeable, flat: Tensor) -> Tensor:
    return torch.cat([flat[slot.start : slot.stop] for slot in ground.layout.slots])


def test_very_likely_masks_are_all_ones_and_equal_logits_are_one_on_average(ground):
    for fill in (80.0, 0.0, -3.0):
        logits = torch.full_like(ground.base, fill)
        assert torch.allclose(real(ground, final_mask(ground.layout, logits)), torch.ones(()))
        mask = rescaled(ground.layout, drawn_mask(ground.layout, logits, 0, ConcreteOptions()))
        for slot in ground.layout.slots:
            assert float(mask[slot.start : slot.stop].mean()) == pytest.approx(1.0, abs=1e-5)
    ones = rescaled(ground.layout, drawn_mask(ground.layout, torch.full_like(ground.base, 80.0), 0, ConcreteOptions()))
    assert torch.allclose(real(ground, ones), torch.ones(()))


def test_a_cold_mask_is_binary_with_the_logits_chance_and_seed_and_step_draw_apart(ground):
    logits = torch.full_like(ground.base, 1.0)
    cold = real(ground, drawn_mask(ground.layout, logits, 0, ConcreteOptions(temperature=1e-6)))
    assert set(cold.unique().tolist()) <= {0.0, 1.0}
    chance = float(torch.sigmoid(torch.tensor(1.0)))
    assert float(cold.mean()) == pytest.approx(chance, abs=4 * (chance * (1 - chance) / len(cold)) ** 0.5)
    draw = lambda step, seed: drawn_mask(ground.layout, logits, step, ConcreteOptions(seed=seed))  # noqa: E731
    assert torch.equal(draw(3, 1), draw(3, 1))
    assert not torch.equal(draw(3, 1), draw(4, 1)) and not torch.equal(draw(3, 1), draw(3, 2))


def test_gradient_of_the_logits_is_the_central_difference(ground):
    ground, options = in_float64(ground), ConcreteOptions()
    logits = torch.randn(len(ground.base), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    vector = sum(ground.vectors.values()) * 0.3

    def loss(x: Tensor) -> Tensor:
        mask = rescaled(ground.layout, drawn_mask(ground.layout, x, 5, options))
        return entropy(forward(ground.views(ground.base + mask * vector), INPUTS))

    drawn = drawn_mask(ground.layout, logits, 5, options)
    merged = (ground.base + rescaled(ground.layout, drawn) * vector).requires_grad_()
    entropy(forward(ground.views(merged), INPUTS)).backward()
    found = logits_gradient(ground.layout, merged.grad * vector, drawn, options.temperature)
    for slot in ground.layout.slots:
        for place in (slot.start, slot.stop - 1):
            step = torch.zeros_like(logits)
            step[place] = 1e-4
            wanted = float(loss(logits + step) - loss(logits - step)) / 2e-4
            assert float(found[place]) == pytest.approx(wanted, rel=1e-5, abs=1e-10)


def masked_problem(count: int = 400) -> tuple[Mergeable, Tensor, object]:
    """Two experts that are right where `keep` is and wrong elsewhere; the loss is the distance from the right."""
    right, wrong = random(1, count), random(2, count)
    keep = random(3, count) > 0
    experts = {name: {"w": torch.where(keep, right, sign * wrong)} for name, sign in (("one", 1.0), ("two", 1.0))}
    arena = Arena.from_checkpoints({"w": torch.zeros(count)}, experts)
    wanted = torch.where(keep, right, 0.0)

    def loss(state: Weights, step: int) -> Tensor:
        return (state["w"] - wanted).square().sum()

    return Mergeable.of(arena), keep, loss


def test_the_mask_keeps_what_is_right_and_drops_what_is_wrong():
    ground, keep, loss = masked_problem()
    steps = concrete(ground, loss, ConcreteOptions(steps=300, rate=0.05))
    losses = []
    for last in steps:
        losses.append(last.loss)
    sizes = sum(ground.vectors.values())[: len(keep)].abs() > 0.3  # where there is something to gain
    found = last.logits[: len(keep)] > 0
    assert float((found == keep)[sizes].double().mean()) > 0.9
    assert sum(losses[-20:]) < 0.5 * sum(losses[:20])
    assert last.density == density(ground.layout, last.logits) == pytest.approx(float(found.double().mean()))


def test_a_seed_repeats():
    ground, _, loss = masked_problem(50)
    ends = []
    for seed in (0, 0, 1):
        steps = list(concrete(ground, loss, ConcreteOptions(steps=20, rate=0.05, seed=seed)))
        ends.append(steps[-1].logits.clone())
    assert torch.equal(ends[0], ends[1]) and not torch.equal(ends[0], ends[2])


def test_an_inner_step_moves_the_coefficients_first(ground):
    def loss(state: Weights, step: int) -> Tensor:
        return entropy(forward(state, INPUTS))

    plain, inner = (next(concrete(ground, loss, ConcreteOptions(inner_rate=rate))).loss for rate in (0.0, 0.1))
    assert inner < plain


def test_coefficients_are_learned_on_masked_vectors(ground):
    logits = torch.where(random(4, len(ground.base)) > 0, 5.0, -5.0)
    places = Places.of(ground.layout, "task")
    masked = ground.masked(final_mask(ground.layout, logits))
    wanted = torch.tensor([[0.1], [0.4], [0.8]], dtype=torch.float64)
    target = forward(ground.views(mixed(masked, places, wanted)), INPUTS)

    def loss(state: Weights, step: int) -> Tensor:
        return (forward(state, INPUTS) - target).square().mean()

    last = list(concrete_adamerging(ground, places, loss, logits, steps=300, rate=0.02))[-1]
    torch.testing.assert_close(last.coefficients, wanted, rtol=0, atol=0.01)


def test_hard_masks_are_binary_before_they_are_rescaled(ground):
    logits = random(5, len(ground.base))
    mask = final_mask(ground.layout, logits, is_hard=True)
    for slot in ground.layout.slots:
        keep = (logits[slot.start : slot.stop] > 0).float()
        torch.testing.assert_close(mask[slot.start : slot.stop], keep / keep.mean())
    assert not final_mask(ground.layout, torch.full_like(logits, -1.0), is_hard=True).any()
