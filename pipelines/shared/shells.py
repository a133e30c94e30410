"""Networks without weights, made ahead: a finished merge becomes a runnable network by handing its tensors over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pipelines.shared.family import ModelFamily


class _Place(NamedTuple):
    """Key in the state dict, the dict of its module that holds the tensor, and its name there."""

    key: str
    owner: dict[str, Any]
    name: str
    shape: Any
    is_parameter: bool


class Shell:
    """A network on no device and the places of its tensors. It is filled once."""

    def __init__(self, build: Callable[[], nn.Module]) -> None:
        import torch

        with torch.device("meta"):
            self._model = build().requires_grad_(False).eval()
        self._places = tuple(_places(self._model))

    def filled(self, weights: Mapping[str, Tensor]) -> nn.Module:
        """The network with these tensors as its parameters and buffers; nothing is copied.

        Raises:
            ValueError: a tensor is missing or left over, or has another shape.
        """
        from torch import nn

        if len(weights) != len(self._places):
            known = {place.key for place in self._places}
            raise ValueError(f"the network has other tensors than the mix: {sorted(known ^ set(weights))}")
        parameter = nn.Parameter
        for key, owner, name, shape, is_parameter in self._places:
            tensor = weights.get(key)
            if tensor is None or tensor.shape != shape:
                came = "none" if tensor is None else str(tuple(tensor.shape))
                raise ValueError(f"{key}: the network takes {tuple(shape)}, the mix has {came}")
            owner[name] = parameter(tensor, False) if is_parameter else tensor
        return self._model


class Shells:
    """One shell of each family in reserve; when it is taken the next is made in the background.

    `building` is held while a network is built, for libraries patch globals meanwhile.
    """

    def __init__(self, building: threading.Lock) -> None:
        self._building = building
        self._reserve: dict[str, Shell] = {}
        self._maker: threading.Thread | None = None

    def take(self, family: ModelFamily) -> Shell:
        """A shell to be filled."""
        shell = self._reserve.pop(family.name, None) or self._made(family)
        if self._maker is None or not self._maker.is_alive():
            self._maker = threading.Thread(target=self._refill, args=(family,), name="next network")
            self._maker.start()
        return shell

    def wait(self) -> None:
        """Until the background has nothing to do."""
        if self._maker is not None:
            self._maker.join()

    def _refill(self, family: ModelFamily) -> None:
        self._reserve[family.name] = self._made(family)

    def _made(self, family: ModelFamily) -> Shell:
        with self._building:
            return Shell(family.build)


def _places(model: nn.Module) -> Iterator[_Place]:
    kept = set(model.state_dict())  # without the buffers that are made anew rather than stored
    for prefix, module in model.named_modules(remove_duplicate=False):
        for owner, is_parameter in ((module._parameters, True), (module._buffers, False)):
            for name, tensor in owner.items():
                key = f"{prefix}.{name}" if prefix else name
                if key in kept:
                    yield _Place(key, owner, name, tensor.shape, is_parameter)
