"""What masks and vectors look like: shares by hand, by depth and by kind."""

from __future__ import annotations

import pytest
import torch

from pipelines.lab.statistics import (
    depth_groups,
    mask_statistics,
    sign_conflicts,
    swallowed,
    vectors_by_block,
)
from pipelines.lab.trial import Trial
from pipelines.merging.arena import Arena

# Two tasks over six weights of two layers: the columns are shared, opposed, one's own twice, nobody's.
ONE = {"layers.0.fc1.weight": torch.tensor([[1.0, 1.0, 1.0]]), "layers.1.norm.weight": torch.tensor([0.0, 1.0, 0.0])}
TWO = {"layers.0.fc1.weight": torch.tensor([[1.0, -1.0, 0.0]]), "layers.1.norm.weight": torch.tensor([1.0, 0.0, 0.0])}
BASE = {key: torch.full_like(value, 4.0) for key, value in ONE.items()}


@pytest.fixture
def small() -> Arena:
    experts = {name: {key: BASE[key] + vector[key] for key in BASE} for name, vector in (("one", ONE), ("two", TWO))}
    return Arena.from_checkpoints(BASE, experts)


def test_shares_are_those_counted_by_hand(small: Arena) -> None:
    found = mask_statistics(small, ("one", "two"), threshold=0.5)
    # Sum: 2, 0, 1 | 1, 1, 0. Both keep the first, each keeps its own; the opposed and the last are inactive.
    assert found.whole.weights == 6 and found.inactive == pytest.approx(2 / 6)
    assert found.whole.histogram() == pytest.approx((0, 3 / 6, 1 / 6))
    assert found.whole.density() == pytest.approx({"one": 3 / 6, "two": 2 / 6})
    assert found.whole.intersections()["one", "two"] == pytest.approx(1 / 4)


def test_groups_sum_to_the_whole_and_stand_in_order_of_depth(small: Arena) -> None:
    found = mask_statistics(small, ("one", "two"), blocks=(("last", "layers.1.*"), ("first", "layers.0.*")))
    assert list(found.by_depth) == ["last", "first"] and list(found.by_kind) == ["norm", "mlp"]
    for groups in (found.by_depth, found.by_kind):
        assert sum(counts.weights for counts in groups.values()) == found.whole.weights
        assert torch.equal(sum(counts.votes for counts in groups.values()), found.whole.votes)


def test_layers_without_blocks_are_counted_by_their_numbers(small: Arena) -> None:
    assert list(mask_statistics(small, ("one", "two")).by_depth) == ["layers.0", "layers.1"]
    keys = [f"layers.{number}.weight" for number in range(30)]
    assert set(depth_groups(keys).values()) == {"layers"}


def test_opposite_signs_are_counted_among_the_largest_of_both(small: Arena) -> None:
    assert sign_conflicts(small, ("one", "two"), density=1.0)["one", "two"] == pytest.approx(1 / 2)
    assert sign_conflicts(small, ("one", "two"), density=1.0)["one", "one"] == 0


def test_what_half_precision_loses_is_counted_among_the_moved(trial: Trial) -> None:
    base = {"w": torch.full((4,), 1.0)}
    arena = Arena.from_checkpoints(base, {"a": {"w": torch.tensor([1.0, 1.5, 1.0 + 2**-12, 2.0])}})
    assert swallowed(arena, "a") == pytest.approx(1 / 3)
    assert swallowed(arena, "a", slice(0, 3)) == pytest.approx(1 / 2)


def test_angles_ratios_and_losses_are_told_by_block(small: Arena) -> None:
    found = vectors_by_block(small, ("one", "two"), (("last", "layers.1.*"), ("first", "layers.0.*")))
    assert list(found) == ["last", "first"]
    # (1, 1, 1) and (1, -1, 0) stand at right angles, and so do (0, 1, 0) and (1, 0, 0): Model Stock gives the base.
    assert all((one.angle, one.stock, one.swallowed) == (pytest.approx(1.0), 0.0, 0.0) for one in found.values())
    assert list(vectors_by_block(small, ("one",))) == ["layers.0", "layers.1"]
    assert vectors_by_block(small, ("one",))["layers.0"].angle == 0


def test_a_block_is_the_mean_of_its_tensors_by_size() -> None:
    base = {"a.w": torch.full((3,), 1.0), "a.b": torch.full((1,), 1.0)}
    step = {"a.w": torch.tensor([2**-12, 0.5, 0.0]), "a.b": torch.tensor([1.0])}
    one = {key: base[key] + step[key] for key in base}
    arena = Arena.from_checkpoints(base, {"one": one, "two": {"a.w": one["a.w"], "a.b": torch.zeros(1)}})
    found = vectors_by_block(arena, ("one", "two"))["a"]
    # Alike in three weights (t = 1, half of the moved is lost), opposed in one (t = 0, nothing is lost).
    assert (found.angle, found.stock, found.swallowed) == pytest.approx((2 / 4, 3 / 4, 3 / 8), abs=1e-6)
