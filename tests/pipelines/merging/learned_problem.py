"""A tiny two-layer network whose best coefficients are known: its data come from a mixture of the experts."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pipelines.merging.arena import Arena
from pipelines.merging.learning import Mergeable, Places, Weights

SHAPES = {"first.weight": (16, 6), "first.bias": (16,), "last.weight": (5, 16), "last.bias": (5,)}
BLOCKS = (("first", "first.*"), ("last", "last.*"))


def random(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def weights(seed: int, size: float) -> dict[str, Tensor]:
    return {key: size * random(97 * seed + place, *shape) for place, (key, shape) in enumerate(SHAPES.items())}


def make_arena(count: int = 3, size: float = 0.3) -> Arena:
    base = weights(0, 0.5)
    experts = {
        f"task{i}": {key: base[key] + change for key, change in weights(i + 1, size).items()} for i in range(count)
    }
    return Arena.from_checkpoints(base, experts)


def in_float64(ground: Mergeable) -> Mergeable:
    return replace(ground, base=ground.base.double(), vectors={t: v.double() for t, v in ground.vectors.items()})


def forward(network: Weights, inputs: Tensor) -> Tensor:
    inputs = inputs.to(network["first.weight"].dtype)
    hidden = torch.tanh(inputs @ network["first.weight"].T + network["first.bias"])
    return hidden @ network["last.weight"].T + network["last.bias"]


def by_columns(places: Places, *rows: float) -> Tensor:
    """Coefficients that differ from column to column."""
    return torch.tensor([[row + 0.1 * (column % 3) for column in range(len(places.names))] for row in rows]).double()
