"""What merges leave for each other: bounded, forgetful, and filled in the background."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
import torch

from pipelines.merging.layout import same_bits
from pipelines.merging.mixture import NEWEST
from pipelines.merging.recipe import MaskChoice, MergeRecipe
from pipelines.merging.registry import METHODS
from pipelines.merging.store import Store


def test_what_was_used_longest_ago_goes_first():
    store = Store(limit_bytes=250)
    for name in "abc":
        store.put(name, torch.zeros(100, dtype=torch.uint8))
        store.get("a")
    assert store.get("b") is None and store.get("a") is not None and store.get("c") is not None
    assert store.size_bytes == 200


def test_what_is_larger_than_the_store_is_given_back_and_not_kept():
    store = Store(limit_bytes=50)
    assert len(store.put("a", torch.zeros(100, dtype=torch.uint8))) == 100
    assert store.get("a") is None and store.size_bytes == 0


def test_exchange_gives_what_the_newest_subject_was_asked_for():
    store = Store(0)
    assert [store.exchange("f", 1), store.exchange("f", 2), store.exchange("g", 3)] == [None, 1, None]
    assert store.exchange("f", 4) is None


def test_one_job_at_a_time_runs_in_the_background():
    store, gate, done = Store(100), threading.Event(), []
    store.later(lambda: done.append(gate.wait(10)))
    store.later(lambda: done.append("second"))
    assert done == []
    gate.set()
    store.wait()
    assert done == [True]


def test_planes_go_with_their_arena_and_stay_within_its_size(network):
    arena = network.arena()
    for limit in (0.4, 0.5, 0.4, 0.5, 0.5):
        masks = MaskChoice("consensus", thresholds=tuple((task, limit) for task in network.tasks))
        arena.merge(MergeRecipe("consensus", tuple((task, 1.0) for task in network.tasks), masks=masks))
        arena.store.wait()
    assert 0 < arena.store.size_bytes <= arena.size_bytes
    kept = weakref.ref(next(iter(arena.store._tensors.values())))
    del arena
    gc.collect()
    assert kept() is None


RAISED = (("task0", 0.5), ("task1", 0.7))


@pytest.mark.parametrize(("method", "bytes_each"), [("della", 2), ("iso", 4)])  # a byte an expert, a float32
def test_planes_of_a_method_are_counted_and_given_back(network, method, bytes_each):
    arena, recipe = network.arena(), MergeRecipe(method, RAISED)
    merged = arena.merge(recipe).flat
    assert arena.store.size_bytes == bytes_each * arena.layout.length
    assert arena.store.clear() > 0 and same_bits(arena.merge(recipe).flat, merged)


@pytest.mark.parametrize("record", METHODS, ids=lambda record: record.name)
def test_no_method_keeps_a_plane_out_of_the_store(network, record):
    arena = network.arena()
    arena.merge(MergeRecipe(record.name, RAISED))
    kept = [one for value in arena._memory.values() for one in (value if isinstance(value, tuple) else [value])]
    assert all(len(one) != arena.layout.length for one in kept if isinstance(one, torch.Tensor))


@pytest.mark.parametrize(
    ("method", "setting"), [("breadcrumbs", "density"), ("dare", "density"), ("dare", "seed"), ("ties", "density")]
)
def test_only_the_newest_fader_positions_are_remembered(network, method, setting):
    arena, fixed = network.arena(), {"rescale": "l1"} if method == "dare" else {}
    for place in range(3 * NEWEST):
        moved = float(place) if setting == "seed" else 0.2 + place / 999
        arena.merge(MergeRecipe(method, RAISED, settings=tuple((fixed | {setting: moved}).items())))
    kept = {key: value for key, value in arena._memory.items() if key[0] in ("bands", "gain", "edges between")}
    assert len(kept) == len(RAISED) and set(map(len, kept.values())) == {NEWEST}


def test_bytes_are_counted_when_a_tensor_is_replaced_dropped_or_forgotten():
    store = Store(100)
    for key, count in (("a", 10), ("a", 20), ("b", 60), ("c", 30)):
        store.put(key, torch.zeros(count, dtype=torch.uint8))
        assert store.size_bytes == sum(tensor.nbytes for tensor in store._tensors.values()) <= 100
    assert store.get("a") is None and store.size_bytes == 90
    assert store.clear() == 90 and store.size_bytes == 0 and store.get("b") is None
