"""Loading into flat buffers: what is refused, what is laid out where, what is counted."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from pipelines.merging.arena import Arena
from pipelines.merging.errors import MergeError
from pipelines.merging.layout import ALIGNMENT, LENGTH_STEP, same_bits
from pipelines.merging.recipe import BlockRule, MaskChoice, MergeRecipe


def load(base: dict, **experts: dict) -> Arena:
    return Arena.from_checkpoints(base, experts)


@pytest.mark.parametrize(
    ("expert", "message"),
    [
        ({"a": torch.zeros(3)}, 'expert "night" lacks b, which the base has'),
        ({"a": torch.zeros(3), "b": torch.zeros(2), "c": torch.zeros(1)}, 'expert "night" has c, which the base lacks'),
        ({"a": torch.zeros(3), "b": torch.zeros(5)}, 'expert "night" has b of (5,), base has (2,)'),
        ({"a": torch.zeros(3), "b": torch.zeros(2, dtype=torch.int32)}, "as torch.int32, base has torch.float32"),
        ({"a": torch.zeros(3), "b": torch.tensor([0.0, float("nan")])}, 'expert "night" has values in b that are not'),
        ({"a": torch.tensor([0, 0, float("inf")]), "b": torch.zeros(2)}, "values in a that are not finite"),
        ({"a": torch.tensor([0, 0, -float("inf")]), "b": torch.zeros(2)}, "values in a that are not finite"),
    ],
)
def test_refuses_another_network_and_names_the_key(expert, message):
    with pytest.raises(MergeError) as refused:
        load({"a": torch.zeros(3), "b": torch.zeros(2)}, night=expert)
    assert message in str(refused.value)


def test_refuses_a_damaged_base():
    with pytest.raises(MergeError, match="the base has values in a"):
        load({"a": torch.tensor([float("inf")])})


def test_refuses_experts_that_untie_what_the_base_ties():
    shared = torch.zeros(4)
    with pytest.raises(MergeError, match='b and a are one tensor in the base, but differ in expert "night"'):
        load({"a": shared, "b": shared}, night={"a": torch.zeros(4), "b": torch.ones(4)})


@pytest.mark.parametrize("blocks", [[("a", "a.*")], [("a", "a.*"), ("b", "*"), ("c", "c*")]])
def test_every_key_belongs_to_one_block(blocks):
    base = {"a.w": torch.zeros(2), "c.w": torch.zeros(2)}
    with pytest.raises(MergeError, match="must belong to exactly one"):
        Arena.from_checkpoints(base, {"t": base}, blocks)


def test_keys_are_classed(network):
    assert network.arena().key_classes == {
        "stem.weight": "MERGE",
        "stem.bias": "MERGE",
        "stem.frozen": "FROZEN",
        "middle.weight": "MERGE",
        "middle.scale": "MERGE",
        "middle.empty": "FROZEN",
        "head.weight": "MERGE",
        "counter.steps": "COPY",
        "counter.flags": "COPY",
        "head.tied": "TIED",
    }


def test_differing_counters_are_told_and_the_base_kept(network):
    experts = {"late": network.experts["task0"] | {"counter.steps": torch.tensor(9)}}
    arena = Arena.from_checkpoints(network.base, experts)
    assert arena.notices == ('expert "late" has other values in counter.steps: those of the base are used',)
    assert int(arena.views(arena.new_buffer())["counter.steps"]) == 7


def test_a_merged_batch_norm_keeps_a_variance_that_can_be_divided_by():
    def normed(variance: float, weight: float) -> dict:
        return {"bn.weight": torch.full((4,), weight), "bn.running_var": torch.full((4,), variance),
                "bn.running_mean": torch.full((4,), weight)}  # fmt: skip

    base, experts = normed(0.10, 1.0), {task: normed(0.04, 1.5) for task in "abc"}
    arena = Arena.from_checkpoints(base, experts | {"d": base})
    mixed = arena.views(arena.merge(MergeRecipe(coefficients=tuple((task, 1.0) for task in "abc"))).flat)
    assert torch.equal(mixed["bn.weight"], torch.full((4,), 2.5))
    assert all(torch.equal(mixed[key], base[key]) for key in ("bn.running_var", "bn.running_mean"))  # not 0.10 - 0.18
    assert arena.key_classes["bn.running_var"] == "BN_STAT" and len(arena.notices) == 3
    assert arena.notices[0].startswith('expert "a" has other batch-norm statistics') and "stale" in arena.notices[0]


@pytest.mark.parametrize("dtype", [torch.int8, torch.uint8, torch.int32, torch.int64])
def test_quantised_weights_are_refused_by_key(dtype):
    codes = torch.arange(6, dtype=dtype).reshape(2, 3)
    base = {"fc.weight": codes, "fc.scale": torch.ones(2)}
    with pytest.raises(MergeError, match=r'"night" has fc\.weight of \(2, 3\) .* must be dequantised first'):
        load(base, night={"fc.weight": codes + 1, "fc.scale": torch.ones(2)})
    load(base, night={"fc.weight": codes.clone(), "fc.scale": torch.zeros(2)})  # a table that no expert moved


def test_layout_is_aligned_and_holds_every_tensor_once(network):
    layout = network.arena().layout
    assert layout.length % LENGTH_STEP == 0 and all(slot.start % ALIGNMENT == 0 for slot in layout.slots)
    assert all(one.stop <= two.start for one, two in pairwise(layout.slots))
    assert layout.count == sum(network.base[slot.key].numel() for slot in layout.slots)


def test_buffers_start_on_64_bytes_at_different_page_offsets(network):
    arena = network.arena()
    streams = [arena.base, *(expert.vector for expert in arena.experts.values()), arena.new_buffer()]
    assert all(stream.data_ptr() % 64 == 0 for stream in streams)


def test_views_share_the_live_buffer_and_the_frozen_base(network):
    arena = network.arena()
    live = arena.new_buffer().zero_()
    views = arena.views(live)
    live.fill_(2.0)
    assert list(views) == list(network.base)
    assert bool((views["middle.weight"] == 2).all()) and views["middle.scale"].shape == ()
    assert views["stem.frozen"].data_ptr() == network.base["stem.frozen"].data_ptr()
    assert views["head.tied"] is views["head.weight"]


def test_merge_into_a_buffer_needs_no_new_memory_of_its_size():
    base = {"w": torch.zeros(1 << 20)}
    arena = load(base, a={"w": torch.ones(1 << 20)}, b={"w": torch.ones(1 << 20)})
    live, recipe = arena.new_buffer(), MergeRecipe(coefficients=(("a", 0.5), ("b", 0.25)))
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        arena.merge(recipe, out=live)
    assert sum(max(event.self_cpu_memory_usage, 0) for event in profile.events()) < 4096
    assert bool((live[: 1 << 20] == 0.75).all())


def test_expert_far_from_the_base_comes_back_to_the_bit():
    base, expert = {"w": 1e4 * torch.randn(5000)}, {"w": 1e-4 * torch.randn(5000)}
    arena = load(base, far=expert)
    assert len(arena.experts["far"].index) > 0  # base + (expert - base) is not the expert here
    merged = arena.merge(MergeRecipe(coefficients=(("far", 1.0),)))
    assert same_bits(arena.views(merged.flat)["w"], expert["w"])


def test_rule_that_matches_no_key_is_refused(network):
    with pytest.raises(MergeError, match=r'block rule "tail.\*" matches no key'):
        network.arena().merge(MergeRecipe(blocks=(BlockRule("tail.*", 0.5),)))


def test_unknown_expert_is_refused(network):
    with pytest.raises(MergeError, match='unknown expert "night"; known are task0, task1'):
        network.arena().merge(MergeRecipe(coefficients=(("night", 1.0),)))


def test_family_without_movement_merges_to_its_base():
    base = {"w": torch.ones(3)}
    arena = load(base, same=base)
    merged = arena.views(arena.merge(MergeRecipe(coefficients=(("same", 0.5),))).flat)
    assert torch.equal(merged["w"], base["w"])


def test_bytes_moved_count_each_stream_once(network):
    arena = network.arena()
    faders = tuple(zip(arena.tasks, (0.5, 0.0, 0.25, 0.1), strict=True))
    assert arena.merge(MergeRecipe(coefficients=faders)).bytes_moved == 4 * arena.layout.length * 5


def test_mask_report_by_hand(flat_arena):
    # sum [4, 1, -1, 0]: task0 uses 0 and 1, task1 uses 2; entry 3 is inactive
    arena = flat_arena([0.0] * 4, [4, 2, 1, 0], [0, -1, -2, 0])
    masks = MaskChoice("task", ("task0",), (("task0", 0.5), ("task1", 0.5)))
    report = arena.mask_report(MergeRecipe("tall_masks", (("task0", 1.0), ("task1", 1.0)), masks=masks))
    assert report.density == {"task0": 0.5, "task1": 0.25}
    assert (report.union, report.catastrophic, report.selfish, report.inactive) == (0.75, 0.0, 0.75, 0.25)
    assert report.histogram == (0.0, 0.75, 0.0)


def test_mask_report_of_a_method_without_masks_is_refused(network):
    with pytest.raises(MergeError, match="lays no masks"):
        network.arena().mask_report(MergeRecipe("ties", (("task0", 1.0),)))


def test_diagnostics_by_hand(flat_arena):
    found = flat_arena([3.0, 4.0], [3.0, 0.0], [1.0, 1.0]).diagnostics()
    assert found.base_norm == pytest.approx(5.0)
    assert found.relative_norms == pytest.approx({"task0": 0.6, "task1": 2**0.5 / 5})
    assert found.cosines["task0", "task1"] == found.cosines["task1", "task0"] == pytest.approx(0.5**0.5)


def test_held_fader_of_an_unknown_expert_is_refused(network):
    with pytest.raises(MergeError, match='unknown expert "night"'):
        network.arena().residual(MergeRecipe(), "night")
