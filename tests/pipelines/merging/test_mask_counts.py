"""Masks counted tensor by tensor, against masks laid out by hand."""

from __future__ import annotations

import pytest
import torch

from pipelines.merging.arena import Arena
from pipelines.merging.errors import MergeError
from pipelines.merging.mask_counts import MASKING, count, counts_by_tensor, total
from pipelines.merging.recipe import MergeRecipe

ACTIVE = torch.tensor([1, 1, 1, 1, 0]).bool()
MASKS = {"a": torch.tensor([1, 1, 0, 0, 1]), "b": torch.tensor([1, 0, 1, 0, 1])}


def test_counts_are_those_of_the_active_weights() -> None:
    found = count(("a", "b"), ACTIVE, MASKS)
    assert (found.weights, found.active, found.kept.tolist()) == (5, 4, [2, 2])
    assert found.pairs.tolist() == [[2, 1], [1, 2]] and found.votes.tolist() == [1, 2, 1]
    assert found.density() == {"a": 0.4, "b": 0.4} and found.histogram() == (0.2, 0.4, 0.2)
    assert found.intersections()["a", "b"] == pytest.approx(1 / 3)


def test_a_task_without_a_mask_keeps_nothing_and_empty_masks_share_nothing() -> None:
    found = count(("a", "c"), ACTIVE, {"a": MASKS["a"]})
    assert found.kept.tolist() == [2, 0] and found.intersections()["c", "c"] == 0


def test_sums_of_tensors_are_counts_of_the_whole() -> None:
    one = count(("a", "b"), ACTIVE, MASKS)
    both = total(("a", "b"), (one, one))
    assert both.weights == 10 and both.votes.tolist() == [2, 4, 2] and both.density() == one.density()
    assert total(("a", "b"), ()).weights == 0


@pytest.mark.parametrize("method", MASKING)
def test_every_method_with_masks_is_counted_as_it_reports(method: str) -> None:
    generator = torch.Generator().manual_seed(0)
    base = {"x": torch.randn(40, generator=generator), "y": torch.randn(3, 11, generator=generator)}
    experts = {name: {key: value + torch.randn(value.shape, generator=generator) for key, value in base.items()}
               for name in "abc"}  # fmt: skip
    arena = Arena.from_checkpoints(base, experts)
    recipe = MergeRecipe(method, tuple((name, 1.0) for name in "abc"))
    found = dict(counts_by_tensor(arena.mixture(recipe), recipe))
    assert [one.weights for one in found.values()] == [40, 33]
    whole, report = total(("a", "b", "c"), found.values()), arena.mask_report(recipe)
    assert whole.density() == pytest.approx(dict(report.density))
    assert whole.histogram()[1] == pytest.approx(report.selfish)


def test_a_method_without_masks_is_refused() -> None:
    base = {"x": torch.zeros(4)}
    arena = Arena.from_checkpoints(base, {"a": {"x": torch.ones(4)}})
    recipe = MergeRecipe("ties", (("a", 1.0),))
    with pytest.raises(MergeError, match='"ties" lays no masks'):
        list(counts_by_tensor(arena.mixture(recipe), recipe))
