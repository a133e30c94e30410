"""From uploaded pictures to the frames of a task: right order, one size, and a notice for everything that was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.fusion.options import TASKS, FusionOptions
from pipelines.shared.errors import UserError
from pipelines.shared.images import OpenedImage, open_image
from pipelines.shared.notice import Notice, info, warning

if TYPE_CHECKING:
    import numpy as np

    from pipelines.fusion.sizes import Fitting

MOST_PIXELS = 24_000_000  # of each frame of two
MOST_PIXELS_TOGETHER = 40_000_000  # of three and more; both keep a fusion below 2 GB
VIF_PX = 41


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


def load_frames(paths: Sequence[str | Path | None], options: FusionOptions | str, fit: str | None = None) -> FrameSet:
    """`open_image` on each path (None is an empty slot), then `prepare_frames`."""
    asked = _asked(options, fit)
    return prepare_frames([open_image(path, window=window_of(asked)) if path else None for path in paths], asked)


def window_of(options: FusionOptions) -> tuple[float, float] | None:
    """Percentiles for deep greys; None for frames of one camera, whose brightness must stay comparable."""
    return options.window if TASKS[options.task].roles else None


def prepare_frames(
    opened: Sequence[OpenedImage | None], options: FusionOptions | str, fit: str | None = None
) -> FrameSet:
    """Order, resize and check the frames of a task.

    Args:
        options: or the name of a task, for its defaults. Of the options those of `for_frames` count.
        fit: stands over that of the options.

    Raises:
        UserError: a slot is empty, too few or too many frames, sizes that do not go together, too many pixels.
    """
    asked = _asked(options, fit)
    frames, order, notices = arranged(opened, asked)
    del opened  # else large pictures would be kept twice
    fitted = fitted_within_limits(frames, asked)
    gathered = gather(frames, order, fitted)
    return replace(gathered, notices=(*notices, *fitted.notices, *_warnings(gathered)))


def arranged(
    opened: Sequence[OpenedImage | None], options: FusionOptions
) -> tuple[list[OpenedImage], list[int], list[Notice]]:
    """Frames in the order of the task, a thermal one without false colour; their positions, and what is to be said."""
    from pipelines.fusion.order import in_order

    frames = _present(opened, options.task)
    notices = [info(text) for frame in frames for text in frame.notices]
    notices += [warning(text) for frame in frames for text in frame.warnings]
    if len({frame.orientation for frame in frames}) > 1:
        notices.append(warning("The frames were turned differently by their cameras (EXIF); check them."))
    order, said = in_order(frames, options.task)
    frames = [frames[position] for position in order]
    if options.task == "ivis":
        frames[0], told = _as_temperature(frames[0], options.palette)
        said = [*said, *told]
    return frames, order, [*notices, *said]


def _asked(options: FusionOptions | str, fit: str | None) -> FusionOptions:
    chosen = FusionOptions(task=options) if isinstance(options, str) else options
    return chosen if fit is None else replace(chosen, fit=fit)


def _present(opened: Sequence[OpenedImage | None], task: str) -> list[OpenedImage]:
    wanted = TASKS[task]
    missing = [index for index, frame in enumerate(opened) if frame is None]
    slots = wanted.slots if len(wanted.slots) > 1 else tuple(f"{wanted.slots[0]} {i + 1}" for i in range(6))
    if missing or len(opened) < wanted.fewest_frames:
        slot = slots[missing[0] if missing else len(opened)]
        raise UserError(f"{wanted.title}: the {slot} is missing; add it.", title="A frame is missing")
    if len(opened) > wanted.most_frames and task != "mef":
        raise UserError(f"{wanted.title} takes at most {wanted.most_frames} frames; {len(opened)} came.")
    return [frame for frame in opened if frame is not None]


def _as_temperature(frame: OpenedImage, palette: str) -> tuple[OpenedImage, list[Notice]]:
    """A thermal frame in false colour as grey: its palette turned back, or its luma."""
    from pipelines.fusion.false_colour import inverted
    from pipelines.fusion.options import PALETTES

    name = chosen_palette(frame, palette)
    if name is None:
        return frame, []
    why = "as asked" if palette == name else "no known palette fits" if name == "luma" else "recognised"
    if name in PALETTES:
        said = info(f"{frame.name} is in false colour: its palette {name} ({why}) is turned back into temperature.")
        return _grey(frame, inverted(frame.pixels, name)), [said]
    from pipelines.fusion.operators import luma

    said = warning(f"{frame.name} is in colour; its luma is taken as the temperature ({why}).")
    return _grey(frame, luma(frame.pixels)), [said]


def chosen_palette(frame: OpenedImage, palette: str) -> str | None:
    """The palette by which a thermal frame is read: as asked, or for "auto" as seen; None if it is grey."""
    from pipelines.fusion.false_colour import GOOD_FIT, recognise
    from pipelines.fusion.order import COLOURED, colour_of

    if frame.is_grey or palette != "auto":
        return None if frame.is_grey else palette
    if colour_of(frame.pixels) < COLOURED:
        return None
    name, distance = recognise(frame.pixels)
    return name if distance <= GOOD_FIT else "luma"


def _grey(frame: OpenedImage, plane: np.ndarray) -> OpenedImage:
    import numpy as np

    return replace(frame, pixels=np.repeat(plane[..., None], 3, -1), is_grey=True)


def fitted_within_limits(frames: Sequence[OpenedImage], options: FusionOptions) -> Fitting:
    """The grid, if a fusion on it stays below the limits."""
    from pipelines.fusion.sizes import fitting

    found = fitting(frames, options)
    pixels, count = found.size_wh[0] * found.size_wh[1], len(frames)
    most = MOST_PIXELS if count <= 2 else min(MOST_PIXELS, MOST_PIXELS_TOGETHER // count)
    if pixels > most:
        raise UserError(
            f"The frames have {pixels / 1e6:.0f} megapixels each; fusion takes at most {most / 1e6:.0f} of {count} "
            "frames. Make them smaller, or bring fewer.",
            title="Image too large",
        )
    return found


def gather(frames: list[OpenedImage], order: Sequence[int], fitted: Fitting) -> FrameSet:
    """Frames in the order of the task, each brought onto the grid, in the list too."""
    import numpy as np

    alpha = _shared_alpha(frames, fitted)
    stack = np.empty((len(frames), fitted.size_wh[1], fitted.size_wh[0], 3), np.float32)
    for index in range(len(frames)):
        stack[index] = fitted.apply(index, frames[index].pixels)
        frames[index] = replace(frames[index], pixels=stack[index])  # the picture as it came is let go
    return FrameSet(
        stack,
        tuple(frame.name for frame in frames),
        tuple(frame.sha256 for frame in frames),
        tuple(frame.is_grey for frame in frames),
        tuple(order),
        alpha,
    )


def _warnings(frames: FrameSet) -> list[Notice]:
    """What the frames look like, once they lie on one grid."""
    from pipelines.fusion.operators import luma

    said: list[Notice] = []
    if min(frames.images.shape[1:3]) < VIF_PX:
        said.append(info(f"The frames are small: VIF shows n/a (it needs {VIF_PX} px)."))
    if len(frames.images) == 1:
        said.append(warning("One exposure came: there is nothing to fuse, it is given back as it is."))
    else:
        _warn_of_shift(luma(frames.images), said)
        _warn_of_empty_frames(frames.images, frames.names, said)
    return said


def _shared_alpha(frames: Sequence[OpenedImage], fitted: Fitting) -> np.ndarray | None:
    """What all frames cover, on the grid; None if all are opaque."""
    import numpy as np

    masks = [fitted.apply(index, frame.alpha) for index, frame in enumerate(frames) if frame.alpha is not None]
    return np.minimum.reduce(masks) if masks else None


def _warn_of_empty_frames(stack: np.ndarray, names: Sequence[str], notices: list[Notice]) -> None:
    """Frames without a picture in them, or all the same: fusion has nothing to add, and says so."""
    flat = [name for image, name in zip(stack, names, strict=True) if float(image.max() - image.min()) < 1 / 255]
    notices.extend(warning(f"{name} is one even tone: it adds nothing to the result.") for name in flat)
    if all((image == stack[0]).all() for image in stack[1:]):
        notices.append(warning("All frames are identical: the result is that picture."))


def _warn_of_shift(planes: np.ndarray, notices: list[Notice]) -> None:
    from pipelines.fusion.align import estimate_shift

    limit = max(2.0, 0.005 * max(planes.shape[1:]))
    for index in range(1, len(planes)):
        dx, dy = estimate_shift(planes[0], planes[index])
        if (dx * dx + dy * dy) ** 0.5 > limit:
            where = f"Frame {index + 1} lies about {dx:+.0f}, {dy:+.0f} px beside frame 1."
            text = f"{where} Press Align if they should agree."
            notices.append(warning(text))
