"""From the samples of a file to tones from black to white."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

WINDOW = (0.5, 99.5)  # percentiles of a deep grey picture that become black and white


def scaled(
    values: np.ndarray, label: str, window: tuple[float, float] | None, notices: list[str], warned: list[str]
) -> np.ndarray:
    """0..1: eight bits by 255; colour of 16 bits over its whole range, so that exposures stay comparable; deep greys
    and floats by a window of percentiles, one for all channels."""
    import numpy as np

    if values.dtype == np.uint8:
        return values.astype(np.float32) / 255
    if values.dtype == np.uint16 and values.shape[-1] == 3:
        return values.astype(np.float32) / 65535
    is_whole_range = window is None and values.dtype.kind in "ui" and int(values.max()) <= 65535
    numbers = values.astype(np.promote_types(values.dtype, np.float32))  # 64 bits where they came: colour is large
    broken = ~np.isfinite(numbers)
    if broken.any():
        warned.append(f"{label} has {int(broken.sum()):,} values that are no numbers; they are set to 0.")
    low, high = (0.0, 65535.0) if is_whole_range else _window(numbers[~broken], window or WINDOW)
    numbers[broken] = low
    notices.append(f"{label} has more than 8 bits; its values {low:.6g} to {high:.6g} are shown from black to white.")
    numbers -= low
    numbers /= max(high - low, 1e-12)
    return np.clip(numbers, 0, 1, out=numbers).astype(np.float32, copy=False)


def _window(known: np.ndarray, window: tuple[float, float]) -> tuple[float, float]:
    """Percentiles of the sound values (a border of NaN must not widen them); all of them where those are one."""
    import numpy as np

    if not known.size:
        return 0.0, 0.0
    low, high = (float(value) for value in np.percentile(known, window))
    return (low, high) if high > low else (float(known.min()), float(known.max()))
