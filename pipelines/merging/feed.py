"""What methods that need more than checkpoints are fed with, and what they make of it, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.merging.errors import MergeError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pipelines.merging.learning import Loss, Mergeable
    from pipelines.merging.optimal_transport import Axes, Plan, Stream

    Weights = Mapping[str, Tensor]

CHUNK = 32  # samples that go through a network at once


@dataclass(frozen=True)
class Samples:
    """Samples of every task, whose answers nobody tells, for a network whose outputs are classes.

    Attributes:
        module: the network; its own weights are neither read nor written.
        inputs: (task, first, last) -> that stretch of the task's samples, (last - first, ...).
        logits: (call, inputs, task) -> (B, classes); `call` stands for the module.
        count: how many of each task there are.
    """

    module: nn.Module
    inputs: Callable[[str, int, int], Tensor]
    logits: Callable[[Callable[..., Any], Tensor, str], Tensor]
    count: int

    def answer(self, weights: Weights, inputs: Tensor, task: str) -> Tensor:
        """Logits of the network with these weights, (B, classes)."""
        import torch

        def call(*given: Any, **options: Any) -> Any:
            return torch.func.functional_call(self.module, dict(weights), given, options)

        return self.logits(call, inputs, task)

    def stretches(self, wanted: int) -> list[tuple[int, int]]:
        """(first, last) of the chunks that make up so many samples. Raises MergeError: there are fewer."""
        if not 1 <= wanted <= self.count:
            raise MergeError(f"{wanted} samples of each task are asked for, there are {self.count}")
        return [(first, min(first + CHUNK, wanted)) for first in range(0, wanted, CHUNK)]


@dataclass(frozen=True)
class Alignment:
    """How neurons of two networks of one kind can be matched.

    Attributes:
        apart, joined: a state dict with every stream along an axis of its own, and back.
        streams, axes: of a state dict: what is matched, and which axis of which tensor runs along what.
        activations: (network, weights, inputs) -> site -> (samples, width).
        shuffles: (weights, seed) -> a random order of every stream's neurons.
    """

    apart: Callable[[Weights], Weights]
    joined: Callable[[Weights], Weights]
    streams: Callable[[Weights], Sequence[Stream]]
    axes: Callable[[Weights], Axes]
    activations: Callable[[nn.Module, Weights, Tensor], Mapping[str, Tensor]]
    shuffles: Callable[[Weights, int], Mapping[str, Plan]]


@dataclass(frozen=True)
class Feed:
    """What one family gives.

    Attributes:
        experts: task -> state dict of the experts that take part; `ground` has their vectors.
        blocks: (name, glob over keys) in order of depth, for telling where a method acts.
        pair: anchor and the network that is laid on it, by title; of methods that match neurons.
    """

    ground: Mergeable
    experts: Mapping[str, Weights]
    blocks: Sequence[tuple[str, str]] = ()
    samples: Samples | None = None
    loss: Loss | None = None
    alignment: Alignment | None = None
    pair: Mapping[str, Weights] | None = None

    def need(self, part: str) -> Any:
        """Samples, loss, alignment or pair. Raises MergeError: the family does not give it."""
        found = getattr(self, part)
        if found is None:
            raise MergeError(f"this family gives no {part}: the method cannot be fed")
        return found

    def mean(self) -> dict[str, Tensor]:
        """The plain mean of the experts."""
        total = sum(self.ground.vectors.values(), self.ground.base.new_zeros(()))
        return self.ground.views(self.ground.base + total / len(self.ground.vectors))

    def network(self, merged: Weights) -> dict[str, Tensor]:
        """The base with these tensors in it."""
        return {**self.ground.views(self.ground.base), **merged}


@dataclass(frozen=True)
class Made:
    """What came out.

    Attributes:
        networks: title -> state dict; the method's own first, then what it should be compared with.
        title, columns, rows, values: a matrix that tells where the method acts.
    """

    networks: Mapping[str, Weights]
    title: str
    columns: tuple[str, ...]
    rows: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class FeedStep:
    """One of `total` steps, in words; `loss` of methods that learn; `made` gives what there is by now."""

    done: int
    total: int
    note: str
    loss: float | None = None
    made: Callable[[], Made] | None = None


def made_of(feed: Feed, networks: Mapping[str, Weights]) -> Made:
    """With the share of each expert that the first network keeps in each block: <its change, vector> / |vector|^2."""
    from pipelines.merging.learning import Places
    from pipelines.merging.sums import dot

    ground, own = feed.ground, next(iter(networks.values()))
    places = Places.of(ground.layout, "module", feed.blocks) if feed.blocks else Places.of(ground.layout, "task")
    inner = {task: [0.0] * len(places.names) for task in ground.vectors}
    length = {task: [0.0] * len(places.names) for task in ground.vectors}
    for slot, column in zip(ground.layout.slots, places.columns, strict=True):
        where = slice(slot.start, slot.stop)
        change = own[slot.key].detach().flatten().float() - ground.base[where]
        for task, vector in ground.vectors.items():
            inner[task][int(column)] += dot(change, vector[where])
            length[task][int(column)] += dot(vector[where], vector[where])
    rows = tuple(
        tuple(part / whole if whole else 0.0 for part, whole in zip(inner[task], length[task], strict=True))
        for task in ground.vectors
    )
    return Made(networks, "Share of each expert that is kept", places.names, tuple(ground.vectors), rows)
