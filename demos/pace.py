"""How large a preview may be: chosen from how long the last ones took, so that a fader never drags its picture."""

from __future__ import annotations

TARGET_S = 0.08  # of the network; reading the page, encoding and the way to the browser take as long again
SIZES = (10_000, 14_000, 20_000, 28_000, 40_000, 57_000, 80_000)  # pixels; few, so that a way back finds its results


class Pace:
    """One number, seconds per pixel, that follows the machine: half of it is the last run's. Safe to share."""

    def __init__(self, target_s: float = TARGET_S) -> None:
        self._target_s = target_s
        self._per_pixel_s: float | None = None

    @property
    def pixels(self) -> int:
        """The largest of SIZES that should stay within the target; the middle one before anything was timed."""
        if self._per_pixel_s is None:
            return SIZES[len(SIZES) // 2]
        fitting = [size for size in SIZES if size * self._per_pixel_s <= self._target_s]
        return max(fitting, default=SIZES[0])

    def note(self, pixels: int, seconds: float) -> None:
        """A run of that many pixels took that long."""
        measured = seconds / max(pixels, 1)
        self._per_pixel_s = measured if self._per_pixel_s is None else (self._per_pixel_s + measured) / 2
