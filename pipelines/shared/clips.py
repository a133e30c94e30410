"""Clips a person brings, frame by frame within limits; and clips written, as H.264 with the sound of another clip."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    import numpy as np

MOST_SECONDS, MOST_FRAMES = 60, 600
MOST_PIXELS = 1920 * 1080
QUALITY = "18"  # constant rate factor of x264: 18 is hard to tell from the frames
TITLE = "Cannot read this clip"


@dataclass(frozen=True)
class ClipInfo:
    """What a clip's header says. `frame_count` is seconds * fps where the header does not tell it."""

    name: str
    size_wh: tuple[int, int]
    fps: float
    frame_count: int
    has_sound: bool

    @property
    def seconds(self) -> float:
        """Length."""
        return self.frame_count / self.fps


def inspect_clip(path: Path) -> ClipInfo:
    """Read a clip's header.

    Raises:
        UserError: no clip, without pictures, or over 60 seconds, 600 frames or 1920 x 1080 pixels.
    """
    with _opened(path) as container:
        stream = container.streams.video[0]
        fps = float(stream.average_rate or stream.guessed_rate or 0)
        seconds = float(stream.duration * stream.time_base) if stream.duration else (container.duration or 0) / 1e6
        if fps <= 0 or not stream.width or not stream.height:
            raise UserError(f"{path.name} does not tell its frame rate or size; store it as MP4 again.", TITLE)
        count = stream.frames or max(1, round(seconds * fps))
        info = ClipInfo(path.name, (stream.width, stream.height), fps, count, bool(container.streams.audio))
    _check(info)
    return info


def read_clip(path: Path, fps: float) -> Generator[np.ndarray, None, None]:
    """Frames (H, W, 3) uint8 RGB, upright, at a steady rate: for each tick the frame that is nearest in time.

    Raises:
        UserError: no clip, damaged at its beginning, or more than 600 frames. A clip that is cut off ends early.
    """
    ticks, held, held_s, gap_s = 0, None, 0.0, 1 / fps
    for seconds, frame in _decoded(path):
        while held is not None and ticks / fps < (held_s + seconds) / 2:
            ticks += 1
            yield held
        gap_s = seconds - held_s if held is not None else gap_s
        held, held_s = frame, seconds
        if ticks >= MOST_FRAMES:
            raise UserError(f"{path.name} has more than {MOST_FRAMES} frames at {fps:g} per second.", "Clip too long")
    if held is None:
        raise UserError(f"{path.name} has no frame that can be read.", TITLE)
    while ticks / fps < held_s + gap_s / 2:
        ticks += 1
        yield held


class ClipWriter:
    """Writes frames; made by `clip_writer`."""

    def __init__(self, container: Any, stream: Any, sound: _Sound | None) -> None:
        self._container, self._stream, self._sound = container, stream, sound
        self._written = 0

    def write(self, frame: np.ndarray) -> None:
        """Append (H, W, 3) uint8 RGB of the writer's size; an odd last row or column is cut off."""
        import av
        import numpy as np

        even = np.ascontiguousarray(frame[: self._stream.height, : self._stream.width])
        picture = av.VideoFrame.from_ndarray(even, format="rgb24")
        picture.pts = self._written
        picture.time_base = 1 / self._stream.codec_context.framerate
        self._container.mux(self._stream.encode(picture))
        self._written += 1
        if self._sound:
            self._sound.write_until(self._written / float(self._stream.codec_context.framerate))

    def finish(self) -> None:
        """What the encoders still hold."""
        self._container.mux(self._stream.encode())
        if self._sound:
            self._sound.finish()


@contextmanager
def clip_writer(path: Path, size_wh: tuple[int, int], fps: float, sound_of: Path | None = None) -> Iterator[ClipWriter]:
    """An MP4 that takes its name when the block ends well; else nothing is left.

    Args:
        sound_of: a clip whose sound goes along, as AAC, for as long as there are frames.

    Raises:
        UserError: frames under 2 x 2 pixels; a folder that cannot be written to.
    """
    import av

    from pipelines.shared.weights import whole_file

    if min(size_wh) < 2:
        raise UserError(f"A clip needs at least 2 × 2 pixels; its frames are {size_wh[0]} × {size_wh[1]}.")
    with whole_file(path) as draft, ExitStack() as stack:
        container = stack.enter_context(av.open(str(draft), "w", format="mp4", options={"movflags": "+faststart"}))
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height = size_wh[0] // 2 * 2, size_wh[1] // 2 * 2
        stream.pix_fmt, stream.options = "yuv420p", {"crf": QUALITY, "preset": "medium"}
        sound = _Sound(container, stack.enter_context(_opened(sound_of))) if sound_of else None
        writer = ClipWriter(container, stream, sound)
        yield writer
        writer.finish()


class _Sound:
    """The sound of one clip on its way into another."""

    def __init__(self, target: Any, source: Any) -> None:
        stream = source.streams.audio[0]
        self._target, self._frames = target, source.decode(stream)
        self._out = target.add_stream("aac", rate=stream.rate, layout=stream.layout.name)
        self._rate, self._samples = stream.rate, 0

    def write_until(self, seconds: float) -> None:
        import av

        try:
            while self._samples / self._rate < seconds and (frame := next(self._frames, None)) is not None:
                frame.pts, frame.time_base = self._samples, Fraction(1, self._rate)
                self._samples += frame.samples
                self._target.mux(self._out.encode(frame))
        except av.FFmpegError:
            self._frames = iter(())  # damaged sound ends; the pictures go on

    def finish(self) -> None:
        self._target.mux(self._out.encode())


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import av

    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise UserError(f"{path.name} is no clip that can be read; store it as MP4.", TITLE) from error
    with container:
        if not container.streams.video:
            raise UserError(f"{path.name} holds no pictures.", TITLE)
        yield container


def _decoded(path: Path) -> Iterator[tuple[float, np.ndarray]]:
    """Seconds from the first frame, and the frame, upright."""
    import av
    import numpy as np

    with _opened(path) as container:
        first = None
        try:
            for frame in container.decode(video=0):
                seconds = float(frame.time or 0)
                first = seconds if first is None else first
                pixels = frame.to_ndarray(format="rgb24")
                yield seconds - first, np.rot90(pixels, round(getattr(frame, "rotation", 0) / 90))
        except av.FFmpegError as error:
            if first is None:
                raise UserError(f"{path.name} is damaged: no frame can be read.", TITLE) from error


def _check(info: ClipInfo) -> None:
    width, height = info.size_wh
    if width * height > MOST_PIXELS:
        raise UserError(f"{info.name} has frames of {width} × {height}; at most 1920 × 1080.", "Clip too large")
    if info.seconds > MOST_SECONDS + 0.5:
        raise UserError(f"{info.name} takes {info.seconds:.0f} seconds; at most {MOST_SECONDS}.", "Clip too long")
    if info.frame_count > MOST_FRAMES:
        raise UserError(f"{info.name} has {info.frame_count} frames; at most {MOST_FRAMES}.", "Clip too long")
