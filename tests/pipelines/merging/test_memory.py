"""Memory that a merge takes above its inputs: one live network, blocks of scratch, and the planes it leaves (O11)."""

from __future__ import annotations

import pytest
import torch

from pipelines.merging.arena import Arena
from pipelines.merging.recipe import MaskChoice, MergeRecipe

LENGTH, TILE, EXPERTS = 1 << 20, 1 << 14, 4
BLOCKS_OF_SCRATCH = 3 * EXPERTS + 8  # (tile,) float32 each: three for an expert, eight besides


@pytest.fixture(scope="module")
def arena() -> Arena:
    generator = torch.Generator().manual_seed(0)
    base = torch.randn(LENGTH, generator=generator)
    experts = {f"t{i}": {"w": base + 0.01 * torch.randn(LENGTH, generator=generator)} for i in range(EXPERTS)}
    return Arena.from_checkpoints({"w": base}, experts, tile_size=TILE, engine=lambda: None)


def recipe(arena: Arena, method: str, number: int) -> MergeRecipe:
    """Another density or lambda for every number."""
    settings = (("density", 0.2 + number / 100),) if method == "ties" else ()
    limits = tuple((task, 0.3 + number / 100) for task in arena.tasks)
    mode = {"ties": "off", "tall_masks": "union", "consensus": "consensus"}[method]
    masks = MaskChoice(mode, thresholds=limits)
    return MergeRecipe(method, tuple((task, 0.5) for task in arena.tasks), settings=settings, masks=masks)


def peak_bytes(profile: torch.profiler.profile) -> int:
    """The most that was allocated and not yet given back."""
    events = [event for event in profile.events() if event.self_cpu_memory_usage]
    held = peak = 0
    for event in sorted(events, key=lambda event: event.time_range.start):
        held += event.self_cpu_memory_usage
        peak = max(peak, held)
    return peak


@pytest.mark.parametrize("method", ["ties", "tall_masks", "consensus"])
def test_a_moving_fader_takes_blocks_and_no_buffer(arena, method):
    live = arena.new_buffer()
    for number in range(2):  # thresholds and planes are made once
        arena.merge(recipe(arena, method, number), out=live)
        arena.store.wait()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
        for number in range(2, 5):
            arena.merge(recipe(arena, method, number), out=live)
    peak = peak_bytes(profile)
    assert 0 < peak <= BLOCKS_OF_SCRATCH * 4 * TILE < 4 * LENGTH
    assert arena.store.size_bytes <= arena.size_bytes
