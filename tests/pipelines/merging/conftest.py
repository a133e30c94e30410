"""Small networks that hold what trips a merge: zeros of both signs, ties, subnormals, odd shapes, tied and frozen keys.

All but stem.weight lie on a grid of 2^-16, where float32 sums are exact: there ties are ties in float64 too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from pipelines.merging.arena import Arena
from pipelines.merging.method import MergeMethod
from pipelines.merging.native import Kernels, compiled
from pipelines.merging.recipe import MaskChoice, MergeRecipe

BLOCKS = (("stem", "stem.*"), ("middle", "middle.*"), ("head", "head.*"), ("counters", "counter.*"))


@dataclass(frozen=True)
class Network:
    base: dict[str, Tensor]
    experts: dict[str, dict[str, Tensor]]

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(self.experts)

    def arena(self, **options: Any) -> Arena:
        return Arena.from_checkpoints(self.base, self.experts, BLOCKS, **options)


def make_base(generator: torch.Generator) -> dict[str, Tensor]:
    def random(*shape: int) -> Tensor:
        return on_grid(0.1 * torch.randn(shape, generator=generator))

    base = {
        "stem.weight": 0.1 * torch.randn(37, 19, generator=generator),
        "stem.bias": torch.tensor([0.0, -0.0, 1e-45, -1e-45, 1e-39, 0.5, -0.5]),
        "stem.frozen": random(23),
        "middle.weight": random(20, 9, 3, 3),
        "middle.scale": torch.tensor(0.75),
        "middle.empty": torch.zeros(0, 4),
        "head.weight": random(31, 64).T,
        "counter.steps": torch.tensor(7),
        "counter.flags": torch.tensor([True, False, True]),
    }
    base["head.tied"] = base["head.weight"]
    return base


def on_grid(tensor: Tensor) -> Tensor:
    return (tensor * 2**16).round() / 2**16


def moved(tensor: Tensor, generator: torch.Generator) -> Tensor:
    """A third of the entries stay, a third move by sixty-fourths (so that they tie and cancel), a third freely."""
    kind = torch.randint(0, 3, tensor.shape, generator=generator)
    steps = torch.randint(-2, 3, tensor.shape, generator=generator) / 64
    free = on_grid(0.05 * torch.randn(tensor.shape, generator=generator))
    return tensor + torch.where(kind == 0, 0.0, torch.where(kind == 1, steps, free))


def make_expert(base: dict[str, Tensor], generator: torch.Generator) -> dict[str, Tensor]:
    is_moved = {key: tensor.is_floating_point() and "frozen" not in key for key, tensor in base.items()}
    expert = {key: moved(tensor, generator) if is_moved[key] else tensor.clone() for key, tensor in base.items()}
    expert["stem.weight"] = base["stem.weight"] + 0.2 * torch.randn(base["stem.weight"].shape, generator=generator)
    expert["head.tied"] = expert["head.weight"]
    return expert


def make_network(count: int = 4, seed: int = 0) -> Network:
    generator = torch.Generator().manual_seed(seed)
    base = make_base(generator)
    return Network(base, {f"task{i}": make_expert(base, generator) for i in range(count)})


@pytest.fixture(scope="session")
def network() -> Network:
    return make_network()


@pytest.fixture(scope="session")
def pair() -> Network:
    return make_network(count=2)


@pytest.fixture(scope="session")
def network_of() -> Callable[[int, int], Network]:
    """make_network(count, seed)."""
    return make_network


@pytest.fixture(scope="session")
def flat_arena() -> Callable[..., Arena]:
    """Arena over one tensor "w": flat_arena(base list, a list for each task vector); experts are base + vector."""

    def make(base: list[float], *vectors: list[float]) -> Arena:
        start = torch.tensor(base, dtype=torch.float32)
        experts = {f"task{i}": {"w": start + torch.tensor(vector)} for i, vector in enumerate(vectors)}
        return Arena.from_checkpoints({"w": start}, experts)

    return make


@pytest.fixture(scope="session")
def recipe_for() -> Callable[[MergeMethod, Network], MergeRecipe]:
    """A recipe of a method as a page would start with it, faders at different heights."""

    def make(method: MergeMethod, network: Network) -> MergeRecipe:
        mode = method.masks[0]
        heights = (1.0, 0.7, -0.4, 0.25)
        return MergeRecipe(
            method=method.name,
            coefficients=tuple(zip(network.tasks[: method.max_experts], heights, strict=False)),
            scale=0.8,
            masks=MaskChoice(mode=mode, tasks=network.tasks[:1] if mode == "task" else ()),
        )

    return make


@pytest.fixture(scope="session")
def native_kernels() -> Kernels:
    """The native engine, compiled once for all tests of a process."""
    found = compiled()
    if found is None:
        pytest.skip("no C compiler here: the native engine is missing")
    return found
