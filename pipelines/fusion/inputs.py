"""From uploaded pictures to the frames of a task: right order, one size, and a notice for everything that was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.fusion.options import TASKS, FusionOptions
from pipelines.fusion.order import MOST_EXPOSURES, brightness_of, by_brightness, in_order
from pipelines.shared.errors import UserError
from pipelines.shared.images import OpenedImage, image_size, open_image
from pipelines.shared.notice import Notice, info, warning

if TYPE_CHECKING:
    import numpy as np

    from pipelines.fusion.sizes import Fitting

MOST_PIXELS = 24_000_000  # of each frame of two
MOST_PIXELS_TOGETHER = 40_000_000  # of three and more; both keep a fusion below 2 GB
MOST_PIXELS_READ = 120_000_000  # of all frames as they came: 1.4 GB
MOST_FILES = 64
VIF_PX = 41
Source = str | Path | bytes


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


def load_frames(
    sources: Sequence[Source | None], options: FusionOptions | str, fit: str | None = None,
    names: Sequence[str] | None = None,
) -> FrameSet:  # fmt: skip
    """`open_image` on each path or content (None is an empty slot), then `prepare_frames`.

    How many came and how large they are is checked before a pixel is read.

    Args:
        names: of the files, where `sources` are their contents.
    """
    asked = _asked(options, fit)
    check_count(sources, asked.task)
    files = [(one, names[k] if names else None) for k, one in enumerate(sources) if one is not None]
    _check_headers([image_size(*file) for file in files], asked)
    if asked.task == "mef" and len(files) > MOST_EXPOSURES:
        return _spread_of(files, asked)
    return prepare_frames([open_image(*file, window=window_of(asked)) for file in files], asked)


def _spread_of(files: Sequence[tuple[Source, str | None]], options: FusionOptions) -> FrameSet:
    """The six of many exposures: each is read alone to choose, then those, so that never more are held."""
    window = window_of(options)
    order, said = by_brightness([brightness_of(open_image(*file, window=window)) for file in files])
    kept = enumerate(order)  # their rank stands for what EXIF may tell of some of them
    frames = prepare_frames(
        [replace(open_image(*files[k], window=window), exposure_ev=float(rank)) for rank, k in kept], options
    )
    return replace(frames, order=tuple(order), notices=tuple(dict.fromkeys((*said, *frames.notices))))


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
    check_count(opened, options.task)
    frames = [frame for frame in opened if frame is not None]
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


def check_count(slots: Sequence[object | None], task: str) -> None:
    """Raises UserError: a slot is empty (None), too few or too many came."""
    wanted, came = TASKS[task], len(slots)
    missing = [index for index, one in enumerate(slots) if one is None]
    names = wanted.slots if len(wanted.slots) > 1 else tuple(f"{wanted.slots[0]} {i + 1}" for i in range(MOST_FILES))
    most = MOST_FILES if task == "mef" else wanted.most_frames
    if came > most:
        used = f" and uses {MOST_EXPOSURES} of them" if task == "mef" else ""
        raise UserError(f"{wanted.title} takes at most {most} frames{used}; {came} came. Bring fewer.")
    if missing or came < wanted.fewest_frames:
        slot = names[missing[0] if missing else came]
        raise UserError(f"{wanted.title}: the {slot} is missing; add it.", title="A frame is missing")


def _check_headers(sizes_wh: Sequence[tuple[int, int]], options: FusionOptions) -> None:
    """Refuses what cannot be fused, whatever is in the pictures."""
    from pipelines.fusion.sizes import grid_of

    count = min(len(sizes_wh), TASKS[options.task].most_frames)
    grid = grid_of([(height, width) for width, height in sizes_wh], options)
    if grid:
        _check_pixels(grid[0] * grid[1], count)
    together = sum(sorted(width * height for width, height in sizes_wh)[-count:])
    if together > MOST_PIXELS_READ:
        raise UserError(
            f"The {count} largest files have {together / 1e6:.0f} megapixels together; at most "
            f"{MOST_PIXELS_READ / 1e6:.0f} are read. Make them smaller, or bring fewer.",
            title="Image too large",
        )


def _check_pixels(pixels: int, count: int) -> None:
    most = MOST_PIXELS if count <= 2 else min(MOST_PIXELS, MOST_PIXELS_TOGETHER // count)
    if pixels > most:
        raise UserError(
            f"The frames have {pixels / 1e6:.0f} megapixels each; fusion takes at most {most / 1e6:.0f} of {count} "
            "frames. Make them smaller, or bring fewer.",
            title="Image too large",
        )


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
    _check_pixels(found.size_wh[0] * found.size_wh[1], len(frames))
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
