"""The cache a command works with, and progress on a terminal while it works."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.shared.cache import ModelCache

ASSETS = Path(__file__).resolve().parents[2] / "assets"


def open_cache(device: str | None = None) -> ModelCache:
    """A cache on the shipped assets; None takes MIXDECK_DEVICE, else the processor.

    Raises:
        UserError: the device is not there.
    """
    from pipelines.shared.cache import ModelCache
    from pipelines.shared.device import chosen_device

    name = chosen_device(device)
    _check_device(name)
    return ModelCache(ASSETS, device=name)


def named(reference: str) -> Callable[..., Any]:
    """The function behind "module:function"."""
    module, _, function = reference.partition(":")
    return getattr(importlib.import_module(module), function)


@contextmanager
def working(title: str) -> Iterator[None]:
    """A running clock on the terminal during the `with` block; nothing where stderr is no terminal."""
    from tqdm import tqdm

    done = threading.Event()
    with tqdm(bar_format="{desc} {elapsed}", desc=title, leave=False, disable=None) as bar:
        clock = threading.Thread(target=_tick, args=(bar, done), daemon=True)
        clock.start()
        try:
            yield
        finally:
            done.set()
            clock.join()


def _tick(bar: Any, done: threading.Event) -> None:
    while not done.wait(1.0):
        bar.refresh()


def _check_device(device: str) -> None:
    if device == "cpu":
        return
    import torch

    kind = device.partition(":")[0]
    is_there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not is_there.get(kind, False):
        raise UserError(f"Device {device!r} is not on this machine; `--device cpu` takes the processor.")
