"""Every method against float64, on networks with ties, zeros of both signs and subnormals."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pipelines.merging.arena import Arena
from pipelines.merging.recipe import MaskChoice, MergeRecipe
from tests.pipelines.merging import reference

U = 2.0**-24
WEIGHTS = (1.0, 0.75, -0.5, 0.25)  # exact in float32, so that masks and elections have nothing to round
SCALE = 0.8


@pytest.fixture(scope="module")
def arena(network) -> Arena:
    return network.arena()


def real(arena: Arena, flat: Tensor) -> Tensor:
    """Merged weights without the padding, (P,) float64."""
    return torch.cat([flat[slot.start : slot.stop] for slot in arena.layout.slots]).double()


def lengths(arena: Arena) -> list[int]:
    return [slot.stop - slot.start for slot in arena.layout.slots]


def weighted(arena: Arena, count: int = 4) -> Tensor:
    vectors = [real(arena, expert.vector) for expert in arena.experts.values()]
    return torch.stack([w * v for w, v in zip(WEIGHTS[:count], vectors, strict=False)])


def recipe(arena: Arena, method: str, count: int = 4, masks: MaskChoice | None = None, **settings) -> MergeRecipe:
    faders = tuple(zip(arena.tasks, WEIGHTS[:count], strict=False))
    return MergeRecipe(method, faders, SCALE, tuple(settings.items()), masks or MaskChoice())


def assert_merges_to(arena: Arena, asked: MergeRecipe, expected: Tensor) -> None:
    """Every lane within (K + 4) u (|base| + sum of |terms|): K + 2 of the sum, 2 of the rounded coefficients."""
    base = real(arena, arena.base)
    error = (real(arena, arena.merge(asked).flat) - base - SCALE * expected).abs()
    size = base.abs() + weighted(arena).abs().sum(0) + expected.abs()
    assert bool((error <= 8 * U * size + 2e-45).all()), f"worst lane {(error / size.clamp(min=1e-30)).max() / U:.1f} u"


def test_task_arithmetic_is_the_weighted_sum(arena):
    assert_merges_to(arena, recipe(arena, "task_arithmetic"), reference.task_arithmetic(weighted(arena)))


def test_average_divides_by_the_sum_of_faders(arena):
    assert_merges_to(arena, recipe(arena, "average"), reference.average(weighted(arena), WEIGHTS))


@pytest.mark.parametrize("aggregate", ["mean", "sum", "max"])
@pytest.mark.parametrize("density", [0.05, 0.2, 0.9, 1.0])
def test_ties_trims_over_the_whole_vector(arena, density, aggregate):
    expected = reference.ties(weighted(arena), density, aggregate)
    assert_merges_to(arena, recipe(arena, "ties", density=density, aggregate=aggregate), expected)


def test_ties_by_weight_divides_by_the_faders_that_agree(arena):
    trimmed = reference.trim_each(weighted(arena), 0.5)
    expected = reference.merge_agreeing(trimmed, "weighted", WEIGHTS)
    assert_merges_to(arena, recipe(arena, "ties", density=0.5, aggregate="weighted"), expected)


@pytest.mark.parametrize("density", [0.1, 0.5])
def test_ties_trims_each_tensor(arena, density):
    expected = reference.ties(weighted(arena), density, "mean", lengths(arena))
    assert_merges_to(arena, recipe(arena, "ties", density=density, scope="tensor"), expected)


def test_slerp_takes_the_arc_of_each_tensor(pair):
    arena = pair.arena()
    signed = torch.stack([real(arena, expert.vector) for expert in arena.experts.values()])
    expected = reference.slerp(signed, WEIGHTS[:2], lengths(arena))
    error = real(arena, arena.merge(recipe(arena, "slerp", 2)).flat) - real(arena, arena.base) - SCALE * expected
    assert float(error.abs().max()) < 1e-7


def test_slerp_of_whole_networks_is_near_the_chord(pair):
    arena = pair.arena()
    base = real(arena, arena.base)
    members = [base + real(arena, expert.vector) for expert in arena.experts.values()]
    expected = reference.slerp(torch.stack(members), WEIGHTS[:2], lengths(arena)) - base
    error = real(arena, arena.merge(recipe(arena, "slerp", 2, space="weights")).flat) - base - SCALE * expected
    assert float(error.abs().max()) < 2e-7


@pytest.mark.parametrize("compare", ["gt", "ge"])
@pytest.mark.parametrize("vector", ["sum", "ties"])
@pytest.mark.parametrize("threshold", [0.25, 0.5, 1.0, 2.0])
def test_tall_mask_of_one_task(arena, threshold, vector, compare):
    task = arena.tasks[1]
    masks = MaskChoice("task", (task,), tuple((task, threshold) for task in arena.tasks), compare=compare)
    merged = merged_vector(arena, vector)
    expected = merged * reference.tall_mask(weighted(arena)[1], merged, threshold, compare)
    assert_merges_to(arena, recipe(arena, "tall_masks", masks=masks, vector=vector), expected)


@pytest.mark.parametrize("chosen", [(0, 1), (1, 2, 3), ()])
def test_tall_union_keeps_what_any_chosen_task_uses(arena, chosen):
    tasks = tuple(arena.tasks[place] for place in chosen)
    masks = MaskChoice("union", tasks, tuple((task, 0.5) for task in arena.tasks))
    merged = merged_vector(arena, "sum")
    keeps = reference.tall_masks(weighted(arena), merged, 0.5)[list(chosen) or slice(None)]
    assert_merges_to(arena, recipe(arena, "tall_masks", masks=masks), merged * keeps.any(0))


@pytest.mark.parametrize("vector", ["sum", "ties"])
@pytest.mark.parametrize("votes", [0, 1, 2, 3, 4, 5])
def test_consensus_keeps_what_k_tasks_use(arena, votes, vector):
    masks = MaskChoice("consensus", thresholds=tuple((task, 0.5) for task in arena.tasks), votes=votes)
    merged = merged_vector(arena, vector)
    keep = reference.tall_masks(weighted(arena), merged, 0.5).sum(0) >= votes
    assert_merges_to(arena, recipe(arena, "consensus", masks=masks, vector=vector), merged * keep)


@pytest.mark.parametrize("place", range(4))
def test_emr_rescales_the_part_of_a_task(arena, place):
    masks = MaskChoice("task", (arena.tasks[place],))
    assert_merges_to(arena, recipe(arena, "emr", masks=masks), reference.emr(weighted(arena), place))


def test_muted_task_stays_in_a_frozen_vector_and_leaves_a_rebuilt_one(arena):
    thresholds = tuple((task, 0.5) for task in arena.tasks)
    masks = MaskChoice("union", thresholds=thresholds)
    asked = replace(recipe(arena, "tall_masks", masks=masks), muted=(arena.tasks[0],))
    vectors, merged = weighted(arena), merged_vector(arena, "sum")
    assert_merges_to(arena, asked, merged * reference.tall_masks(vectors, merged, 0.5)[1:].any(0))
    rest = vectors[1:].sum(0)
    rebuilt = replace(asked, masks=replace(masks, on_mute="rebuild"))
    assert_merges_to(arena, rebuilt, rest * reference.tall_masks(vectors[1:], rest, 0.5).any(0))


def merged_vector(arena: Arena, vector: str) -> Tensor:
    vectors = weighted(arena)
    return vectors.sum(0) if vector == "sum" else reference.ties(vectors, 0.2, "sum")
