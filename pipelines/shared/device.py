"""Where networks run, and how much memory they may take there."""

from __future__ import annotations

import os

from pipelines.shared.errors import UserError

KINDS = ("cpu", "cuda", "mps")


def choose_device(name: str | None = None) -> str:
    """A device that is there: the one asked for, else MIXDECK_DEVICE, else the best.

    Raises:
        UserError: no such device here.
    """
    name = name or os.environ.get("MIXDECK_DEVICE") or "auto"
    if name == "cpu":
        return name
    present = _present()
    if name == "auto":
        return present[-1]
    kind, _, number = name.partition(":")
    if kind not in present or not _has_number(kind, number):
        raise UserError(f"Device {name!r} is not here; there is {', '.join(present)}.", title="No such device")
    return name


def budget_bytes(variable: str) -> int | None:
    """A memory budget in GB (10^9 bytes) from the environment: MIXDECK_RAM_GB or MIXDECK_VRAM_GB; None if unset.

    Raises:
        UserError: set, but not a positive number.
    """
    text = os.environ.get(variable)
    if not text:
        return None
    try:
        size = float(text)
    except ValueError:
        size = 0.0
    if not 0 < size < 1e6:
        raise UserError(f"{variable} is {text!r}; it should be a number of gigabytes, such as 4 or 0.5.")
    return int(size * 1e9)


def free_bytes(device: str) -> int:
    """Memory that is free on a device; of one that shares main memory, that."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.mem_get_info(device)[0]
    import psutil

    return psutil.virtual_memory().available


def _present() -> list[str]:
    """Kinds of device that can be used, the best last."""
    import torch

    return [
        "cpu",
        *(["mps"] if torch.backends.mps.is_available() else []),
        *(["cuda"] if torch.cuda.is_available() else []),
    ]


def _has_number(kind: str, number: str) -> bool:
    import torch

    if not number:
        return True
    return number.isdigit() and int(number) < (torch.cuda.device_count() if kind == "cuda" else 1)
