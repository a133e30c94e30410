"""Which device networks run on, how much memory they may take, and how much there is."""

from __future__ import annotations

import os
import re

from pipelines.shared.errors import UserError

DEVICE = re.compile(r"cpu|mps|cuda(:\d{1,2})?")


def chosen_device(flag: str | None = None) -> str:
    """The device asked for: by a flag, else by MIXDECK_DEVICE, else the processor. It may not be there.

    Raises:
        UserError: no name of a device.
    """
    variable = os.environ.get("MIXDECK_DEVICE", "").strip()
    name = flag or variable or "cpu"
    if not DEVICE.fullmatch(name):
        source = "--device" if flag else "MIXDECK_DEVICE"
        raise UserError(f"{source} is {name!r}; it should be cpu, cuda, cuda:0 (or another number) or mps.")
    return name


def budget_bytes(variable: str) -> int | None:
    """A memory budget in GB (10^9 bytes) from the environment: MIXDECK_RAM_GB or MIXDECK_VRAM_GB; None if unset.

    Raises:
        UserError: set, but not a positive number.
    """
    text = os.environ.get(variable)
    return size_in_bytes(variable, text) if text else None


def size_in_bytes(source: str, text: str) -> int:
    """A size in GB (10^9 bytes) as somebody wrote it; `source` names the flag or variable that it comes from.

    Raises:
        UserError: not a positive number.
    """
    try:
        size = float(text)
    except ValueError:
        size = 0.0
    if not 0 < size < 1e6:
        raise UserError(f"{source} is {text!r}; it should be a number of gigabytes, such as 4 or 0.5.")
    return int(size * 1e9)


def free_bytes(device: str) -> int:
    """Memory that is free on a device; of one that shares main memory, that."""
    if device.startswith("cuda"):
        import torch

        return torch.cuda.mem_get_info(device)[0]
    import psutil

    return psutil.virtual_memory().available
