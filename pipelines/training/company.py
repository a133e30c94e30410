"""Experts trained in one another's company: what each has learned is to hold with the others' task vectors added.

A mix adds task vectors, and training one expert alone never shows it such a network. Here every step puts one expert to
work in a network to which the changes of some others are added, by a random coefficient, and mends it alone; the
experts take turns, so none mends what another has just mended. The condition that is trained for is weight
disentanglement (Ortiz-Jimenez et al. 2023, arXiv:2305.12827); training for it like this is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from torch import Tensor, nn
from torch.func import functional_call

PRESENT = 0.75  # how often another expert is there at all
Answer = TypeVar("Answer")


class Company(nn.Module):
    """Experts of one base, each with weights of its own. Only they are trained."""

    def __init__(self, base: nn.Module, experts: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.experts = nn.ModuleDict(experts)
        self._base = (base,)  # in a tuple it is no part of what is trained and stored

    def joined(self, lead: str | None, others: Mapping[str, float], act: Callable[[Any], Answer]) -> Answer:
        """What `act` makes of the leading expert with the changes of others added, by their coefficients.

        Gradients reach the leading expert alone. None is the company without a leader: the base and the others.
        """
        network = self._base[0] if lead is None else self.experts[lead]
        weights = {name: value + self._added(name, others) for name, value in network.named_parameters()}
        named = {f"network.{name}": value for name, value in weights.items()}
        return functional_call(_Called(network), named, (act,))

    def _added(self, name: str, others: Mapping[str, float]) -> Tensor | float:
        start = self._base[0].get_parameter(name).detach()
        changes = (
            coefficient * (self.experts[other].get_parameter(name).detach() - start)
            for other, coefficient in others.items()
        )
        return sum(changes, 0.0)


class _Called(nn.Module):
    """Hands its network, as it stands during a call, to a function."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, act: Callable[[Any], Answer]) -> Answer:
        return act(self.network)


def draw_company(rng: np.random.Generator, others: list[str]) -> dict[str, float]:
    """Coefficients of those that are there, one for all of them, 0 to 1."""
    coefficient = float(rng.random())
    return {name: coefficient for name in others if rng.random() < PRESENT}
