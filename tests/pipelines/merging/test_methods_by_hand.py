"""Vectors of four numbers, every step written out, and the oracles that catch most wrong implementations."""

from __future__ import annotations

import pytest
import torch

from pipelines.merging.errors import MergeError
from pipelines.merging.recipe import DensityRule, MaskChoice, MergeRecipe

ZERO = [0.0, 0.0, 0.0, 0.0]


def change(
    arena, method: str, *heights: float, scale: float = 1.0, masks: MaskChoice | None = None, densities=(), **settings
):
    """Merged minus base of a one-tensor arena, as a list."""
    faders = tuple(zip(arena.tasks, heights, strict=True))
    recipe = MergeRecipe(method, faders, scale, tuple(settings.items()), masks or MaskChoice(), densities=densities)
    merged = arena.views(arena.merge(recipe).flat)["w"]
    return (merged - arena.base[: merged.numel()]).tolist()


def tall(*tasks: str, value: float = 0.5, compare: str = "gt", mode: str = "task") -> MaskChoice:
    return MaskChoice(mode, tasks, tuple((task, value) for task in tasks), compare=compare)


def test_task_arithmetic_by_hand(flat_arena):
    arena = flat_arena(ZERO, [1, 2, 0, -4], [1, -2, 8, 0])
    assert change(arena, "task_arithmetic", 1.0, -0.5, scale=2.0) == [1, 6, -8, -8]


def test_average_by_hand(flat_arena):
    arena = flat_arena(ZERO, [1, 2, 0, -4], [1, -2, 8, 0])
    assert change(arena, "average", 1.0, 1.0) == [1, 0, 4, -2]
    assert change(arena, "average", 0.25, 0.25) == [1, 0, 4, -2]
    assert change(arena, "average", 1.0, -1.0) == [0, 2, -4, -2]  # (v0 - v1) / 2


def test_identical_experts_at_one_half_are_that_expert(flat_arena):
    arena = flat_arena([1, 2, 3, 4], [1, 2, 0, -4], [1, 2, 0, -4])
    assert change(arena, "task_arithmetic", 0.5, 0.5) == [1, 2, 0, -4]


def test_ties_by_hand(flat_arena):
    # trimmed to 2 of 4: [3, 0, 0, -4], [2, 0, -5, 0], [0, 1.5, 0, 2]; sums 5, 1.5, -5, -2; elected + + - -
    arena = flat_arena(ZERO, [3, 1, 0, -4], [2, -1, -5, 1], [1, 1.5, 0, 2])
    assert change(arena, "ties", 1, 1, 1, density=0.5) == [2.5, 1.5, -5, -4]
    assert change(arena, "ties", 1, 1, 1, density=0.5, aggregate="sum") == [5, 1.5, -5, -4]
    assert change(arena, "ties", 1, 1, 1, density=0.5, aggregate="max") == [3, 1.5, -5, -4]
    # weighted: [1.5, 0, 0, -2], [3, 0, -7.5, 0], [0, 0.75, 0, 1]; the first is (1.5 + 3) / (0.5 + 1.5)
    assert change(arena, "ties", 0.5, 1.5, 0.5, density=0.5, aggregate="weighted") == [2.25, 1.5, -5, -4]
    crumbs = {"density": 0.5, "gamma": 0, "combine": "ties_weighted"}
    assert change(arena, "breadcrumbs", 0.5, 1.5, 0.5, **crumbs) == [2.25, 1.5, -5, -4]


def test_ties_negative_fader_votes_for_the_opposite(flat_arena):
    # weighted: [3, 1, 0, -4], [-2, -3, 4, 0]; sums 1, -2, 4, -4
    arena = flat_arena(ZERO, [3, 1, 0, -4], [2, 3, -4, 0])
    assert change(arena, "ties", 1, -1, density=1.0) == [3, -3, 4, -4]


def test_ties_opposite_experts_fall_to_plus(flat_arena):
    arena = flat_arena(ZERO, [1, -2, 3, 0], [-1, 2, -3, 0])
    assert change(arena, "ties", 1, 1, density=1.0) == [1, 2, 3, 0]


def test_ties_cancelled_vote_takes_the_commonest_sign(flat_arena):
    # sums 0, -4, -6, 1: two minus, one plus, so the first entry is decided to minus
    arena = flat_arena(ZERO, [1, -2, -3, 1], [-1, -2, -3, 0])
    assert change(arena, "ties", 1, 1, density=1.0) == [-1, -2, -3, 1]


def test_dare_shares_the_election_and_the_commonest_sign(flat_arena):
    arena = flat_arena(ZERO, [1, -2, -3, 1], [-1, -2, -3, 0])  # the same votes, nothing dropped
    assert change(arena, "dare", 1, 1, density=1.0, combine="ties") == [-1, -2, -3, 1]


def test_ties_keeps_all_that_equal_the_last_one_kept(flat_arena):
    arena = flat_arena(ZERO, [2, -2, 2, 1], [0, 0, 0, 8])
    assert change(arena, "ties", 1, 0, density=0.25) == [2, -2, 2, 0]


def own(*densities: float) -> tuple[DensityRule, ...]:
    return tuple(DensityRule("w", f"task{place}", density) for place, density in enumerate(densities))


def test_densities_by_expert(flat_arena):
    # a quarter of [3, 1, 0, -4] and a half of [2, -1, -5, 1]: [0, 0, 0, -4], [2, 0, -5, 0]; then the other way round
    arena = flat_arena(ZERO, [3, 1, 0, -4], [2, -1, -5, 1])
    for method, settings in (("ties", {"scope": "tensor"}), ("breadcrumbs", {"gamma": 0.0})):
        assert change(arena, method, 1, 1, densities=own(0.25, 0.5), density=1.0, **settings) == [2, 0, -5, -4]
        assert change(arena, method, 1, 0, densities=own(0.5, 0.25), density=1.0, **settings) == [3, 0, 0, -4]


@pytest.mark.parametrize(("method", "rescale"), [("dare", "inverse"), ("dare", "l1"), ("della", "inverse")])
def test_what_a_rule_keeps_whole_is_not_drawn(flat_arena, method, rescale):
    arena = flat_arena(ZERO, [3, 1, 0, -4], [2, -1, -5, 1])
    assert change(arena, method, 1, 1, densities=own(1.0, 1.0), density=0.1, rescale=rescale) == [5, 0, -5, -3]
    assert change(arena, method, 1, 0, density=0.1, rescale=rescale) != [3, 1, 0, -4]


def test_densities_are_refused_where_there_is_one_for_all(flat_arena):
    arena = flat_arena(ZERO, [3, 1, 0, -4], [2, -1, -5, 1])
    for method in ("ties", "sce", "task_arithmetic"):
        with pytest.raises(MergeError, match="has no densities by expert"):
            change(arena, method, 1, 1, densities=own(0.5))
    with pytest.raises(MergeError, match=r"density of \"task0\" in \"w\" is 2"):
        change(arena, "dare", 1, 1, densities=own(2.0))


def test_slerp_of_right_angles_has_both_shares_root_half(flat_arena):
    arena = flat_arena(ZERO, [1, 0, 0, 0], [0, 1, 0, 0])
    assert change(arena, "slerp", 1, 1) == pytest.approx([0.5**0.5, 0.5**0.5, 0, 0])
    # t = 0.25 / 1: angles 22.5 and 67.5 degrees
    assert change(arena, "slerp", 0.75, 0.25) == pytest.approx([0.92387953, 0.38268343, 0, 0])


def test_slerp_of_equal_vectors_is_that_vector(flat_arena):
    arena = flat_arena(ZERO, [1, 2, 0, -4], [1, 2, 0, -4])
    assert change(arena, "slerp", 0.3, 0.7) == pytest.approx([1, 2, 0, -4])


def test_slerp_refuses_a_third_expert(flat_arena):
    arena = flat_arena(ZERO, [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0])
    with pytest.raises(MergeError, match="SLERP takes at most 2 experts, 3 are raised"):
        change(arena, "slerp", 1, 1, 1)


def test_tall_masks_by_hand(flat_arena):
    # sum [4, 1, -1, 0]; task0 against the others: 4 > 0, 2 > .5, 1 > 1 no, 0 > 0 no
    arena = flat_arena(ZERO, [4, 2, 1, 0], [0, -1, -2, 0])
    assert change(arena, "tall_masks", 1, 1, masks=tall("task0")) == [4, 1, 0, 0]
    assert change(arena, "tall_masks", 1, 1, masks=tall("task0", compare="ge")) == [4, 1, -1, 0]
    assert change(arena, "tall_masks", 1, 1, masks=tall("task1", value=1.0)) == [0, 0, -1, 0]
    assert change(arena, "tall_masks", 1, 1, masks=tall("task0", "task1", mode="union")) == [4, 1, -1, 0]


@pytest.mark.parametrize("value", [0.05, 0.4, 1.0, 100.0])
def test_tall_disjoint_experts_come_back_exactly_at_any_lambda(flat_arena, value):
    arena = flat_arena([1, 2, 3, 4], [4, 2, 0, 0], [0, 0, -2, 1])
    assert change(arena, "tall_masks", 1, 1, masks=tall("task0", value=value)) == [4, 2, 0, 0]
    assert change(arena, "tall_masks", 1, 1, masks=tall("task1", value=value)) == [0, 0, -2, 1]


def test_tall_lambda_zero_is_task_arithmetic_and_not_the_expert(flat_arena):
    arena = flat_arena(ZERO, [4, 2, 1, 0], [1, -1, -2, 3])
    assert change(arena, "tall_masks", 1, 1, masks=tall("task0", value=0.0, compare="ge")) == [5, 1, -1, 3]


def test_tall_three_equal_experts_are_kept_up_to_lambda_one_half(flat_arena):
    arena = flat_arena(ZERO, *[[4, 2, 1, 0]] * 3)
    assert change(arena, "tall_masks", 1, 1, 1, masks=tall("task0", value=0.5, compare="ge")) == [12, 6, 3, 0]
    assert change(arena, "tall_masks", 1, 1, 1, masks=tall("task0", value=0.51, compare="ge")) == ZERO


def test_tall_lambda_one_is_the_nearest_in_l1(network):
    arena = network.arena()
    faders = tuple((task, 1.0) for task in arena.tasks)
    own, merged = arena.experts["task2"].vector, sum(arena.experts[task].vector for task in arena.tasks)
    recipe = MergeRecipe("tall_masks", faders, masks=MaskChoice("task", ("task2",), (("task2", 1.0),)))
    distance = (own - (arena.merge(recipe).flat - arena.base)).abs()
    best = torch.minimum(own.abs(), (own - merged).abs())
    torch.testing.assert_close(distance, best, rtol=0, atol=1e-7)


def test_tall_density_falls_as_lambda_rises(network):
    densities = []
    for value in (0.05, 0.2, 0.4, 0.6, 1.0, 5.0):
        masks = MaskChoice("task", ("task0",), tuple((task, value) for task in network.tasks))
        faders = tuple((task, 1.0) for task in network.tasks)
        densities.append(network.arena().mask_report(MergeRecipe("tall_masks", faders, masks=masks)).density["task0"])
    assert densities == sorted(densities, reverse=True) and densities[0] > densities[-1]


def test_tall_task_mode_wants_one_task(flat_arena):
    arena = flat_arena(ZERO, [1, 0, 0, 0], [0, 1, 0, 0])
    with pytest.raises(MergeError, match="choose one of task0, task1"):
        change(arena, "tall_masks", 1, 1, masks=tall())


def test_consensus_by_hand(flat_arena):
    # sums [6, 3, 1, 0]; uses at lambda .5: 3 of 3, 2 (4 > .5, -1 > 3.5 no, 0), 1, 0
    arena = flat_arena(ZERO, [2, 4, 1, 1], [2, -1, 0, -1], [2, 0, 0, 0])
    thresholds = tuple((task, 0.4) for task in arena.tasks)
    expected = {0: [6, 3, 1, 0], 1: [6, 3, 1, 0], 2: [6, 0, 0, 0], 3: [6, 0, 0, 0], 4: ZERO}
    for votes, merged in expected.items():
        masks = MaskChoice("consensus", thresholds=thresholds, votes=votes)
        assert change(arena, "consensus", 1, 1, 1, masks=masks) == merged


def test_consensus_of_none_needed_is_task_arithmetic_to_the_bit(network):
    arena = network.arena()
    faders = tuple(zip(arena.tasks, (1.0, 0.7, -0.4, 0.3), strict=True))
    open_recipe = MergeRecipe("consensus", faders, 0.3, masks=MaskChoice("consensus", votes=0))
    assert torch.equal(arena.merge(open_recipe).flat, arena.merge(MergeRecipe("task_arithmetic", faders, 0.3)).flat)


def test_emr_by_hand(flat_arena):
    # elected + - + +; unified [3, -4, 2, 0]; task0 agrees at 0 and 1: 7 of size against its own 6
    arena = flat_arena(ZERO, [3, -2, -1, 0], [1, -4, 2, 0])
    masks = MaskChoice("task", ("task0",))
    assert change(arena, "emr", 1, 1, masks=masks) == pytest.approx([3 * 6 / 7, -4 * 6 / 7, 0, 0])
    assert change(arena, "emr", 1, 1) == [3, -4, 2, 0]


def test_emr_of_one_expert_is_that_expert(flat_arena):
    arena = flat_arena([1, 2, 3, 4], [3, -2, -1, 0])
    assert change(arena, "emr", 1, masks=MaskChoice("task", ("task0",))) == [3, -2, -1, 0]


def test_block_factor_of_one_expert_leaves_the_others(network):
    from pipelines.merging.recipe import BlockRule

    arena = network.arena()
    faders = (("task0", 0.5), ("task1", 1.0))
    rules = (BlockRule("stem.*", 0.0, expert="task0"), BlockRule("stem.weight", 9.9e-1))
    merged = arena.views(arena.merge(MergeRecipe("task_arithmetic", faders, blocks=rules)).flat)
    both = network.base["head.weight"] + 0.5 * (network.experts["task0"]["head.weight"] - network.base["head.weight"])
    both += network.experts["task1"]["head.weight"] - network.base["head.weight"]
    torch.testing.assert_close(merged["head.weight"], both)
    only = network.experts["task1"]["stem.weight"] - network.base["stem.weight"]
    torch.testing.assert_close(merged["stem.weight"], network.base["stem.weight"] + 0.99 * only)


def test_the_mask_of_a_muted_task_keeps_nothing(flat_arena):
    arena = flat_arena(ZERO, [1, 2, 0, -4], [1, -2, 8, 0])
    faders = (("task0", 1.0), ("task1", 1.0))
    muted = MergeRecipe("tall_masks", faders, 1.0, masks=tall("task0", value=0.1), muted=("task0",))
    assert torch.equal(arena.merge(muted).flat, arena.base)
