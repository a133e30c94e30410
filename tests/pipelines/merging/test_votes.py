"""Votes and planes that merges leave behind change how long a merge takes, and no bit of it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch

from pipelines.merging.arena import Arena
from pipelines.merging.layout import same_bits
from pipelines.merging.planes import threshold_at
from pipelines.merging.recipe import BlockRule, MaskChoice, MergeRecipe

WEIGHTS = (1.0, 0.7, -0.4, 0.3)


@pytest.fixture(params=["eager", "native"])
def engine(request):
    if request.param == "eager":
        return lambda: None
    from pipelines.merging.native import ENGINE

    if ENGINE.wait() is None:
        pytest.skip("no C compiler here: the native engine is missing")
    return ENGINE.kernels


@pytest.fixture
def arena(network, engine) -> Arena:
    return network.arena(engine=engine, tile_size=1024)


def recipe(arena: Arena, method: str = "consensus", limit: float = 0.4, **choice) -> MergeRecipe:
    mode = "union" if method == "tall_masks" else "consensus"
    masks = MaskChoice(mode, thresholds=tuple((task, limit) for task in arena.tasks), **choice)
    return MergeRecipe(method, tuple(zip(arena.tasks, WEIGHTS, strict=True)), 0.8, masks=masks)


def fresh(network, asked: MergeRecipe):
    """The same merge where nothing is remembered, with tensor operations."""
    return network.arena(engine=lambda: None).merge(asked).flat


def kinds(arena: Arena) -> set[str]:
    return {key[0] for key in arena.store._tensors}


@pytest.mark.parametrize("vector", ["sum", "ties"])
def test_second_k_is_taken_from_the_remembered_count(arena, network, vector):
    for votes in (2, 3, 1, 0, 4, 5):
        asked = replace(recipe(arena, votes=votes), settings=(("vector", vector),))
        assert same_bits(arena.merge(asked).flat, fresh(network, asked)), votes
    assert kinds(arena) == {"merged", "votes"}


@pytest.mark.parametrize("compare", ["gt", "ge"])
@pytest.mark.parametrize("method", ["tall_masks", "consensus"])
def test_moving_lambda_is_taken_from_planes_at_every_stop(arena, network, method, compare):
    for limit in (0.4, 0.5):
        arena.merge(recipe(arena, method, limit, compare=compare))
    arena.store.wait()
    assert kinds(arena) == {"merged", "plane"}
    for stop in range(0, 255, 3):
        asked = recipe(arena, method, threshold_at(stop), compare=compare)
        assert same_bits(arena.merge(asked).flat, fresh(network, asked)), stop


def test_planes_at_different_lambdas_for_each_task(arena, network):
    for limits in ((0.4, 0.4, 0.4, 0.4), (0.1, 0.2, 1.0, 2.0), (0.33, 0.0, 2.55, 0.5)):
        masks = MaskChoice("consensus", thresholds=tuple(zip(arena.tasks, limits, strict=True)))
        asked = replace(recipe(arena), masks=masks)
        assert same_bits(arena.merge(asked).flat, fresh(network, asked))
        arena.store.wait()


def test_lambda_between_stops_is_compared_exactly(arena, network):
    for limit in (0.4, 0.5, 0.405, 0.4000001):
        asked = recipe(arena, limit=limit)
        assert same_bits(arena.merge(asked).flat, fresh(network, asked))
        arena.store.wait()


def test_any_walk_over_faders_masks_and_blocks_commits_the_same_bits(arena, network):
    draw = random.Random(0)
    for _ in range(60):
        asked = recipe(
            arena,
            draw.choice(["tall_masks", "consensus"]),
            draw.choice([0.3, 0.4, 0.5, 0.333]),
            votes=draw.choice([1, 2, 3]),
            compare=draw.choice(["gt", "ge"]),
            tasks=draw.choice([(), arena.tasks[:2]]),
        )
        asked = asked.with_coefficient(arena.tasks[0], draw.choice([1.0, 0.5, 0.0]))
        rules = draw.choice([(), (BlockRule("stem.*", -0.5),), (BlockRule("head.*", 0.5, arena.tasks[1]),)])
        muted = draw.choice([(), (), arena.tasks[2:3]])
        asked = replace(asked, blocks=rules, muted=muted, scale=draw.choice([0.5, 1.0]))
        for _ in range(draw.choice([1, 2, 3])):
            assert same_bits(arena.merge(asked).flat, fresh(network, asked)), asked


def test_scale_moves_over_the_remembered_count(arena, network):
    for scale in (0.3, 0.4, 0.5):
        asked = replace(recipe(arena), scale=scale)
        assert same_bits(arena.merge(asked).flat, fresh(network, asked))
    assert len(arena.store._tensors) == 2


def test_negative_zeros_of_the_base_stay_where_the_mask_drops(engine):
    import torch

    base = torch.full((100,), -0.0)
    vectors = torch.randn(2, 100, generator=torch.Generator().manual_seed(0))
    arena = Arena.from_checkpoints({"w": base}, {f"t{i}": {"w": v} for i, v in enumerate(vectors)}, engine=engine)
    masks = MaskChoice("consensus", votes=3)
    asked = MergeRecipe("consensus", (("t0", 1.0), ("t1", 0.5)), 0.8, masks=masks)
    for _ in range(3):
        assert same_bits(arena.views(arena.merge(asked).flat)["w"], base)


@pytest.mark.parametrize("walk", [("gt", "ge"), ("ge", "gt")])
def test_planes_of_one_comparison_do_not_serve_the_other(walk):
    # own = 2, others = 4: at lambda 0.5 sides are equal, "ge" keeps and "gt" drops
    experts = {name: {"w": torch.full((3,), value)} for name, value in (("a", 2.0), ("b", 4.0))}
    arena = Arena.from_checkpoints({"w": torch.zeros(3)}, experts)
    kept = {}
    for compare in walk:
        for limit in (0.4, 0.6, 0.5):
            masks = MaskChoice("task", tasks=("a",), thresholds=(("a", limit),), compare=compare)
            merged = arena.merge(MergeRecipe("tall_masks", (("a", 1.0), ("b", 1.0)), masks=masks))
            arena.store.wait()
        kept[compare] = float(arena.views(merged.flat)["w"][0])
    assert kept == {"ge": 6.0, "gt": 0.0}
