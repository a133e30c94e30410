"""From uploaded pictures to the frames of a task: right order, one size, and a notice for everything that was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.fusion.options import TASKS
from pipelines.shared.errors import UserError
from pipelines.shared.images import OpenedImage, open_image

if TYPE_CHECKING:
    import numpy as np

MOST_PIXELS = 24_000_000
VIF_PX = 41
SAME_ASPECT = 0.01
ONE_EXPOSURE = 3 / 255  # mean lumas closer than this look like one exposure
COLOURED = 0.08  # mean spread of channels from which a thermal or functional frame counts as coloured


@dataclass(frozen=True)
class Notice:
    """One line for the person; level "info" or "warning"."""

    level: str
    text: str


@dataclass(frozen=True)
class FrameSet:
    """Frames of one scene in the order of the task.

    Attributes:
        images: (K, H, W, 3) float32 RGB, 0 to 1.
        alpha: (H, W) float32 where a frame was transparent, else None.
        order: position in the upload of each frame.
    """

    images: np.ndarray
    names: tuple[str, ...]
    sha256s: tuple[str, ...]
    is_grey: tuple[bool, ...]
    order: tuple[int, ...]
    alpha: np.ndarray | None = None
    notices: tuple[Notice, ...] = ()


def load_frames(paths: Sequence[str | Path | None], task: str, fit: str = "ask") -> FrameSet:
    """`open_image` on each path (None is an empty slot), then `prepare_frames`."""
    return prepare_frames([open_image(path) if path else None for path in paths], task, fit)


def prepare_frames(opened: Sequence[OpenedImage | None], task: str, fit: str = "ask") -> FrameSet:
    """Order, resize and check the frames of a task.

    Args:
        fit: what to do with sizes of another shape: "ask" refuses and says what can be done, "crop" cuts both to the
            shape they share, about the centre.

    Raises:
        UserError: a slot is empty, too few or too many frames, sizes that do not go together, too many pixels.
    """
    from pipelines.fusion.operators import luma

    frames = _present(opened, task)
    notices = [Notice("info", text) for frame in frames for text in frame.notices]
    if len({frame.orientation for frame in frames}) > 1:
        notices.append(Notice("warning", "The frames were turned differently by their cameras (EXIF); check them."))
    order = _order(frames, task, notices)
    frames = [frames[position] for position in order]
    frames = _without_false_colour(frames, task, notices)
    images = _one_size(frames, fit, notices)
    if min(images[0].shape[:2]) < VIF_PX:
        notices.append(Notice("info", f"The frames are small: VIF shows n/a (it needs {VIF_PX} px)."))
    if images[0].shape[0] * images[0].shape[1] > MOST_PIXELS:
        raise UserError(
            f"The frames have {images[0].shape[0] * images[0].shape[1] / 1e6:.0f} megapixels; fusion takes "
            f"{MOST_PIXELS / 1e6:.0f}. Make them smaller.",
            title="Image too large",
        )
    import numpy as np

    stack = np.stack(images)
    _warn_of_shift(luma(stack), notices)
    _warn_of_empty_frames(stack, frames, notices)
    return FrameSet(
        stack,
        tuple(frame.name for frame in frames),
        tuple(frame.sha256 for frame in frames),
        tuple(frame.is_grey for frame in frames),
        tuple(order),
        _shared_alpha(frames, stack.shape[1:3]),
        tuple(notices),
    )


def _present(opened: Sequence[OpenedImage | None], task: str) -> list[OpenedImage]:
    wanted = TASKS[task]
    missing = [index for index, frame in enumerate(opened) if frame is None]
    slots = wanted.slots if len(wanted.slots) > 1 else tuple(f"{wanted.slots[0]} {i + 1}" for i in range(6))
    if missing or len(opened) < 2:
        slot = slots[missing[0] if missing else len(opened)]
        raise UserError(f"{wanted.title}: the {slot} is missing; add it.", title="A frame is missing")
    if len(opened) > wanted.most_frames and task != "mef":
        raise UserError(f"{wanted.title} takes at most {wanted.most_frames} frames; {len(opened)} came.")
    return [frame for frame in opened if frame is not None]


def _order(frames: list[OpenedImage], task: str, notices: list[Notice]) -> list[int]:
    if task == "mef":
        return _by_brightness(frames, notices)
    if task == "med" and _spread(frames[0]) > COLOURED > _spread(frames[1]):
        notices.append(Notice("info", "The coloured frame came first; it is taken as PET or SPECT, the other as MRI."))
        return [1, 0]
    return list(range(len(frames)))


def _by_brightness(frames: list[OpenedImage], notices: list[Notice]) -> list[int]:
    """Brightest first, by EXIF exposure value if all frames have one, else by mean luma; at most six are kept."""
    from pipelines.fusion.operators import luma

    means = [float(luma(frame.pixels).mean()) for frame in frames]
    exposures = [frame.exposure_ev for frame in frames]
    if all(value is not None for value in exposures) and len(set(exposures)) == len(exposures):
        order = sorted(range(len(frames)), key=lambda i: exposures[i])  # type: ignore[arg-type,return-value]
    else:
        order = sorted(range(len(frames)), key=lambda i: -means[i])
    if order != list(range(len(frames))):
        notices.append(Notice("info", "The exposures are sorted, brightest first."))
    if max(means) - min(means) < ONE_EXPOSURE:
        notices.append(Notice("warning", "The frames are equally bright: this looks like one exposure, not a bracket."))
    return _at_most_six(order, means, notices)


def _at_most_six(order: list[int], means: list[float], notices: list[Notice]) -> list[int]:
    """Brightest, darkest and four spread evenly in mean log luma between them."""
    if len(order) <= 6:
        return order
    import numpy as np

    logs = np.log2(np.array([means[i] for i in order]) + 1e-3)
    inner, kept = list(range(1, len(order) - 1)), [0, len(order) - 1]
    for wanted in np.linspace(logs[0], logs[-1], 6)[1:-1]:
        best = min(inner, key=lambda i: abs(logs[i] - wanted))
        inner.remove(best)
        kept.append(best)
    notices.append(Notice("info", f"{len(order)} exposures came; 6 are used, spread evenly in brightness."))
    return [order[i] for i in sorted(kept)]


def _spread(frame: OpenedImage) -> float:
    import numpy as np

    return float(np.ptp(frame.pixels, axis=-1).mean())


def _without_false_colour(frames: list[OpenedImage], task: str, notices: list[Notice]) -> list[OpenedImage]:
    """A thermal frame in false colour is taken by its luma."""
    if task != "ivis" or _spread(frames[0]) < COLOURED:
        return frames
    import numpy as np

    from pipelines.fusion.operators import luma

    grey = np.repeat(luma(frames[0].pixels)[..., None], 3, -1)
    notices.append(Notice("warning", f"{frames[0].name} is in false colour; its luma is taken as the temperature."))
    return [replace(frames[0], pixels=grey, is_grey=True), *frames[1:]]


def _one_size(frames: list[OpenedImage], fit: str, notices: list[Notice]) -> list[np.ndarray]:
    """All frames at the size of the smallest; never stretched."""
    import cv2

    sizes = [frame.pixels.shape[:2] for frame in frames]
    if len(set(sizes)) == 1:
        return [frame.pixels for frame in frames]
    aspects = [width / height for height, width in sizes]
    images = [frame.pixels for frame in frames]
    if max(aspects) / min(aspects) - 1 > SAME_ASPECT:
        if fit != "crop":
            listed = ", ".join(f"{frame.name} {w} × {h}" for frame, (h, w) in zip(frames, sizes, strict=True))
            raise UserError(
                f"The frames have different shapes ({listed}) and are not stretched. "
                "Choose “crop to the shared shape”, or bring frames of one shape.",
                title="Sizes do not go together",
            )
        images = [_cropped(image, min(aspects)) for image in images]
        notices.append(Notice("warning", "The frames had different shapes; they are cropped about the centre."))
    height, width = min((image.shape[:2] for image in images), key=lambda size: size[0] * size[1])
    notices.append(Notice("info", f"The frames had different sizes; all are used at {width} × {height}."))
    return [
        image
        if image.shape[:2] == (height, width)
        else cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        for image in images
    ]


def _cropped(image: np.ndarray, aspect: float) -> np.ndarray:
    """The centre part with width / height = aspect."""
    height, width = image.shape[:2]
    new_width, new_height = (
        (round(height * aspect), height) if width / height > aspect else (width, round(width / aspect))
    )
    left, top = (width - new_width) // 2, (height - new_height) // 2
    return image[top : top + new_height, left : left + new_width]


def _shared_alpha(frames: list[OpenedImage], size_hw: tuple[int, ...]) -> np.ndarray | None:
    """What all frames cover, at the size of the result and cut as they were; None if all are opaque."""
    import cv2
    import numpy as np

    height, width = size_hw[:2]
    masks = [_cropped(frame.alpha, width / height) for frame in frames if frame.alpha is not None]
    resized = [cv2.resize(mask, (width, height), interpolation=cv2.INTER_AREA) for mask in masks]
    return np.minimum.reduce(resized) if resized else None


def _warn_of_empty_frames(stack: np.ndarray, frames: list[OpenedImage], notices: list[Notice]) -> None:
    """Frames without a picture in them, or all the same: fusion has nothing to add, and says so."""
    flat = [
        frame.name for image, frame in zip(stack, frames, strict=True) if float(image.max() - image.min()) < 1 / 255
    ]
    notices.extend(Notice("warning", f"{name} is one even tone: it adds nothing to the result.") for name in flat)
    if all((image == stack[0]).all() for image in stack[1:]):
        notices.append(Notice("warning", "All frames are identical: the result is that picture."))


def _warn_of_shift(planes: np.ndarray, notices: list[Notice]) -> None:
    from pipelines.fusion.align import estimate_shift

    limit = max(2.0, 0.005 * max(planes.shape[1:]))
    for index in range(1, len(planes)):
        dx, dy = estimate_shift(planes[0], planes[index])
        if (dx * dx + dy * dy) ** 0.5 > limit:
            where = f"Frame {index + 1} lies about {dx:+.0f}, {dy:+.0f} px beside frame 1."
            text = f"{where} Press Align if they should agree."
            notices.append(Notice("warning", text))
