"""Bytes that merges say they moved: of each element, two for base and live buffer, and what a method reads beside."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from pipelines.merging.arena import Arena
from pipelines.merging.recipe import BlockRule, MaskChoice, MergeRecipe

COUNT = 8
TASKS = tuple(f"t{place}" for place in range(COUNT))
ENDS = 4 + 4  # base and live buffer


def arena_of(count: int = COUNT, is_compact: bool = False) -> Arena:
    """Without padding, vectors without ties."""
    weights = 0.1 * torch.randn(count + 1, 128, 128, generator=torch.Generator().manual_seed(0))
    experts = {task: {"w": weights[0] + tau} for task, tau in zip(TASKS, weights[1:], strict=False)}
    return Arena.from_checkpoints({"w": weights[0]}, experts, is_compact=is_compact)


def recipe(method: str, count: int = COUNT, masks: MaskChoice | None = None, **settings: Any) -> MergeRecipe:
    faders = tuple((task, 0.5 + place / 10) for place, task in enumerate(TASKS[:count]))
    return MergeRecipe(method, faders, 0.3, tuple(settings.items()), masks or MaskChoice())


def each(arena: Arena, asked: MergeRecipe) -> float:
    """Bytes of an element."""
    return arena.merge(asked).bytes_moved / arena.layout.length


def test_vectors_count_as_they_are_stored() -> None:
    assert each(arena_of(), recipe("task_arithmetic")) == ENDS + 4 * COUNT
    assert each(arena_of(is_compact=True), recipe("task_arithmetic")) == ENDS + 2 * COUNT


def test_vectors_count_where_they_are_raised() -> None:
    asked = recipe("task_arithmetic")
    assert each(arena_of(), asked.with_coefficient("t0", 0.0)) == ENDS + 4 * (COUNT - 1)
    assert each(arena_of(), replace(asked, blocks=(BlockRule("w", 0.0),))) == ENDS
    assert each(arena_of(), replace(asked, blocks=(BlockRule("w", 0.0, "t1"),))) == ENDS + 4 * (COUNT - 1)


def test_base_and_whole_expert_are_copies() -> None:
    assert each(arena_of(), MergeRecipe()) == ENDS
    assert each(arena_of(), MergeRecipe("task_arithmetic", (("t1", 1.0),), 1.0)) == ENDS + 4


def test_votes_that_are_remembered_are_read_instead_of_vectors() -> None:
    arena = arena_of()
    votes = [each(arena, recipe("consensus", masks=MaskChoice("consensus", votes=k))) for k in (2, 3, 1)]
    assert votes[0] >= ENDS + 4 * COUNT
    assert votes[1] == 13 + (4 * COUNT + 4) + (4 * COUNT + 4 + 1)  # both are made: merged vector, then votes
    assert votes[2] == 4 + 4 + 1 + 4


def test_planes_are_read_instead_of_vectors() -> None:
    arena = arena_of()
    for limit in (0.4, 0.5, 0.6):
        masks = MaskChoice("consensus", thresholds=tuple((task, limit) for task in TASKS))
        last = each(arena, recipe("consensus", masks=masks))
        arena.store.wait()
    assert last == 12 + COUNT


@pytest.mark.parametrize(
    ("method", "count", "first", "later"),
    [
        ("ties", COUNT, 2 * 4 * COUNT, 0),  # histogram and sizes, kept afterwards
        ("breadcrumbs", COUNT, 4 * COUNT, 0),
        ("della", COUNT, 4 * COUNT + 2 * COUNT, COUNT),  # ranks are a byte
        ("slerp", 2, 8, 8),
        ("nuslerp", 2, 8, 8),
        ("karcher", 3, 12, 12),
        ("sce", 3, 12, 12),
        ("near_swap", 2, 0, 0),
    ],
)
def test_passes_besides_the_one_that_writes_count(method: str, count: int, first: int, later: int) -> None:
    arena = arena_of(count)
    for extra in (first, later):
        assert each(arena, recipe(method, count)) == ENDS + 4 * count + extra


def test_a_mask_of_emr_takes_a_pass_for_its_rescaler() -> None:
    for masks, extra in ((MaskChoice(), 0), (MaskChoice("task", ("t1",)), 4 * COUNT)):
        assert each(arena_of(), recipe("emr", masks=masks)) == ENDS + 4 * COUNT + extra


def test_a_vector_that_is_kept_is_read_instead_of_the_experts() -> None:
    arena = arena_of()
    assert each(arena, recipe("iso")) == ENDS + 4 + (4 * COUNT + 4)
    assert each(arena, replace(recipe("iso"), scale=0.7)) == ENDS + 4


def test_votes_that_cancel_may_take_a_second_pass() -> None:
    ones = torch.ones(128, 128)
    rest = torch.zeros(128, 128)
    rest[:64] = -3.0  # the commonest sign; below it +1 and -1 cancel
    arena = Arena.from_checkpoints({"w": 0 * ones}, {"up": {"w": ones}, "down": {"w": rest - ones}})
    found = each(arena, MergeRecipe("ties", (("up", 1.0), ("down", 1.0)), 0.3, (("density", 1.0),)))
    assert found == 2 * (ENDS + 8)
