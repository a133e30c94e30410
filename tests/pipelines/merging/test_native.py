"""The native engine gives the bits of the tensor operations, or is not used."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from threading import current_thread

import pytest
import torch

from pipelines.merging import native, task_arithmetic, votes, writer
from pipelines.merging.layout import same_bits
from pipelines.merging.native import Engine, Kernels, compiled
from pipelines.merging.native_check import is_exact
from pipelines.merging.recipe import BlockRule, MaskChoice, MergeRecipe


@pytest.fixture(scope="module", params=["in place", "streamed"])
def kernels(request: pytest.FixtureRequest, native_kernels: Kernels) -> Iterator[Kernels]:
    assert is_exact(native_kernels)  # elsewhere a kernel that is not would only be put aside
    with native_kernels.streaming_from(0 if request.param == "streamed" else 1 << 40):
        yield native_kernels


def both(network, kernels, asked: MergeRecipe, **options):
    """The same merge natively and with tensor operations."""
    return [network.arena(engine=lambda one=one: one, **options).merge(asked).flat for one in (kernels, None)]


@pytest.mark.parametrize("tile_size", [64, 1024, 131072])
@pytest.mark.parametrize("scope", ["global", "tensor"])
@pytest.mark.parametrize("aggregate", ["mean", "sum", "max"])
@pytest.mark.parametrize("density", [0.05, 0.2, 0.9, 1.0])
def test_ties_is_the_same_to_the_bit(network, kernels, density, aggregate, scope, tile_size):
    faders = tuple(zip(network.tasks, (1.0, 0.7, -0.4, 0.25), strict=True))
    settings = (("density", density), ("aggregate", aggregate), ("scope", scope))
    assert same_bits(*both(network, kernels, MergeRecipe("ties", faders, 0.8, settings), tile_size=tile_size))


@pytest.mark.parametrize("heights", [(1.0, -1.0, 0.5, -0.5), (-1.0, -1.0, 1.0, -1.0)])
def test_cancelled_votes_fall_alike(network, kernels, heights):
    faders = tuple(zip(network.tasks, heights, strict=True))
    asked = MergeRecipe("ties", faders, settings=(("density", 1.0),))
    assert same_bits(*both(network, kernels, asked))


@pytest.mark.parametrize("tile_size", [64, 131072])
@pytest.mark.parametrize("name", ["task_arithmetic", "average"])
@pytest.mark.parametrize("heights", [(1.0, 0.7, -0.4, 0.25), (0.0, 0.6, 0.0, 0.3)])
def test_plain_sums_are_the_same_to_the_bit(network, kernels, heights, name, tile_size):
    faders = tuple(zip(network.tasks, heights, strict=True))
    asked = MergeRecipe(name, faders, 0.8, blocks=(BlockRule("*", -0.3),))
    assert same_bits(*both(network, kernels, asked, tile_size=tile_size))


@pytest.mark.parametrize("tile_size", [64, 131072])
@pytest.mark.parametrize("heights", [(1.0, 0.7, -0.4, 0.25), (0.0, 0.6, 0.0, 0.3)])
def test_sums_of_sixteen_bits_are_the_same_to_the_bit(network, kernels, heights, tile_size):
    faders = tuple(zip(network.tasks, heights, strict=True))
    asked = MergeRecipe("task_arithmetic", faders, 0.8, blocks=(BlockRule("*", -0.3),))
    assert same_bits(*both(network, kernels, asked, tile_size=tile_size, is_compact=True))
    moved = []
    for engine in (kernels, None):
        arena = network.arena(engine=lambda engine=engine: engine, tile_size=tile_size, is_compact=True)
        moved.append(arena.residual(asked, network.tasks[1]).move(0.9, arena.new_buffer()))
    assert same_bits(*moved)


@pytest.mark.parametrize("vector", ["sum", "ties"])
@pytest.mark.parametrize("compare", ["gt", "ge"])
@pytest.mark.parametrize("chosen", [(), (1,), (0, 2)])
def test_masks_are_the_same_to_the_bit(network, kernels, chosen, compare, vector):
    tasks = tuple(network.tasks[place] for place in chosen)
    masks = MaskChoice("union", tasks, tuple((task, 0.37) for task in network.tasks), compare=compare)
    faders = tuple(zip(network.tasks, (1.0, 0.7, -0.4, 0.25), strict=True))
    asked = MergeRecipe("tall_masks", faders, 0.8, (("vector", vector),), masks)
    assert same_bits(*both(network, kernels, asked))
    counted = replace(asked, method="consensus", masks=replace(masks, mode="consensus"))
    assert same_bits(*both(network, kernels, counted))


@pytest.mark.parametrize("size", [64, 1024])
@pytest.mark.parametrize("name", ["task_arithmetic", "average", "tall_masks", "consensus"])
def test_tiles_that_are_written_at_once_are_the_same_to_the_bit(network, kernels, monkeypatch, name, size):
    at_work: set[str] = set()
    for module in (task_arithmetic, votes):
        monkeypatch.setattr(module, "LONG", size)
    write_tile = writer.write_tile
    monkeypatch.setattr(writer, "write_tile", lambda *given: (at_work.add(current_thread().name), write_tile(*given)))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    faders = tuple(zip(network.tasks, (1.0, 0.7, -0.4, 0.25), strict=True))
    mode = {"tall_masks": "union", "consensus": "consensus"}.get(name, "off")
    asked = MergeRecipe(name, faders, 0.8, masks=MaskChoice(mode), blocks=(BlockRule("*", 0.6),))
    arena = network.arena(engine=lambda: kernels)
    found = [arena.merge(replace(asked, masks=replace(asked.masks, votes=k))).flat for k in (2, 2, 1)]  # 2: from planes
    assert all(one.startswith("merge") for one in at_work) and at_work
    expected = network.arena(engine=lambda: None)
    for votes_k, one in zip((2, 2, 1), found, strict=True):
        assert same_bits(one, expected.merge(replace(asked, masks=replace(asked.masks, votes=votes_k))).flat)


def test_kernels_that_round_otherwise_are_put_aside(kernels, monkeypatch):
    exact = Kernels.ties

    def off_by_a_little(self, tile, stretches, is_mean, tied, live):
        found = exact(self, tile, stretches, is_mean, tied, live)
        live *= 1 + 2**-23
        return found

    assert is_exact(kernels)
    monkeypatch.setattr(Kernels, "ties", off_by_a_little)
    assert not is_exact(kernels)


def test_without_a_compiler_there_is_no_engine(monkeypatch):
    monkeypatch.setattr(native.shutil, "which", lambda name: None)
    assert compiled() is None and Engine().wait() is None


def test_source_that_does_not_compile_leaves_the_tensor_operations(monkeypatch, kernels):
    def fails(command, **options):
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(native.subprocess, "run", fails)
    assert compiled() is None


def test_engine_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("MIXDECK_ENGINE", "eager")
    assert Engine().wait() is None
