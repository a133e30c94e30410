"""Clips fused frame by frame: a thermal and a visible one, or one of alternating exposures; weights held steady.

The first pair of frames settles what stays the same for the whole clip: order, palette, size and place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipelines.fusion.options import FusionOptions
from pipelines.fusion.registration import UNMOVED, Placement, register
from pipelines.shared.clips import ClipInfo, clip_writer, inspect_clip, read_clip
from pipelines.shared.errors import UserError
from pipelines.shared.images import OpenedImage
from pipelines.shared.notice import Notice, info, warning

if TYPE_CHECKING:
    from pipelines.fusion.align import Transform
    from pipelines.fusion.inputs import FrameSet
    from pipelines.fusion.pipeline import FusionPipeline
    from pipelines.fusion.sizes import Fitting
    from pipelines.merging.recipe import MergeRecipe

MEMORY = 0.8  # share of the last frame's weights in this one's
CUT = 0.2  # mean change of small frames from which a new scene begins
SAME_RATE = 0.01
GREY_SPREAD = 8  # of the channels of a grey frame, 0 to 255, after lossy coding
LENGTH_TITLE = "Clips do not go together"


@dataclass(frozen=True)
class ClipStep:
    """One frame is fused: how far the clip is (`total` is by the headers), that frame (H, W, 3) uint8, all notices."""

    done: int
    total: int
    frame: np.ndarray
    notices: tuple[Notice, ...] = ()


class Steadier:
    """Weights of a clip as an exponential moving average against flicker; a cut to another scene starts anew."""

    def __init__(self, memory: float = MEMORY) -> None:
        self.memory = memory
        self._past: np.ndarray | None = None
        self._seen: np.ndarray | None = None

    def watch(self, images: np.ndarray) -> None:
        """See the frames (K, H, W, 3) that the next weights are for."""
        import cv2

        seen = cv2.resize(images.mean(0), (16, 12), interpolation=cv2.INTER_AREA)
        if self._seen is not None and float(np.abs(seen - self._seen).mean()) > CUT:
            self._past = None
        self._seen = seen

    def __call__(self, weights: np.ndarray) -> np.ndarray:
        """memory * last + (1 - memory) * weights; (K, h, w), summing to 1 over K as they do."""
        if self._past is not None and self._past.shape == weights.shape:
            weights = self.memory * self._past + np.float32(1 - self.memory) * weights
        self._past = weights.astype(np.float32)
        return self._past


@dataclass(frozen=True)
class Setup:
    """What the first frames settled."""

    options: FusionOptions
    fitted: Fitting
    found: tuple[Transform, ...]
    placement: Placement
    notices: tuple[Notice, ...]

    def frame_set(self, opened: Sequence[OpenedImage]) -> FrameSet:
        """The same for other frames of these clips."""
        from pipelines.fusion.inputs import arranged, gather

        frames, order, _ = arranged(opened, self.options)
        return register(gather(frames, order, self.fitted), self.found, self.placement.moves).frames


def check_clips(paths: Sequence[Path], task: str) -> tuple[tuple[ClipInfo, ...], tuple[Notice, ...]]:
    """The clips' headers, and what is to be said about their rates and lengths; the shorter one wins.

    Raises:
        UserError: not two clips (ivis) or one (mef), another task, a clip that cannot be read or is too large.
    """
    wanted = {"ivis": 2, "mef": 1}.get(task)
    if wanted is None:
        raise UserError("Clips are fused for infrared-visible (two clips) and multi-exposure (one, alternating).")
    if len(paths) != wanted:
        what = "a thermal and a visible clip" if wanted == 2 else "one clip of alternating exposures"
        raise UserError(f"{len(paths)} clips came; this task takes {what}.", LENGTH_TITLE)
    clips = tuple(inspect_clip(path) for path in paths)
    said = []
    rates = [clip.fps for clip in clips]
    if max(rates) / min(rates) - 1 > SAME_RATE:
        listed = " and ".join(f"{clip.name} {clip.fps:.5g}" for clip in clips)
        said.append(warning(f"Frame rates differ ({listed} per second): frames are paired by time at the first's."))
    shorter = min(clips, key=lambda clip: clip.seconds)
    if max(clip.seconds for clip in clips) - shorter.seconds > 0.5 / rates[0]:
        end = f"{shorter.name}, {shorter.seconds:.1f} s"
        said.append(warning(f"The clips differ in length; the result ends with {end}."))
    return clips, tuple(said)


def fuse_clips(
    pipeline: FusionPipeline,
    paths: Sequence[Path],
    options: FusionOptions,
    recipe: MergeRecipe | None,
    out: Path,
    placement: Placement = UNMOVED,
) -> Generator[ClipStep, None, None]:
    """Fuse clips into `out` (MP4), a step per frame; closing the generator cancels and leaves no file.

    Args:
        paths: thermal and visible clip (ivis), or one clip whose exposures alternate (mef: each frame is fused with
            the one before it). The sound of the first clip goes along.

    Raises:
        UserError: as `check_clips`; clips of one frame; frames that do not go together.
    """
    clips, said = check_clips(paths, options.task)
    with closing(_stacks(paths, clips)) as stacks:
        first = next(stacks, None)
        if first is None:
            raise UserError("The clips share no two frames to fuse.", LENGTH_TITLE)
        setup = _settled(first, options, placement)
        sets = (setup.frame_set(stack) for stack in chain([first], stacks))
        target = _target(out, paths, clips, (*said, *setup.notices))
        yield from _written(target, sets, lambda frames, steady: pipeline(frames, setup.options, recipe, steady).fused)


@dataclass(frozen=True)
class _Target:
    """The clip that is written."""

    path: Path
    fps: float
    sound_of: Path | None
    total: int
    notices: tuple[Notice, ...]


def _target(out: Path, paths: Sequence[Path], clips: Sequence[ClipInfo], said: tuple[Notice, ...]) -> _Target:
    first = clips[0]
    told = info(f"The sound of {first.name} is kept." if first.has_sound else f"{first.name} has no sound to keep.")
    total = min(round(clip.seconds * first.fps) for clip in clips) - (len(clips) == 1)
    return _Target(out, first.fps, paths[0] if first.has_sound else None, total, (*said, told))


def _written(
    target: _Target, sets: Iterator[FrameSet], fuse: Callable[[FrameSet, Steadier], np.ndarray]
) -> Iterator[ClipStep]:
    steadier, first = Steadier(), next(sets)
    height, width = first.images.shape[1:3]
    with clip_writer(target.path, (width, height), target.fps, target.sound_of) as writer:
        for done, frames in enumerate(chain([first], sets), start=1):
            steadier.watch(frames.images)
            fused = fuse(frames, steadier)
            writer.write(fused)
            yield ClipStep(done, max(target.total, done), fused, target.notices)


def _settled(opened: Sequence[OpenedImage], options: FusionOptions, placement: Placement) -> Setup:
    from pipelines.fusion.align import align
    from pipelines.fusion.inputs import chosen_palette, fitted_within_limits, prepare_frames
    from pipelines.fusion.polarity import oriented

    frames = prepare_frames(opened, options)
    fixed = options
    guesses: tuple[Notice, ...] = ()
    if options.task == "ivis":
        turned, guesses = oriented(frames.images, options)
        is_turned = turned is not frames.images
        palette = chosen_palette(opened[0], options.palette) or options.palette
        fixed = replace(options, polarity="black" if is_turned else "white", palette=palette)
    arranged_first = [opened[k] for k in frames.order]
    fitted = fitted_within_limits(arranged_first, fixed)
    found = align(frames, options.task)[1] if placement.is_aligned else ()
    said = (*frames.notices, *guesses, *(warning(one.note) if not one.is_accepted else info(one.note) for one in found))
    return Setup(fixed, fitted, found, placement, said)


def _stacks(paths: Sequence[Path], clips: Sequence[ClipInfo]) -> Generator[list[OpenedImage], None, None]:
    """Frames of the clips that belong together, until the shorter one ends."""
    names = [clip.name for clip in clips] if len(clips) > 1 else [f"{clips[0].name}, frame {k}" for k in (1, 2)]
    shas = [_sha256(path) for path in paths] * (2 // len(paths))
    with ExitStack() as stack:
        readers = [stack.enter_context(closing(read_clip(path, clips[0].fps))) for path in paths]
        together = zip(*readers, strict=False) if len(readers) > 1 else pairwise(readers[0])
        for pair in together:
            yield [_as_opened(*one) for one in zip(pair, names, shas, strict=True)]


def _as_opened(frame: np.ndarray, name: str, sha256: str) -> OpenedImage:
    is_grey = bool(np.ptp(frame, axis=-1).max() <= GREY_SPREAD)
    return OpenedImage(frame.astype(np.float32) / 255, name, sha256, is_grey)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
