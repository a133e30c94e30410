"""Networks without weights, made ahead: a finished merge becomes a runnable network by handing its tensors over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

    from pipelines.shared.family import ModelFamily


class Shell:
    """A network on no device and the places of its tensors. It is filled once."""

    def __init__(self, build: Callable[[], nn.Module]) -> None:
        import torch

        with torch.device("meta"):
            self._model = build().requires_grad_(False).eval()
        self._places = list(_places(self._model))

    def filled(self, weights: Mapping[str, Tensor]) -> nn.Module:
        """The network with these tensors as its parameters and buffers; nothing is copied.

        Raises:
            ValueError: a tensor is missing or left over, or has another shape.
        """
        from torch import nn

        if len(weights) != len(self._places):
            known = {key for key, *_ in self._places}
            raise ValueError(f"the network has other tensors than the mix: {sorted(known ^ set(weights))}")
        for key, tensors, name in self._places:
            tensor, old = weights.get(key), tensors[name]
            if tensor is None or tensor.shape != old.shape:
                came = "none" if tensor is None else str(tuple(tensor.shape))
                raise ValueError(f"{key}: the network takes {tuple(old.shape)}, the mix has {came}")
            tensors[name] = nn.Parameter(tensor, requires_grad=False) if isinstance(old, nn.Parameter) else tensor
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


def _places(model: nn.Module) -> Iterator[tuple[str, dict, str]]:
    """Key in the state dict, the dict of its module that holds the tensor, and its name there."""
    kept = set(model.state_dict())  # without the buffers that are made anew rather than stored
    for prefix, module in model.named_modules(remove_duplicate=False):
        for tensors in (module._parameters, module._buffers):
            for name in tensors:
                key = f"{prefix}.{name}" if prefix else name
                if key in kept:
                    yield key, tensors, name
