"""A two-layer network on four numbers, three tasks of three classes each, and all that feeds a method."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pipelines.merging.arena import Arena
from pipelines.merging.feed import Alignment, Feed, Samples
from pipelines.merging.learning import Mergeable, module_loss
from pipelines.merging.optimal_transport import Plan, Stream

TASKS = ("left", "right", "up")
COUNT = 4096


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.norm(self.first(x)).relu())


def inputs(task: str, first: int, last: int) -> Tensor:
    """Each task looks at numbers of its own size and place."""
    place = TASKS.index(task)
    drawn = torch.randn(COUNT, 4, generator=torch.Generator().manual_seed(place))
    return (drawn * torch.tensor([1.0, 2.0, 0.5, 1.0]).roll(place) + 0.3 * place)[first:last]


def weights(seed: int) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return {key: value.clone() for key, value in Net().state_dict().items()}


def arena_of(spread: float = 0.2) -> Arena:
    base = weights(0)
    experts = {task: {key: value + spread * weights(seed)[key] for key, value in base.items()}
               for seed, task in enumerate(TASKS, 1)}  # fmt: skip
    return Arena.from_checkpoints(base, experts)


def feed(arena: Arena) -> Feed:
    """The loss: be like the expert "left"."""
    experts = {task: arena.views(arena.base + one.vector) for task, one in arena.experts.items()}
    samples = Samples(Net().eval(), inputs, lambda call, x, task: call(x), COUNT)
    seen = inputs("left", 0, 32)
    wanted = samples.answer(experts["left"], seen, "left").detach()
    loss = module_loss(Net().eval(), lambda call, step: (call(seen) - wanted).square().mean())
    return Feed(Mergeable.of(arena), experts, (("in", "first.*"), ("out", "[ns]*")), samples, loss, ALIGNMENT)


def activations(model: nn.Module, state: Mapping[str, Tensor], x: Tensor) -> dict[str, Tensor]:
    return {"first": x @ state["first.weight"].T + state["first.bias"]}


def shuffles(state: Mapping[str, Tensor], seed: int) -> dict[str, Plan]:
    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    return {"hidden": Plan(torch.eye(6, dtype=torch.float64)[:, order] / 6)}


AXES = {"first.weight": ("hidden", None), "first.bias": ("hidden",), "norm.weight": ("hidden",),
        "norm.bias": ("hidden",), "second.weight": (None, "hidden"), "second.bias": (None,)}  # fmt: skip
ALIGNMENT = Alignment(
    dict, dict, lambda state: [Stream("hidden", ("first",))], lambda state: AXES, activations, shuffles
)
