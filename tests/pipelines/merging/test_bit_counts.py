"""Masks as bits: the same masks and the same counts as weight by weight."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pipelines.merging.arena import Arena
from pipelines.merging.bit_counts import bits_of, ones, packed, stored_bits, votes_of
from pipelines.merging.mask_counts import counts_by_tensor
from pipelines.merging.recipe import BlockRule, MaskChoice, MergeRecipe

TASKS = tuple("abcdefghi")


def spread(words: torch.Tensor) -> torch.Tensor:
    """Words -> one bool a weight, bit by bit."""
    return torch.stack([(words >> place & 1).bool() for place in range(64)], dim=1).reshape(-1)


def some_words(count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    found = [torch.randint(-(2**63), 2**63 - 1, (40,), generator=generator) for _ in range(count)]
    found[0][:3] = torch.tensor([0, -1, -(2**63)])
    return found


@pytest.mark.parametrize("engine", ["tensors", "native"])
@pytest.mark.parametrize("level", [1, 2, 128, 254, 255])
def test_bits_are_where_the_plane_reaches_its_level(level: int, engine: str, request: pytest.FixtureRequest) -> None:
    kernels = request.getfixturevalue("native_kernels") if engine == "native" else None
    plane = torch.randint(0, 256, (64 * 41,), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    plane[:256] = torch.arange(256)
    assert torch.equal(spread(bits_of(plane, level, kernels)), plane >= level)


def test_planes_of_several_pieces_are_packed_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.merging.bit_counts.PIECE", 128)
    plane = torch.arange(64 * 5, dtype=torch.int64).to(torch.uint8)
    assert torch.equal(spread(bits_of(plane, 100, None)), plane >= 100)


def test_set_bits_are_counted_in_words_of_either_sign() -> None:
    (words,) = some_words(1)
    assert ones(words) == int(spread(words).sum()) and ones(torch.tensor([-1, 0, 1])) == 65
    assert ones(words[:0]) == 0
    assert torch.equal(packed(spread(words)), words)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 8, 9])
def test_votes_are_those_of_counting_weight_by_weight(count: int) -> None:
    active, *masks = some_words(1 + count)
    sums = sum((spread(mask).long() for mask in masks), torch.zeros(64 * 40, dtype=torch.int64))
    wanted = torch.bincount(sums[spread(active)], minlength=count + 1)
    assert votes_of(active, masks).tolist() == wanted.tolist()


@pytest.mark.parametrize("vector", ["sum", "ties"])
@pytest.mark.parametrize("compare", ["gt", "ge"])
@pytest.mark.parametrize("count", [2, 9])
def test_counts_of_moving_lambdas_are_those_of_a_family_without_memory(count: int, compare: str, vector: str) -> None:
    arena, fresh = family(count), family(count)
    for place, limit in enumerate((0.3, 0.41, 0.5, 0.77)):
        asked = recipe(count, compare, vector, limit)
        arena.merge(asked)
        arena.store.wait()
        has_bits = stored_bits(replace(arena.mixture(asked), selected=arena.tasks), vector) is not None
        assert has_bits == (place > 0), "the short way is not tried"
        wanted = dict(counts_by_tensor(fresh.mixture(asked), asked))
        found = dict(counts_by_tensor(arena.mixture(asked), asked))
        assert list(found) == list(wanted) and all(told(found[key]) == told(wanted[key]) for key in wanted)


def told(counts) -> tuple:
    return (counts.tasks, counts.weights, counts.active, counts.kept.tolist(), counts.pairs.tolist(),
            counts.votes.tolist())  # fmt: skip


def family(count: int) -> Arena:
    """Tensors of odd sizes; weights that nobody moved, and ties."""
    generator = torch.Generator().manual_seed(0)
    base = {"x": torch.randn(70, generator=generator), "y": torch.randn(3, 11, generator=generator)}
    experts = {}
    for task in TASKS[:count]:
        moves = {key: torch.randint(-4, 5, value.shape, generator=generator) / 8 for key, value in base.items()}
        experts[task] = {key: value + moves[key] for key, value in base.items()}
        experts[task]["x"][:9] = base["x"][:9]
    return Arena.from_checkpoints(base, experts, engine=lambda: None)


def recipe(count: int, compare: str, vector: str, limit: float) -> MergeRecipe:
    tasks = TASKS[:count]
    faders = tuple((task, (-1) ** place * (0.5 + place / 20)) for place, task in enumerate(tasks))
    masks = MaskChoice("consensus", thresholds=tuple((task, limit) for task in tasks), compare=compare)
    rules = (BlockRule("y", 0.0, expert="a"),)
    return MergeRecipe("consensus", faders, 0.8, (("vector", vector),), masks, rules)
