"""Merges on an accelerator, tried without one: on a device without values no operation may meet the processor's memory.

Torch refuses operations between "meta" and the processor as it does between CUDA and the processor. Numbers that a
method reads from such tensors are made up here; what they would be is tested on the processor.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

from pipelines.merging.layout import same_bits
from pipelines.merging.on_device import can_merge, moved
from pipelines.merging.recipe import MaskChoice, MergeRecipe
from pipelines.merging.registry import METHODS
from pipelines.merging.store import Store
from pipelines.merging.votes import Keys, planes_in_thread

Tensor = torch.Tensor
MADE_UP = {Tensor.__float__: 1.0, Tensor.__bool__: True, Tensor.__int__: 1, Tensor.item: 1.0, Tensor.__index__: 1}


def with_numbers(index: Any) -> Any:
    """An index whose masks pick the first entry, twice."""
    parts: list[Any] = []
    for part in index if isinstance(index, tuple) else (index,):
        is_mask = isinstance(part, Tensor) and part.dtype == torch.bool
        parts += part.dim() * [torch.zeros(2, dtype=torch.int64, device="meta")] if is_mask else [part]
    return tuple(parts)


class MadeUpNumbers(TorchFunctionMode):
    """Answers for tensors without values whatever takes them to Python."""

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        first = args[0] if args else None
        if isinstance(first, Tensor) and first.device.type == "meta":
            if func in MADE_UP:
                return MADE_UP[func]
            if func is Tensor.tolist:
                return torch.ones(first.shape, dtype=first.dtype, device="cpu").tolist()
            if func in (Tensor.nonzero, torch.nonzero):
                return torch.zeros(2, first.dim(), dtype=torch.int64, device="meta")
            if func is Tensor.__getitem__:
                args = (first, with_numbers(args[1]))
            if func is torch.bincount:
                return torch.ones((kwargs or {})["minlength"], dtype=torch.int64, device="meta")
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("is_compact", [False, True], ids=["float32", "float16"])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_no_method_mixes_devices(method, is_compact, network, pair, recipe_for):
    chosen = pair if method.max_experts == 2 else network
    twin = moved(chosen.arena(is_compact=is_compact), "meta")
    with MadeUpNumbers():
        views = twin.views(twin.merge(recipe_for(method, chosen)).flat)
    assert {view.device.type for view in views.values()} == {"meta"}


@pytest.mark.parametrize("mode", ["task", "union", "consensus"])
@pytest.mark.parametrize("vector", ["sum", "ties"])
def test_planes_and_votes_stay_where_the_vectors_are(vector, mode, network, monkeypatch):
    monkeypatch.setattr(Store, "later", lambda store, build: build())  # numbers are made up in this thread alone
    twin = moved(network.arena(), "meta")
    faders = tuple((task, 0.8) for task in network.tasks)
    with MadeUpNumbers():
        for limit in (0.3, 0.4, 0.4, 0.5):
            thresholds = tuple((task, limit) for task in network.tasks)
            masks = MaskChoice(mode, network.tasks[:1] if mode == "task" else (), thresholds)
            name = "consensus" if mode == "consensus" else "tall_masks"
            merged = twin.merge(MergeRecipe(name, faders, 0.5, (("vector", vector),), masks))
            assert merged.flat.device.type == "meta"
    assert twin.store.size_bytes > 0, "nothing was remembered"


@pytest.mark.parametrize("is_compact", [False, True], ids=["float32", "float16"])
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_a_twin_merges_to_the_same_bits(method, is_compact, network, pair, recipe_for):
    """Of long tiles and without the native engine; here both are on the processor."""
    chosen = pair if method.max_experts == 2 else network
    arena, recipe = chosen.arena(is_compact=is_compact), recipe_for(method, chosen)
    twin = moved(arena, "cpu")
    assert same_bits(twin.merge(recipe).flat, arena.merge(recipe).flat)
    assert twin.tile_size == arena.layout.length and twin.engine() is None


def test_planes_that_a_thread_makes_lie_where_the_vectors_are(network):
    twin = moved(network.arena(), "meta")
    for limit in (0.3, 0.4):
        masks = MaskChoice("consensus", thresholds=tuple((task, limit) for task in network.tasks))
        mixture = twin.mixture(MergeRecipe("consensus", tuple((task, 0.8) for task in network.tasks), masks=masks))
        planes_in_thread(mixture, "sum", Keys.of(mixture, "sum"))
    assert {tensor.device.type for tensor in twin.store._tensors.values()} == {"meta"}


def test_a_twin_restores_a_whole_expert_to_the_bit(network):
    arena = network.arena()
    recipe = MergeRecipe(coefficients=((network.tasks[0], 1.0),))
    twin = moved(arena, "cpu")
    assert same_bits(twin.merge(recipe).flat, arena.merge(recipe).flat)


def test_merges_run_where_float64_is():
    assert [can_merge(device) for device in ("cpu", "mps", "cuda", "cuda:1")] == [False, False, True, True]
