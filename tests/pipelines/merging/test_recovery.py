"""How near a masked mix comes to an expert, worked by hand."""

from __future__ import annotations

import pytest

from pipelines.merging import recovery
from pipelines.merging.recipe import MaskChoice, MergeRecipe
from pipelines.merging.recovery import Recovery, recoveries

FADERS = (("task0", 1.0), ("task1", 1.0))
VECTORS = ([1.0, -1.0, 2.0, 0.0], [1.0, 2.0, -1.0, 3.0])  # their sum is 2, 1, 1, 3


def found(flat_arena, limit=0.2, scale=1.0, method="tall_masks", **choice):
    arena = flat_arena([0.5] * 4, *VECTORS)
    masks = MaskChoice(thresholds=tuple((task, limit) for task, _ in FADERS), **choice)
    recipe = MergeRecipe(method, FADERS, scale, masks=masks)
    return recoveries(arena.mixture(recipe), recipe)


@pytest.mark.parametrize(
    ("limit", "scale", "told"),
    [
        (0.2, 1.0, Recovery(1.0, 1 / 3)),  # kept 2, 1, 1: away by 1, 2, 1 of 4; the second against -1
        (0.2, 0.5, Recovery(0.75, 1 / 3)),
        (1.0, 1.0, Recovery(0.75, 0.0)),  # kept the third alone
    ],
)
def test_one_task_s_mask_by_hand(flat_arena, limit, scale, told):
    assert found(flat_arena, limit, scale, mode="task", tasks=("task0",)) == {"task0": told}


def test_consensus_is_held_against_every_expert(flat_arena):
    told = found(flat_arena, method="consensus", mode="consensus", votes=2)  # both keep 2, 1, 1
    assert told == {"task0": Recovery(1.0, 1 / 3), "task1": Recovery((1 + 1 + 2 + 3) / 7, 1 / 3)}


def test_nothing_is_told_without_a_mask_or_of_too_many_weights(flat_arena, monkeypatch):
    assert found(flat_arena, mode="off") == {}
    monkeypatch.setattr(recovery, "MOST_READ", 1000)
    assert found(flat_arena, mode="task", tasks=("task0",)) == {}
