"""How much memory networks may take, and how much there is."""

from __future__ import annotations

import os

from pipelines.shared.errors import UserError


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
