"""Clips that are read and written; made here with PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from pipelines.shared import clips
from pipelines.shared.clips import clip_writer, inspect_clip, read_clip
from pipelines.shared.errors import UserError


def make_clip(path: Path, greys: list[int], fps: int = 10, with_tone: bool = False) -> Path:
    """Even frames of 64 x 48 with these greys, and a tone of 440 Hz if asked."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("aac", rate=16_000, layout="mono") if with_tone else None
        for grey in greys:
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), grey, np.uint8), format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if sound:
            seconds = len(greys) / fps
            wave = np.sin(2 * np.pi * 440 * np.arange(int(16_000 * seconds)) / 16_000).astype(np.float32)[None]
            tone = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
            tone.sample_rate, tone.pts, tone.time_base = 16_000, 0, Fraction(1, 16_000)
            container.mux(sound.encode(tone))
            container.mux(sound.encode())
    return path


def greys_of(path: Path, fps: float) -> list[int]:
    return [round(float(frame.mean())) for frame in read_clip(path, fps)]


GREYS = [20, 60, 100, 140, 180, 220]


def test_the_header_tells_rate_size_length_and_sound(tmp_path: Path) -> None:
    info = inspect_clip(make_clip(tmp_path / "a.mp4", GREYS, with_tone=True))
    assert (info.size_wh, info.fps, info.frame_count, info.has_sound) == ((64, 48), 10, 6, True)
    assert info.seconds == pytest.approx(0.6)


def test_frames_come_in_order_and_at_the_rate_asked_for(tmp_path: Path) -> None:
    path = make_clip(tmp_path / "a.mp4", GREYS)
    assert np.allclose(greys_of(path, 10), GREYS, atol=3)
    half, double = greys_of(path, 5), greys_of(path, 20)
    assert np.allclose(half, GREYS[::2], atol=3)
    assert len(double) in (11, 12) and np.allclose(double[::2], GREYS, atol=3)


def test_what_is_written_is_read_again_with_the_sound_of_the_other(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mp4", GREYS * 2, with_tone=True)
    frames = [np.full((49, 65, 3), grey, np.uint8) for grey in GREYS]
    with clip_writer(tmp_path / "b.mp4", (65, 49), 10, sound_of=source) as writer:
        for frame in frames:
            writer.write(frame)
    info = inspect_clip(tmp_path / "b.mp4")
    assert (info.size_wh, info.frame_count, info.has_sound) == ((64, 48), 6, True)
    assert np.allclose(greys_of(tmp_path / "b.mp4", 10), GREYS, atol=3)
    with av.open(str(tmp_path / "b.mp4")) as container:
        heard = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert 0.5 < len(heard) / 16_000 < 0.8  # as long as the frames, not as the source
    spectrum = np.abs(np.fft.rfft(heard))
    assert abs(np.argmax(spectrum) * 16_000 / len(heard) - 440) < 5


def test_a_block_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), clip_writer(tmp_path / "b.mp4", (64, 48), 10) as writer:
        writer.write(np.zeros((48, 64, 3), np.uint8))
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_clip_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no clip at all")
    with pytest.raises(UserError, match=r"a\.mp4 is no clip"):
        inspect_clip(tmp_path / "a.mp4")
    whole = make_clip(tmp_path / "b.mp4", GREYS).read_bytes()
    (tmp_path / "c.mp4").write_bytes(whole[: len(whole) // 3])
    with pytest.raises(UserError, match=r"c\.mp4"):
        list(read_clip(tmp_path / "c.mp4", 10))


@pytest.mark.parametrize(
    ("limit", "value", "words"), [("MOST_SECONDS", 0, "1 seconds"), ("MOST_FRAMES", 5, "6 frames"),
                                  ("MOST_PIXELS", 100, "64 × 48")],
)  # fmt: skip
def test_limits_are_told_before_a_frame_is_read(
    limit: str, value: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_clip(tmp_path / "a.mp4", GREYS)
    monkeypatch.setattr(clips, limit, value)
    with pytest.raises(UserError, match=words):
        inspect_clip(path)
