"""Methods fed with samples: what each makes of a small family, against what it should be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pipelines.merging.concrete import ConcreteOptions, concrete, concrete_network, final_mask
from pipelines.merging.errors import MergeError
from pipelines.merging.feed import FeedStep, made_of
from pipelines.merging.fisher import fisher, fisher_mean, squared_gradients
from pipelines.merging.learning import Places
from pipelines.merging.optimal_transport import Stream, laid_on
from pipelines.merging.regmean import regmean, regression_mean
from pipelines.merging.transported import _as_asked, transported
from tests.pipelines.merging import fed_problem
from tests.pipelines.merging.fed_problem import TASKS, arena_of, feed, inputs, shuffles

ARENA = arena_of()
FEED = feed(ARENA)
KEYS = [slot.key for slot in ARENA.layout.slots]


def last(steps: Iterator[FeedStep]) -> FeedStep:
    *_, found = steps
    return found


def own(step: FeedStep) -> dict[str, Tensor]:
    assert step.made is not None
    return dict(next(iter(step.made().networks.values())))


def test_drawn_answers_give_the_fisher_information_of_a_softmax() -> None:
    expert = FEED.experts["right"]
    found = squared_gradients(FEED.samples, expert, KEYS, "right", (0, 4096), 0)
    x = inputs("right", 0, 4096) @ expert["first.weight"].T + expert["first.bias"]
    hidden = torch.nn.functional.layer_norm(x, (6,), expert["norm.weight"], expert["norm.bias"]).relu()
    p = (hidden @ expert["second.weight"].T + expert["second.bias"]).softmax(1)
    variance = p * (1 - p)  # of each class, the information about its logit
    torch.testing.assert_close(found["second.bias"], variance.sum(0), rtol=0.1, atol=0)
    torch.testing.assert_close(found["second.weight"], variance.T @ hidden**2, rtol=0.15, atol=1.0)


def test_fisher_is_the_sum_of_its_stretches_and_a_seed_repeats() -> None:
    expert = FEED.experts["up"]
    whole = squared_gradients(FEED.samples, expert, KEYS, "up", (0, 64), 5)
    parts = [squared_gradients(FEED.samples, expert, KEYS, "up", one, 5) for one in ((0, 24), (24, 64))]
    other = squared_gradients(FEED.samples, expert, KEYS, "up", (0, 64), 6)
    for key in KEYS:
        torch.testing.assert_close(whole[key], parts[0][key] + parts[1][key])
    assert not torch.equal(whole["second.bias"], other["second.bias"])


def test_fisher_merging_weighs_the_experts_by_their_own_samples() -> None:
    step = last(fisher(FEED, samples=40, floor=0.0))
    assert (step.done, step.total) == (6, 6)
    found = own(step)
    for key in KEYS:
        information = [
            squared_gradients(FEED.samples, FEED.experts[task], KEYS, task, (0, 40), 0)[key] for task in TASKS
        ]
        wanted = fisher_mean([FEED.experts[task][key] for task in TASKS], information, floor=0.0)
        torch.testing.assert_close(found[key], wanted, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found["first.weight"], FEED.mean()["first.weight"], atol=1e-3)


def test_regmean_hears_the_inputs_of_every_linear_layer_and_averages_the_rest() -> None:
    found, mean = own(last(regmean(FEED, samples=100, off_diagonal=0.9))), FEED.mean()
    experts = [FEED.experts[task] for task in TASKS]
    seen = [inputs(task, 0, 100).double() for task in TASKS]
    wanted = regression_mean([one["first.weight"] for one in experts], [x.T @ x for x in seen], off_diagonal=0.9)
    torch.testing.assert_close(found["first.weight"], wanted, rtol=1e-4, atol=1e-5)
    for key in ("first.bias", "norm.weight", "second.bias"):
        torch.testing.assert_close(found[key], mean[key])
    assert not torch.allclose(found["second.weight"], mean["second.weight"], atol=1e-3)


def test_no_hook_stays_on_the_network() -> None:
    last(regmean(FEED, samples=8))
    assert all(not one._forward_pre_hooks for one in FEED.samples.module.modules())


def test_concrete_masks_the_sum_and_a_stopped_one_has_what_it_learned() -> None:
    options = ConcreteOptions(steps=20, rate=0.1, scale=0.4, seed=2)
    steps = concrete_network(FEED, steps=20, rate=0.1, scale=0.4, seed=2)
    first = next(steps)
    start = own(first)
    step = last(steps)
    *_, learned = concrete(FEED.ground, FEED.loss, options)
    mask = final_mask(ARENA.layout, learned.logits)
    wanted = ARENA.views(ARENA.base + 0.4 * mask * sum(one.vector for one in ARENA.experts.values()))
    for key, value in own(step).items():
        torch.testing.assert_close(value, wanted[key])
    assert (step.done, step.total) == (21, 21) and step.loss < first.loss
    plain = ARENA.views(ARENA.base + 0.4 * sum(one.vector for one in ARENA.experts.values()))
    torch.testing.assert_close(start["first.weight"], plain["first.weight"])


def test_a_hard_concrete_mask_keeps_or_drops_each_weight() -> None:
    chosen = {"steps": 10, "rate": 0.1, "scale": 0.4}
    *_, learned = concrete(FEED.ground, FEED.loss, ConcreteOptions(**chosen))
    mask = final_mask(ARENA.layout, learned.logits, is_hard=True)
    wanted = ARENA.views(ARENA.base + 0.4 * mask * sum(one.vector for one in ARENA.experts.values()))
    found, base = own(last(concrete_network(FEED, **chosen, mask="hard"))), ARENA.views(ARENA.base)
    for key, value in found.items():
        torch.testing.assert_close(value, wanted[key])
    share = float((found["first.weight"] == base["first.weight"]).float().mean())
    assert 0 < share < 1
    *_, after = concrete_network(FEED, **chosen, inner_rate=0.1, mask="hard")
    assert 0 < float((own(after)["first.weight"] == base["first.weight"]).float().mean()) < 1


def test_concrete_with_an_inner_rate_learns_coefficients_after_the_mask() -> None:
    steps = list(concrete_network(FEED, steps=10, rate=0.1, inner_rate=0.1))
    assert [one.total for one in steps] == [22] * 22 and steps[-1].note == "coefficients"
    assert steps[-1].loss < steps[11].loss


def test_a_shuffled_network_is_laid_back_and_the_average_of_unmatched_neurons_is_another() -> None:
    anchor = FEED.experts["left"]
    other = laid_on(anchor, fed_problem.AXES, shuffles(anchor, 4))
    step = last(transported(replace(FEED, pair={"left": anchor, "other": other}), epsilon=0, samples=16))
    networks = step.made().networks
    fused, _, unmatched, _, laid = networks.values()
    for key in KEYS:
        torch.testing.assert_close(fused[key], anchor[key])
        torch.testing.assert_close(laid[key], anchor[key])
    assert not torch.allclose(unmatched["first.weight"], anchor["first.weight"], atol=1e-3)
    stays, softness = step.made().values
    assert stays[0] == pytest.approx(sum(k == int(o) for k, o in enumerate(order(4))) / 6) and softness[0] < 1e-9


def test_neurons_are_matched_as_asked() -> None:
    anchor = FEED.experts["left"]
    pair = {"left": anchor, "other": laid_on(anchor, fed_problem.AXES, shuffles(anchor, 4))}
    blind = replace(FEED, pair=pair, samples=None)
    found = own(last(transported(blind, epsilon=0, by="weights")))
    assert all(torch.allclose(found[key], anchor[key]) for key in KEYS)
    streams = [Stream("width", ("skip", "branch"), heads=(2, 2)), Stream("one", ("one",))]
    asked = [_as_asked(one, "weighted", "mixed") for one in streams]
    assert [(one.policy, one.heads) for one in asked] == [("weighted", (0, 0)), ("mean", (0, 0))]
    assert _as_asked(streams[0], "mean", "whole") == streams[0]


def order(seed: int) -> list[int]:
    return torch.randperm(6, generator=torch.Generator().manual_seed(seed)).tolist()


def test_what_is_kept_of_an_expert_is_told_by_block() -> None:
    own_of = {"left": FEED.experts["left"]}
    made = made_of(FEED, own_of)
    assert made.columns == ("in", "out") and made.rows == TASKS
    assert made.values[0] == pytest.approx((1.0, 1.0), abs=1e-4)
    base = made_of(FEED, {"base": ARENA.views(ARENA.base)})
    assert base.values == ((0.0, 0.0),) * 3


@pytest.mark.parametrize("part", ["samples", "loss", "pair"])
def test_a_part_that_is_not_given_is_named(part: str) -> None:
    with pytest.raises(MergeError, match=f"no {part}"):
        replace(FEED, **{part: None}).need(part)


def test_more_samples_than_there_are_is_refused() -> None:
    with pytest.raises(MergeError, match="there are 4096"):
        last(fisher(FEED, samples=4097))


def test_places_by_task_and_no_blocks_tell_one_column() -> None:
    assert made_of(replace(FEED, blocks=()), {"x": FEED.mean()}).columns == Places.of(ARENA.layout, "task").names
