"""Published checkpoints, read by the libraries that know them: transformers and diffusers build, accelerate places.

Differs from the embedded tier: the network's class, its sizes and the names of its weights come from the checkpoint
folder, and one mix of all of them is in memory at a time (`Turns`).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from torch import nn

    from pipelines.shared.family import ModelSpec

LIBRARIES = ("transformers", "diffusers")
ROOM_FOR_ACTIVATIONS = 0.85  # share of the device budget that weights may take before layers are offloaded


@dataclass(frozen=True)
class Pretrained:
    """`build` of a full-tier family: a class that reads checkpoint folders itself, "transformers:CLIPModel".

    `subfolder`: the part of a diffusers pipeline, "transformer" or "unet".
    `spare`: a submodule, "encoder.pooler", that nothing reads and some checkpoints lack: taken off, so that all agree.
    """

    reference: str
    subfolder: str = ""
    spare: str = ""

    def __call__(self) -> nn.Module:
        """Not possible without a checkpoint: use `load`."""
        raise TypeError(f"{self.reference} has no sizes of its own; they come with a checkpoint: use load(folder)")

    def load(self, folder: Path) -> nn.Module:
        """The network with its weights, float32, in eval, on the CPU. Code that lies in the folder is never run.

        Raises:
            UserError: no safetensors in the folder, or not a checkpoint of this class.
        """
        place = folder / self.subfolder
        if not any(place.glob("*.safetensors")):
            raise UserError(
                f"{folder.name} has no .safetensors{f' in {self.subfolder}' if self.subfolder else ''}. Other formats "
                "can hide programs and are not opened.",
                title="Format not accepted",
            )
        try:
            model, found = self._class().from_pretrained(place, **self._options())
        except (OSError, ValueError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise UserError(f"{folder.name} is no checkpoint of {self.reference}: {reason}") from error
        if self.spare:
            owner, _, name = self.spare.rpartition(".")
            setattr(model.get_submodule(owner), name, None)
        missing = [key for key in found["missing_keys"] if not self.spare or not key.startswith(f"{self.spare}.")]
        if absent := sorted([*missing, *found["mismatched_keys"]], key=str):
            raise UserError(
                f"{folder.name} is no checkpoint of {self.reference}: it lacks {absent[0]}"
                f"{f' and {len(absent) - 1} more' if len(absent) > 1 else ''}, which would be random numbers."
            )
        return model.eval()

    def _class(self) -> Any:
        library, _, name = self.reference.partition(":")
        if library not in LIBRARIES:
            raise UserError(f"{self.reference!r}: expected LIBRARY:CLASS with one of {', '.join(LIBRARIES)}.")
        return getattr(import_module(library), name)

    def _options(self) -> dict[str, Any]:
        import torch

        dtype = "dtype" if self.reference.startswith("transformers") else "torch_dtype"
        safe = {"use_safetensors": True, "local_files_only": True, "low_cpu_mem_usage": True}
        return safe | {"output_loading_info": True, dtype: torch.float32}


def folder_of(spec: ModelSpec) -> Path:
    """Folder of a full-tier checkpoint.

    Raises:
        UserError: not on this machine, or not a source of folders.
    """
    kind, _, rest = spec.source.partition(":")
    if kind == "hub":
        from pipelines.shared.hub import snapshot

        return snapshot(rest)
    if kind == "folder" and Path(rest).is_dir():
        return Path(rest)
    raise UserError(f"{spec.name}: no checkpoint folder at {spec.source}.", title="Weights are missing")


def emptied(model: nn.Module) -> nn.Module:
    """The same network with parameters that take no memory, as a mould for mixes; buffers keep their values."""
    from torch import nn

    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            module.register_parameter(name, nn.Parameter(parameter.detach().to("meta"), requires_grad=False))
    return model


def place(model: nn.Module, device: str, device_bytes: int) -> nn.Module:
    """The network on the device; what does not fit on a CUDA device stays in main memory and comes layer by layer.

    "mps" works in main memory, so there a network is moved whole, whatever its size.
    """
    if device == "cpu":
        return model
    size = sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers()))
    room = int(device_bytes * ROOM_FOR_ACTIVATIONS)
    if size <= room or not device.startswith("cuda"):
        return model.to(device)
    from accelerate import dispatch_model, infer_auto_device_map

    whole = getattr(model, "_no_split_modules", None)
    index = int(device.partition(":")[2] or 0)
    limits = {index: room, "cpu": 2 * size}
    layers = infer_auto_device_map(model, max_memory=limits, no_split_module_classes=list(whole or ()))
    return dispatch_model(model, layers, main_device=index)


@dataclass
class Turns:
    """Lets many hold the same thing at once, but different things only one after the other, in the order asked.

    Nobody passes one who waits: a stream of visitors of one mix cannot keep another mix out for ever.
    """

    _changed: threading.Condition = field(default_factory=threading.Condition, repr=False)
    _waiting: deque[object] = field(default_factory=deque, repr=False)
    _current: Hashable = None
    _holders: int = 0

    @contextmanager
    def turn(self, thing: Hashable) -> Iterator[None]:
        """Wait until `thing` may be held; hold it."""
        ticket = object()
        with self._changed:
            self._waiting.append(ticket)
            try:
                self._changed.wait_for(lambda: self._waiting[0] is ticket and self._is_free_for(thing))
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
            self._current = thing
            self._holders += 1
        try:
            yield
        finally:
            with self._changed:
                self._holders -= 1
                self._changed.notify_all()

    def _is_free_for(self, thing: Hashable) -> bool:
        return self._holders == 0 or self._current == thing
