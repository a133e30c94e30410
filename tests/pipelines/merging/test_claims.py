"""What every merge method must keep, run over METHODS."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipelines.merging.layout import same_bits
from pipelines.merging.merge import merge
from pipelines.merging.method import MergeMethod
from pipelines.merging.recipe import BlockRule, MergeRecipe
from pipelines.merging.recipe_form import recipe_from_dict, recipe_to_dict
from pipelines.merging.registry import METHODS

QUICK = {"wudi": (("steps", 30.0),)}  # of 300, each like the last

pytestmark = pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)


@pytest.fixture
def network(method: MergeMethod, network_of):
    return network_of(method.max_experts or 4, 0)


@pytest.fixture
def recipe(method: MergeMethod, network, recipe_for) -> MergeRecipe:
    return replace(recipe_for(method, network), settings=QUICK.get(method.name, ()))


def unmasked(recipe: MergeRecipe, method: MergeMethod) -> MergeRecipe:
    """The recipe with everything kept: no mask, density 1."""
    settings = tuple((s.name, 1.0) for s in method.settings if s.name == "density")
    return replace(recipe, settings=settings, masks=replace(recipe.masks, mode="off", tasks=()), scale=1.0)


def skip_unless_alone(method: MergeMethod) -> None:
    """The oracle of one expert is for methods where it means something: not for those that change a single vector too,
    such as Iso, which flattens its spectrum, nor for those that want two.
    """
    if not method.is_expert_alone or method.min_experts > 1:
        pytest.skip("one expert alone is not what it gives")


def same_weights(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(same_bits(first[key], second[key]) for key in first)


def test_keywords_are_the_settings(method):
    import inspect

    named = inspect.signature(method.combine).parameters.values()
    assert {p.name for p in named if p.kind is p.KEYWORD_ONLY} == {setting.name for setting in method.settings}


def test_the_recipe_changes_the_base(recipe, network):
    assert not same_weights(merge(network.base, network.experts, recipe), network.base)


@pytest.mark.parametrize("silence", ["zero", "scale", "mute", "equaliser"])
def test_silence_gives_back_the_base_to_the_bit(recipe, network, silence):
    silent = {
        "zero": replace(recipe, coefficients=tuple((task, 0.0) for task in network.tasks)),
        "scale": replace(recipe, scale=0.0),
        "mute": replace(recipe, muted=network.tasks),
        "equaliser": replace(recipe, blocks=(BlockRule("*", 0.0),)),
    }[silence]
    assert same_weights(merge(network.base, network.experts, silent), network.base)


def test_one_expert_alone_is_that_expert_to_the_bit(recipe, method, network):
    skip_unless_alone(method)
    for task in network.tasks:
        alone = replace(unmasked(recipe, method), coefficients=((task, 1.0),))
        assert same_weights(merge(network.base, network.experts, alone), network.experts[task])


def test_soloed_expert_is_that_expert_to_the_bit(recipe, method, network):
    skip_unless_alone(method)
    task = network.tasks[1]
    faders = tuple((task, 1.0) for task in network.tasks)
    solo = replace(unmasked(recipe, method), coefficients=faders, soloed=(task,))
    assert same_weights(merge(network.base, network.experts, solo), network.experts[task])


def test_one_expert_in_a_block_is_that_expert_there_to_the_bit(recipe, method, network):
    skip_unless_alone(method)
    first, second = network.tasks[:2]
    rules = (BlockRule("middle.*", 0.0, expert=first), BlockRule("stem.*", 0.0, expert=second), BlockRule("head.*", 0))
    asked = replace(unmasked(recipe, method), coefficients=((first, 1.0), (second, 1.0)), blocks=rules)
    for key, tensor in merge(network.base, network.experts, asked).items():
        if key.startswith(("stem.", "middle.")):
            assert same_bits(tensor, network.experts[first if key.startswith("stem.") else second][key])


def test_one_expert_at_one_is_where_its_fader_leads(recipe, method, network):
    if method.min_experts > 1:
        pytest.skip("it wants two")
    arena, alone = network.arena(), replace(unmasked(recipe, method), coefficients=())
    below, at = (arena.merge(alone.with_coefficient(network.tasks[0], value)).flat for value in (1 - 2e-7, 1.0))
    torch.testing.assert_close(at, below, rtol=1e-5, atol=1e-6)


def test_order_in_the_recipe_changes_no_bit(recipe, network):
    turned = replace(recipe, coefficients=recipe.coefficients[::-1])
    assert same_weights(merge(network.base, network.experts, turned), merge(network.base, network.experts, recipe))


def test_order_of_experts_changes_rounding_only(recipe, method, network, network_of):
    if not method.is_symmetric:
        pytest.skip("it goes from the first expert to the second")
    if method.name in ("ties", "sce", "tall_masks", "consensus", "emr"):
        network = replace(network, experts=dict(list(network.experts.items())[:2]))  # two terms: the sum is the same
        recipe = replace(recipe, coefficients=recipe.coefficients[:2])
    turned = dict(reversed(network.experts.items()))
    first, second = merge(network.base, network.experts, recipe), merge(network.base, turned, recipe)
    for key, tensor in first.items():
        torch.testing.assert_close(second[key], tensor, rtol=1e-5, atol=1e-6)


def test_walk_and_jump_end_in_the_same_bits(recipe, network):
    arena, draw = network.arena(), random.Random(0)
    live = arena.new_buffer()
    for _ in range(30):
        walked = recipe.with_coefficient(draw.choice(network.tasks), round(draw.uniform(-1, 1.5), 2))
        arena.merge(replace(walked, scale=draw.choice([0.0, 0.5, 1.0])), out=live)
    assert same_bits(arena.merge(recipe, out=live).flat, network.arena().merge(recipe).flat)


def test_held_fader_shows_the_merge_within_rounding(recipe, network):
    arena = network.arena()
    task = network.tasks[1]
    held = replace(recipe, blocks=(BlockRule("stem.*", 0.5), BlockRule("head.*", -0.5, expert=task)))
    residual, live = arena.residual(held, task), arena.new_buffer()
    for value in (-1.0, 0.0, 0.3, 1.5):
        whole = arena.merge(held.with_coefficient(task, value)).flat
        torch.testing.assert_close(residual.move(value, live), whole, rtol=1e-6, atol=3e-7)


def test_nothing_given_is_written_to(recipe, network):
    before = {key: tensor.clone() for key, tensor in network.base.items()}
    experts = {task: {k: v.clone() for k, v in expert.items()} for task, expert in network.experts.items()}
    merge(network.base, network.experts, recipe)
    assert same_weights(before, network.base)
    assert all(same_weights(experts[task], network.experts[task]) for task in network.tasks)


def test_names_shapes_and_dtypes_stay(recipe, network):
    half = {key: v.half() if key == "middle.weight" else v for key, v in network.base.items()}
    merged = merge(half, network.experts, recipe)
    described = {key: (tensor.shape, tensor.dtype) for key, tensor in half.items()}
    assert {key: (tensor.shape, tensor.dtype) for key, tensor in merged.items()} == described


def test_tied_weights_share_storage(recipe, network):
    merged = merge(network.base, network.experts, recipe)
    assert merged["head.tied"].data_ptr() == merged["head.weight"].data_ptr()


def test_unmoved_and_whole_number_keys_are_the_base(recipe, network):
    merged = merge(network.base, network.experts, recipe)
    for key in ("stem.frozen", "counter.steps", "counter.flags"):
        assert torch.equal(merged[key], network.base[key]) and merged[key].dtype == network.base[key].dtype


@pytest.mark.parametrize("tile_size", [64, 1024, 1 << 20])
def test_tile_size_changes_no_bit(recipe, network, tile_size):
    expected = network.arena().merge(recipe).flat
    assert same_bits(network.arena(tile_size=tile_size).merge(recipe).flat, expected)


def test_thread_count_changes_no_bit(recipe, network):
    expected = network.arena().merge(recipe).flat
    torch.set_num_threads(2)
    try:
        assert same_bits(network.arena().merge(recipe).flat, expected)
    finally:
        torch.set_num_threads(1)


def test_saved_and_loaded_recipe_and_weights_give_the_same_bits(recipe, network, tmp_path: Path):
    files = {}
    for name, weights in {"base": network.base, **network.experts}.items():
        files[name] = tmp_path / f"{name}.safetensors"
        save_file({key: v.clone().contiguous() for key, v in weights.items()}, files[name])
    loaded = {name: in_module_order(load_file(path), network.base) for name, path in files.items()}
    again = merge(loaded.pop("base"), loaded, recipe_from_dict(recipe_to_dict(recipe), network.tasks))
    expected = merge(network.base, network.experts, recipe)
    assert same_weights(again, expected)


def in_module_order(weights: dict, base: dict) -> dict:
    """What loading into a module makes of a file, which sorts its keys and stores tied tensors twice."""
    return {key: weights["head.weight" if key == "head.tied" else key] for key in base}


def test_blocks_merged_one_by_one_are_the_whole(recipe, network):
    whole = network.arena().views(network.arena().merge(recipe).flat)
    for block in ("stem", "middle", "head"):
        rules = (BlockRule(f"{block}.*", 1.0), BlockRule("*", 0.0))
        part = merge(network.base, network.experts, replace(recipe, blocks=rules))
        for key, tensor in part.items():
            assert same_bits(tensor, whole[key] if key.startswith(block) else network.base[key])


def test_twice_the_vectors_is_twice_the_change(recipe, method, network):
    if not method.is_scale_free:
        pytest.skip("it has a setting in units of weights")
    zero = {key: torch.zeros_like(v) if v.is_floating_point() else v for key, v in network.base.items()}
    zero["head.tied"] = zero["head.weight"]
    changed = [merge(zero, scaled_experts(network, factor), recipe) for factor in (1.0, 2.0)]
    assert all(torch.equal(changed[1][key], 2 * changed[0][key]) for key in zero if zero[key].is_floating_point())


def scaled_experts(network, factor: float) -> dict:
    """Experts grown from zeros: factor * task vector, with exact doubling."""

    def vector(key: str, tensor: torch.Tensor, base: torch.Tensor) -> torch.Tensor:
        return factor * (tensor - base) if tensor.is_floating_point() else tensor

    return {
        task: {key: vector(key, tensor, network.base[key]) for key, tensor in expert.items()}
        for task, expert in network.experts.items()
    }
