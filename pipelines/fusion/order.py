"""Which frame is which: exposures by brightness, at most six of them, and a functional slice after the MRI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipelines.shared.notice import Notice, info, warning

if TYPE_CHECKING:
    import numpy as np

    from pipelines.shared.images import OpenedImage

ONE_EXPOSURE = 3 / 255  # mean lumas closer than this look like one exposure
MOST_EXPOSURES = 6
COLOURED = 0.08  # mean spread of channels, where a picture is not black, from which it counts as coloured
LIT = 0.1  # what is darker is black: the air around a head has no colour


def in_order(frames: Sequence[OpenedImage], task: str) -> tuple[list[int], list[Notice]]:
    """Positions of the frames in the order of the task, and what is to be said about it."""
    if task == "mef":
        return by_brightness([brightness_of(frame) for frame in frames])
    if task == "med" and colour_of(frames[0].pixels) > COLOURED > colour_of(frames[1].pixels):
        return [1, 0], [info("The coloured frame came first; it is taken as PET or SPECT, the other as MRI.")]
    return list(range(len(frames))), []


def colour_of(pixels: np.ndarray) -> float:
    """Mean difference of the largest and the smallest channel where (H, W, 3) is not black; 0 for grey."""
    import numpy as np

    lit = pixels.max(-1) > LIT
    return float(np.ptp(pixels, axis=-1)[lit].mean()) if lit.any() else 0.0


@dataclass(frozen=True)
class Brightness:
    """What decides the place of an exposure: its mean luma 0..1, and its exposure value where EXIF tells it."""

    mean: float
    exposure_ev: float | None


def brightness_of(frame: OpenedImage) -> Brightness:
    """Of one exposure."""
    from pipelines.fusion.operators import luma

    return Brightness(float(luma(frame.pixels).mean()), frame.exposure_ev)


def by_brightness(seen: Sequence[Brightness]) -> tuple[list[int], list[Notice]]:
    """Brightest first, by EXIF exposure value if all frames have one, else by mean luma; at most six are kept."""
    notices = []
    means = [one.mean for one in seen]
    exposures = [one.exposure_ev for one in seen if one.exposure_ev is not None]
    is_told = len(exposures) == len(seen) == len(set(exposures))
    order = sorted(range(len(seen)), key=lambda i: exposures[i] if is_told else -means[i])
    if order != list(range(len(seen))):
        notices.append(info("The exposures are sorted, brightest first."))
    if len(seen) > 1 and max(means) - min(means) < ONE_EXPOSURE:
        notices.append(warning("The frames are equally bright: this looks like one exposure, not a bracket."))
    if len(order) > MOST_EXPOSURES:
        notices.append(info(f"{len(order)} exposures came; 6 are used, spread evenly in brightness."))
        order = _spread_evenly(order, means)
    return order, notices


def _spread_evenly(order: list[int], means: Sequence[float]) -> list[int]:
    """Brightest, darkest and four spread evenly in mean log luma between them."""
    import numpy as np

    logs = np.log2(np.array([means[i] for i in order]) + 1e-3)
    inner, kept = list(range(1, len(order) - 1)), [0, len(order) - 1]
    for wanted in np.linspace(logs[0], logs[-1], MOST_EXPOSURES)[1:-1]:
        best = min(inner, key=lambda i: abs(logs[i] - wanted))
        inner.remove(best)
        kept.append(best)
    return [order[i] for i in sorted(kept)]
