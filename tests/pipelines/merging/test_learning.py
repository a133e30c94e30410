"""Learned coefficients: gradients, known optima, limits, repeatability, and what becomes of them on the desk."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pipelines.merging.adamerging import adamerging
from pipelines.merging.arena import Arena
from pipelines.merging.atlas import AtlasOptions, atlas, penalty_gradient, shortened, within_budget
from pipelines.merging.errors import MergeError
from pipelines.merging.layout import Layout, same_bits
from pipelines.merging.learning import (
    Learning,
    Mergeable,
    Places,
    Weights,
    best_of,
    coefficient_gradient,
    learned_recipe,
    mixed,
    module_loss,
    network,
    part_of,
    weight_gradient,
)
from pipelines.merging.recipe import MergeRecipe, check_recipe
from pipelines.merging.surrogates import (
    balanced_entropy,
    consistency,
    divergence,
    entropy,
    forgetting,
    pseudo_labels,
)
from tests.pipelines.merging.learned_problem import BLOCKS, by_columns, forward, in_float64, make_arena, random

INPUTS = random(1000, 64, 6)
NO_DECAY = AtlasOptions(steps=300, decay=0.0)


@pytest.fixture(scope="module")
def arena() -> Arena:
    return make_arena()


@pytest.fixture(scope="module")
def ground(arena: Arena) -> Mergeable:
    return Mergeable.of(arena)


def all_places(ground: Mergeable) -> dict[str, Places]:
    named = {grain: Places.of(ground.layout, grain, BLOCKS) for grain in ("task", "module", "tensor")}
    return named | {"parts": Places.partitioned(ground.layout, 3)}


def matching(target: Weights):
    """Mean squared difference from the outputs of a network; 0 at its coefficients."""
    wanted = forward(target, INPUTS).detach()
    return lambda state, step: consistency(forward(state, INPUTS), wanted)


# --- the gradient trick


@pytest.mark.parametrize("grain", ["task", "module", "tensor", "parts"])
def test_gradient_of_every_coefficient_is_the_central_difference(ground, grain):
    ground = in_float64(ground)
    places = all_places(ground)[grain]
    coefficients = by_columns(places, 0.3, -0.2, 0.5)

    def loss(state: Weights, step: int) -> Tensor:
        return entropy(forward(state, INPUTS))

    found = coefficient_gradient(
        ground, places, weight_gradient(ground, mixed(ground, places, coefficients), loss, 0)[1]
    )
    for place in torch.cartesian_prod(*(torch.arange(n) for n in coefficients.shape)).tolist():
        step = torch.zeros_like(coefficients)
        step[tuple(place)] = 1e-5
        ends = [float(loss(network(ground, places, coefficients + s), 0)) for s in (step, -step)]
        assert float(found[tuple(place)]) == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5, abs=1e-9)


def test_mixed_is_task_arithmetic_and_one_hot_is_the_expert(arena, ground):
    places = Places.of(ground.layout, "tensor")
    same = torch.full((3, len(places.names)), 0.3, dtype=torch.float64)
    asked = MergeRecipe(coefficients=tuple((task, 0.3) for task in arena.tasks))
    torch.testing.assert_close(mixed(ground, places, same), arena.merge(asked).flat)
    one_hot = torch.zeros_like(same)
    one_hot[1] = 1.0
    expert = ground.base + ground.vectors["task1"]
    assert torch.equal(mixed(ground, places, one_hot), expert)
    assert same_bits(mixed(ground, places, 0 * same), ground.base)


def test_a_column_moves_its_own_tensors_only(ground):
    places = Places.of(ground.layout, "module", BLOCKS)
    coefficients = torch.zeros(3, 2, dtype=torch.float64)
    coefficients[0, 1] = 0.7
    state, base = network(ground, places, coefficients), ground.views(ground.base)
    assert {key for key in state if not torch.equal(state[key], base[key])} == {"last.weight", "last.bias"}


def test_partitions_cover_each_entry_once_and_follow_seed_and_key(ground):
    slot = ground.layout.slots[0]
    parts = part_of(slot, 3, 0)
    counts = parts.bincount(minlength=3)
    assert int(counts.sum()) == slot.stop - slot.start and int(counts.max() - counts.min()) <= 1
    assert torch.equal(parts, part_of(slot, 3, 0)) and not torch.equal(parts, part_of(slot, 3, 1))
    assert not torch.equal(parts, part_of(replace(slot, key="other"), 3, 0))


def test_every_tensor_is_cut_and_as_in_the_released_code_matrices_alone_by_their_shape():
    layout = Layout.of([("one", (4, 3)), ("two", (4, 3)), ("bias", (2,)), ("cube", (2, 2, 2))])
    plain, compat = (Places.partitioned(layout, 3, is_compat=flag) for flag in (False, True))
    assert len(plain.names) == 3 + 3 + 2 + 3 and plain.names[6:8] == ("bias/0", "bias/1")
    assert not torch.equal(plain.columns[0], plain.columns[1] - 3)
    assert compat.names[6:] == ("bias", "cube") and compat.columns[2:] == (6, 7)
    assert torch.equal(compat.columns[0], compat.columns[1] - 3)


def test_one_part_is_the_plain_form(ground):
    plain, parted = Places.of(ground.layout, "tensor"), Places.partitioned(ground.layout, 1)
    coefficients = by_columns(plain, 0.3, -0.2, 0.5)
    assert torch.equal(mixed(ground, plain, coefficients), mixed(ground, parted, coefficients))


# --- known optima


@pytest.mark.parametrize("grain", ["task", "tensor"])
def test_adamerging_finds_the_mixture_the_data_come_from(ground, grain):
    places = Places.of(ground.layout, grain)
    wanted = by_columns(places, 0.2, 0.5, 0.7)
    steps = list(adamerging(ground, places, matching(network(ground, places, wanted)), steps=400, rate=0.02))
    assert len(steps) == 401 and [one.step for one in steps] == list(range(401))
    assert steps[-1].loss < 1e-4 * steps[0].loss
    torch.testing.assert_close(steps[-1].coefficients, wanted, rtol=0, atol=0.01)


def test_atlas_finds_it_from_zero_and_with_negative_coefficients(ground):
    places = Places.of(ground.layout, "tensor")
    wanted = by_columns(places, -0.6, 0.4, 1.1)
    steps = list(atlas(ground, places, matching(network(ground, places, wanted)), NO_DECAY))
    assert not steps[0].coefficients.any() and steps[0].loss == pytest.approx(
        float(matching(network(ground, places, wanted))(ground.views(ground.base), 0)))  # fmt: skip
    torch.testing.assert_close(steps[-1].coefficients, wanted, rtol=0, atol=0.01)


def test_parts_reach_what_whole_tensors_cannot(ground):
    parts, whole = Places.partitioned(ground.layout, 3), Places.of(ground.layout, "tensor")
    loss = matching(network(ground, parts, by_columns(parts, 0.5, -0.3, 0.8)))
    ends = [list(atlas(ground, places, loss, NO_DECAY))[-1].loss for places in (parts, whole)]
    assert ends[0] < 0.1 * ends[1]


def test_sure_predictions_come_from_entropy(ground):
    places = Places.of(ground.layout, "tensor")
    steps = list(adamerging(ground, places, lambda state, step: entropy(forward(state, INPUTS)), steps=50, rate=0.02))
    assert steps[-1].loss < steps[0].loss
    assert all(0 <= float(c) <= 1 for one in steps for c in one.coefficients.reshape(-1))


def test_forgetting_raises_the_target_and_keeps_the_control(ground):
    places = Places.of(ground.layout, "tensor")
    target, control = (forward(ground.views(ground.base + ground.vectors[task]), INPUTS).detach()
                       for task in ("task0", "task1"))  # fmt: skip

    def losses(state: Weights) -> tuple[Tensor, Tensor]:
        out = forward(state, INPUTS)
        return consistency(out, target), consistency(out, control)

    base = [float(one) for one in losses(ground.views(ground.base))]
    options = AtlasOptions(steps=20, rate=0.02)
    judge = lambda state: float(losses(state)[0]) if float(losses(state)[1]) < 1.05 * base[1] else None  # noqa: E731
    best = best_of(atlas(ground, places, lambda state, step: forgetting(*losses(state)), options, judge))
    ends = [float(one) for one in losses(network(ground, places, best.coefficients))]
    assert ends[0] > base[0] and ends[1] < 1.05 * base[1] and best.score == pytest.approx(ends[0])


# --- behaviour of the generators


def test_the_same_loss_gives_the_same_bits_and_nothing_is_written_to(arena, ground):
    before = ground.base.clone(), ground.vectors["task0"].clone()
    places = Places.of(ground.layout, "tensor")

    def noisy(state: Weights, step: int) -> Tensor:
        return entropy(forward(state, random(step, 16, 6)))

    runs = [list(adamerging(ground, places, noisy, steps=10, rate=0.05))[-1].coefficients for _ in range(2)]
    assert torch.equal(*runs) and not torch.equal(runs[0], torch.full_like(runs[0], 0.3))
    assert torch.equal(before[0], arena.base) and torch.equal(before[1], arena.experts["task0"].vector)


def test_a_module_is_called_with_the_merged_weights_and_keeps_its_own(ground):
    class Tiny(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = torch.nn.Linear(6, 16), torch.nn.Linear(16, 5)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.last(torch.tanh(self.first(inputs)))

    module, places = Tiny(), Places.of(ground.layout, "tensor")
    before = {key: value.clone() for key, value in module.state_dict().items()}
    by_call = module_loss(module, lambda call, step: entropy(call(INPUTS)))
    ends = [list(adamerging(ground, places, loss, steps=5, rate=0.05))[-1].coefficients
            for loss in (by_call, lambda state, step: entropy(forward(state, INPUTS)))]  # fmt: skip
    torch.testing.assert_close(*ends, rtol=0, atol=1e-5)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


def test_order_of_experts_does_not_matter(ground):
    places = Places.of(ground.layout, "tensor")
    loss = matching(network(ground, places, by_columns(places, 0.2, 0.5, 0.7)))
    turned = replace(ground, vectors=dict(reversed(ground.vectors.items())))
    ends = [list(adamerging(one, places, loss, steps=30, rate=0.02))[-1].coefficients for one in (ground, turned)]
    torch.testing.assert_close(ends[0], ends[1].flip(0), rtol=0, atol=1e-5)


def test_a_walker_may_stop_at_any_step(ground):
    places = Places.of(ground.layout, "task")
    steps = adamerging(ground, places, lambda state, step: entropy(forward(state, INPUTS)), steps=10**9)
    assert [next(steps).step for _ in range(3)] == [0, 1, 2]
    steps.close()


def test_clamping_is_a_choice(ground):
    places = Places.of(ground.layout, "task")
    loss = matching(network(ground, places, torch.tensor([[1.4], [-0.5], [0.2]], dtype=torch.float64)))
    kept, free = (list(adamerging(ground, places, loss, steps=200, rate=0.05, is_clamped=one))[-1].coefficients
                  for one in (True, False))  # fmt: skip
    assert float(kept.max()) == 1.0 and float(kept.min()) == 0.0
    assert float(free.max()) > 1.2 and float(free.min()) < -0.3


def test_a_loss_that_is_not_finite_stops_with_the_step(ground):
    places = Places.of(ground.layout, "task")
    with pytest.raises(MergeError, match="at step 0"):
        next(adamerging(ground, places, lambda state, step: state["first.bias"].sum() * float("nan")))


def test_elected_vectors_are_trimmed_and_agree(ground):
    elected = ground.elected(0.3)
    vectors = torch.stack(list(elected.vectors.values()))
    kept = (vectors != 0).sum(1) / ground.layout.count
    assert float(kept.max()) <= 0.31
    positive, negative = (vectors > 0).any(0), (vectors < 0).any(0)
    assert not bool((positive & negative).any())


def test_budget_penalty_and_short_gradients():
    gradient = torch.tensor([[1.0, -3.0], [-2.0, 1.0], [0.5, 2.0]], dtype=torch.float64)
    assert within_budget(gradient, 1).tolist() == [[0, 1], [1, 0], [0, 0]]
    assert bool(within_budget(gradient, 0).all()) and bool(within_budget(gradient, 3).all())
    assert float(shortened(gradient, 1.0).norm()) == pytest.approx(1.0)
    assert torch.equal(shortened(gradient, 100.0), gradient)
    options = AtlasOptions(penalty=0.5, power=2.0)
    assert torch.allclose(penalty_gradient(gradient, options), gradient)


def test_a_budget_leaves_the_other_experts_out(ground):
    places = Places.of(ground.layout, "tensor")
    loss = matching(network(ground, places, by_columns(places, 0.5, 0.5, 0.5)))
    last = list(atlas(ground, places, loss, AtlasOptions(steps=20, budget=1)))[-1]
    assert (last.coefficients != 0).sum(0).tolist() == [1] * len(places.names)


def test_the_best_step_is_the_best_scored_and_else_the_last():
    none = torch.zeros(1, 1)
    steps = [Learning(i, 0.0, none, score) for i, score in enumerate((0.1, 0.7, None, 0.7, 0.3))]
    assert best_of(steps).step == 1
    assert best_of([Learning(i, 0.0, none) for i in range(3)]).step == 2
    with pytest.raises(MergeError, match="no steps"):
        best_of([])


@pytest.mark.parametrize("grain", ["task", "module", "tensor"])
def test_learned_coefficients_go_on_the_desk(arena, ground, grain):
    places = all_places(ground)[grain]
    coefficients = by_columns(places, 0.3, -0.2, 0.5)
    recipe = learned_recipe(arena.tasks, places, coefficients)
    check_recipe(recipe, arena.tasks)
    torch.testing.assert_close(arena.merge(recipe).flat, mixed(ground, places, coefficients), rtol=1e-6, atol=1e-6)


def test_parts_do_not_go_on_the_desk(arena, ground):
    places = all_places(ground)["parts"]
    with pytest.raises(MergeError, match="store the network"):
        learned_recipe(arena.tasks, places, by_columns(places, 0.1, 0.2, 0.3))


def test_unknown_grains_and_tensors_without_a_block_are_refused(ground):
    with pytest.raises(MergeError, match="unknown grain"):
        Places.of(ground.layout, "layer")
    with pytest.raises(MergeError, match=r"last\.weight belongs to 0 blocks"):
        Places.of(ground.layout, "module", BLOCKS[:1])


# --- losses


def test_surrogates_at_their_ends():
    even, sure = torch.zeros(7, 5), 200.0 * torch.eye(5)
    assert float(entropy(even)) == pytest.approx(float(torch.tensor(5.0).log()))
    assert float(entropy(sure)) == pytest.approx(0.0, abs=1e-6)
    one_class = sure[:1].repeat(5, 1)
    assert float(balanced_entropy(one_class)) > float(balanced_entropy(sure)) + 1.5
    assert float(divergence(sure, sure)) == pytest.approx(0.0, abs=1e-6) and float(divergence(even[:5], sure)) > 1.0
    assert float(pseudo_labels(even)) == 0.0 and float(pseudo_labels(sure)) == pytest.approx(0.0, abs=1e-6)
    mixed_sure = torch.cat([even, sure + torch.randn(5, 5, generator=torch.Generator().manual_seed(0))])
    assert torch.allclose(pseudo_labels(mixed_sure), pseudo_labels(mixed_sure[7:]))
