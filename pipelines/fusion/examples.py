"""The fusion tab's ready-made examples, painted by the generators: `python -m pipelines.fusion.examples`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from pipelines.fusion.example_scenes import evening, room, still_life
from pipelines.fusion.synthetic.exposures import expose
from pipelines.fusion.synthetic.infrared_visible import infrared_visible
from pipelines.fusion.synthetic.medical import medical
from pipelines.fusion.synthetic.multi_focus import focus
from pipelines.fusion.synthetic.scenes import daylight
from pipelines.shared.synthetic.textures import to_bytes

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "examples" / "fusion"
SIZE_HW = (360, 480)
SLICE_HW = (384, 384)
OVERSIZE = 2  # scenes are painted this much larger and reduced, which smooths their edges


@dataclass(frozen=True)
class Example:
    """What the tab says about an example, how it is painted.

    `task` is one of ivis, mef, mff, med, and also the expert the example starts with; `paint` makes images
    (K, H, W, 3), float32 0..1, from a generator seeded with `seed`.
    """

    slug: str
    title: str
    caption: str
    task: str
    seed: int
    paint: Callable[[np.random.Generator], np.ndarray]

    def frames(self) -> np.ndarray:
        """Paint the frames, (K, H, W, 3) float32 0..1; the same ones every time."""
        return self.paint(np.random.default_rng(self.seed))


@dataclass(frozen=True)
class Entry:
    """One entry of index.json; `frames` are paths relative to the folder."""

    slug: str
    title: str
    caption: str
    task: str
    frames: tuple[str, ...]
    recipe: dict[str, dict[str, float] | float]


def pedestrians_at_night(rng: np.random.Generator) -> np.ndarray:
    """A dark street: people are seen by their warmth, lit windows and signs by their light."""
    return _reduced(infrared_visible(rng, _oversize(SIZE_HW), "night", "clear", False, people=3).images)


def behind_smoke(rng: np.random.Generator) -> np.ndarray:
    """A daylight street behind smoke that heat passes through."""
    return _reduced(infrared_visible(rng, _oversize(SIZE_HW), "day", "smoke", False, people=3).images)


def warm_day(rng: np.random.Generator) -> np.ndarray:
    """A clear day: colour and paint in one frame, warm engines and people in the other."""
    return _reduced(infrared_visible(rng, _oversize(SIZE_HW), "day", "clear", False, people=2).images)


def window_pair(rng: np.random.Generator) -> np.ndarray:
    """A room and the street outside its window, 5 EV apart."""
    return expose(rng, _reduced(room(rng, _oversize(SIZE_HW))[None])[0], 2, 5.0, bias=-0.6).images


def evening_bracket(rng: np.random.Generator) -> np.ndarray:
    """A street against the low sun, four frames 2 EV apart."""
    return expose(rng, _reduced(evening(rng, _oversize(SIZE_HW))[None])[0], 4, 2.0, bias=-1.8).images


def near_and_far(rng: np.random.Generator) -> np.ndarray:
    """A ball and an open book before a street: focus near, focus far."""
    size_hw = _oversize(SIZE_HW)
    near, matte = still_life(rng, size_hw)
    layers = [_reduced(picture[None])[0] for picture in (near, daylight(rng, size_hw))]
    mattes = [_reduced(matte[None])[0], np.ones(SIZE_HW, np.float32)]
    return focus(rng, layers, mattes, 5.0).images


def mri_pet(rng: np.random.Generator) -> np.ndarray:
    """Anatomy and metabolism of one slice."""
    return _reduced(medical(rng, _oversize(SLICE_HW), "pet", 0.95).images)


def mri_ct(rng: np.random.Generator) -> np.ndarray:
    """Soft tissue and bone of one slice."""
    return _reduced(medical(rng, _oversize(SLICE_HW), "ct", 0.95).images)


EXAMPLES = (
    Example(
        "pedestrians-at-night",
        "Pedestrians at night",
        "The thermal camera sees people, the visible one reads signs and windows.",
        "ivis", 12, pedestrians_at_night,
    ),
    Example(
        "behind-smoke",
        "Behind smoke",
        "Smoke hides half of the street from the eye, but heat passes through it.",
        "ivis", 16, behind_smoke,
    ),
    Example(
        "warm-day",
        "Thermal by day",
        "By day the colours should stay and the warm people and engines should still stand out.",
        "ivis", 17, warm_day,
    ),
    Example(
        "window-pair",
        "Room with a window",
        "Two exposures 5 EV apart: one for the room, one for the street outside.",
        "mef", 1, window_pair,
    ),
    Example(
        "evening-bracket",
        "Against the evening sun",
        "Four exposures 2 EV apart, from deep shadow to the sun's glow.",
        "mef", 14, evening_bracket,
    ),
    Example(
        "near-and-far",
        "Near and far",
        "One frame is focused on the ball and the page, the other on the street.",
        "mff", 4, near_and_far,
    ),
    Example(
        "mri-pet",
        "MRI and PET",
        "Anatomy in grey and metabolism in colour, from a computed phantom.",
        "med", 2, mri_pet,
    ),
    Example(
        "mri-ct",
        "MRI and CT",
        "Soft tissue and bone of the same slice, from a computed phantom.",
        "med", 3, mri_ct,
    ),
)  # fmt: skip


def write_examples(folder: Path = FOLDER) -> tuple[Entry, ...]:
    """Write every example's frames as <slug>/frame0.png ... and index.json into `folder`, and return the entries."""
    entries = tuple(_write(example, folder) for example in EXAMPLES)
    text = json.dumps([asdict(entry) for entry in entries], indent=2)
    (folder / "index.json").write_text(text + "\n", encoding="utf-8")
    return entries


def main() -> None:
    """Write the examples and say how large they are."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.fusion.examples", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to write (default: %(default)s)")
    folder = parser.parse_args().folder
    for entry in write_examples(folder):
        size = sum((folder / frame).stat().st_size for frame in entry.frames)
        sys.stdout.write(f"{entry.slug:24} {len(entry.frames)} frames {size / 1000:8.0f} kB\n")


def _write(example: Example, folder: Path) -> Entry:
    (folder / example.slug).mkdir(parents=True, exist_ok=True)
    names = []
    for index, frame in enumerate(example.frames()):
        names.append(f"{example.slug}/frame{index}.png")
        cv2.imwrite(str(folder / names[-1]), _compact(to_bytes(frame)), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    recipe: dict[str, dict[str, float] | float] = {"weights": {example.task: 1.0}, "scale": 1.0}
    return Entry(example.slug, example.title, example.caption, example.task, tuple(names), recipe)


def _compact(frame: np.ndarray) -> np.ndarray:
    """RGB (H, W, 3) as OpenCV writes it: BGR, or one plane (H, W) where the frame is grey."""
    is_grey = (frame[..., 0] == frame[..., 1]).all() and (frame[..., 1] == frame[..., 2]).all()
    return frame[..., 0] if is_grey else frame[..., ::-1]


def _oversize(size_hw: tuple[int, int]) -> tuple[int, int]:
    return size_hw[0] * OVERSIZE, size_hw[1] * OVERSIZE


def _reduced(images: np.ndarray) -> np.ndarray:
    """(K, H, W, ...) reduced by OVERSIZE with area means."""
    height, width = images.shape[1] // OVERSIZE, images.shape[2] // OVERSIZE
    return np.stack([cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) for image in images])


if __name__ == "__main__":
    main()
