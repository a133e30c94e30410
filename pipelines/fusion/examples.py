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

from pipelines.fusion.synthetic.exposures import expose
from pipelines.fusion.synthetic.infrared_visible import infrared_visible
from pipelines.fusion.synthetic.medical import medical
from pipelines.fusion.synthetic.multi_focus import focus
from pipelines.fusion.synthetic.sample import BUILDING, GROUND, SKY
from pipelines.fusion.synthetic.scenes import daylight, finish, street
from pipelines.shared.synthetic.textures import checks, collage, fractal_noise, grain, leaves, lettering, to_bytes

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
    return expose(rng, _reduced(_room(rng, _oversize(SIZE_HW))[None])[0], 2, 5.0, bias=-0.6).images


def evening_bracket(rng: np.random.Generator) -> np.ndarray:
    """A street against the low sun, four frames 2 EV apart."""
    return expose(rng, _reduced(_evening(rng, _oversize(SIZE_HW))[None])[0], 4, 2.0, bias=-1.8).images


def near_and_far(rng: np.random.Generator) -> np.ndarray:
    """A ball and an open book before a street: focus near, focus far."""
    size_hw = _oversize(SIZE_HW)
    near, matte = _still_life(rng, size_hw)
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
    recipe = {"weights": {example.task: 1.0}, "scale": 1.0}
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


def _room(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    """Linear radiance (H, W, 3): a wall with pictures, a table with books, and a bright window."""
    height, width = size_hw
    room = (0.6 + 0.03 * fractal_noise(rng, size_hw, 60, 0.8))[..., None] * np.array([0.62, 0.5, 0.4], np.float32)
    for left, top, wide, high in ((0.06, 0.12, 0.17, 0.3), (0.27, 0.18, 0.13, 0.2)):
        _hang(room, collage(rng, (int(high * height), int(wide * width)), 6), int(left * width), int(top * height))
    table = int(0.72 * height)
    wood = cv2.resize(grain(rng, (110, width // 2)), (width, height - table), interpolation=cv2.INTER_CUBIC)
    room[table:] = (0.35 + 0.65 * wood)[..., None] * np.array([0.55, 0.33, 0.18], np.float32)
    for index, name in enumerate(("Light and Shade", "On Colour", "Pyramids", "Windows")):
        _book(rng, room, int((0.12 + 0.03 * (index % 2)) * width), table + 30 - 34 * index, name)
    light = np.exp2(_room_light(size_hw) - 5)[..., None]
    radiance = room ** np.float32(1.5) * light
    return _with_window(rng, radiance, size_hw)


def _room_light(size_hw: tuple[int, int]) -> np.ndarray:
    """Stops of light in the room (H, W): strong by the window, with its bright patch on the table."""
    y, x = np.mgrid[0 : size_hw[0], 0 : size_hw[1]].astype(np.float32) / size_hw[0]
    near = 3.2 / (1 + ((x - 0.95) ** 2 + (y - 0.45) ** 2) * 3.5)
    patch = np.zeros(size_hw, np.float32)
    corners = np.array([(0.62, 0.78), (0.98, 0.78), (0.86, 0.97), (0.42, 0.97)]) * size_hw[0]
    cv2.fillPoly(patch, [corners.astype(np.int32)], 1.0)
    return near + 2.2 * cv2.GaussianBlur(patch, (0, 0), 4)


def _with_window(rng: np.random.Generator, radiance: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Put a window with four panes onto a bright street into the room."""
    height, width = size_hw
    left, top, right, bottom = int(0.52 * width), int(0.08 * height), int(0.93 * width), int(0.66 * height)
    outside = daylight(rng, (bottom - top, right - left)) ** np.float32(1.8) * 1.6
    frame = np.array([0.5, 0.48, 0.44], np.float32) * 0.16
    radiance[top - 16 : bottom + 16, left - 16 : right + 16] = frame
    radiance[bottom + 16 : bottom + 30, left - 30 : right + 30] = frame * 3
    radiance[top:bottom, left:right] = outside
    bar_x, bar_y = (left + right) // 2, (top + bottom) // 2
    radiance[top:bottom, bar_x - 7 : bar_x + 7] = frame
    radiance[bar_y - 7 : bar_y + 7, left:right] = frame
    return radiance.astype(np.float32)


def _hang(room: np.ndarray, picture: np.ndarray, left: int, top: int, border: int = 12) -> None:
    """Hang a picture (h, w, 3) on the wall, in a dark frame with a pale inner edge."""
    height, width = picture.shape[:2]
    room[top - border : top + height + border, left - border : left + width + border] = 0.06
    room[top - 4 : top + height + 4, left - 4 : left + width + 4] = 0.8
    room[top : top + height, left : left + width] = picture


def _book(rng: np.random.Generator, room: np.ndarray, left: int, top: int, name: str) -> None:
    """Lay a closed book, spine to the front, with its name on it."""
    wide, high = int(rng.integers(230, 300)), 34
    title = np.zeros((high, wide), np.uint8)
    cv2.putText(title, name, (24, 24), cv2.FONT_HERSHEY_DUPLEX, 0.62, 255, 1, cv2.LINE_AA)
    spine = np.full((high, wide, 3), rng.uniform(0.1, 0.6, 3), np.float32)
    spine[:3] *= 1.5
    spine[-3:] *= 0.4
    ink = (title / np.float32(255))[..., None]
    room[top : top + high, left : left + wide] = spine + ink * (np.array([0.9, 0.85, 0.6], np.float32) - spine)


def _evening(rng: np.random.Generator, size_hw: tuple[int, int]) -> np.ndarray:
    """Linear radiance (H, W, 3): a street in shadow before a bright sky with the sun low in it."""
    canvas = street(rng, size_hw, people=2)
    albedo, _ = finish(rng, canvas)
    shade = np.full(size_hw, -4.5, np.float32)
    shade[canvas.labels == SKY] = 0.0
    shade[canvas.labels == BUILDING] = -3.6
    shade[canvas.labels == GROUND] = -3.8
    stops = cv2.GaussianBlur(shade, (0, 0), 0.8) + 0.4 * fractal_noise(rng, size_hw, 3, 0.5)
    y, x = np.mgrid[0 : size_hw[0], 0 : size_hw[1]].astype(np.float32) / size_hw[0]
    far = np.sqrt((x - 0.62) ** 2 + (y - 0.3) ** 2)
    glow = (3.5 / (1 + (far / 0.12) ** 2))[..., None] * np.array([1.1, 0.8, 0.45], np.float32)
    warm = np.array([1.15, 0.92, 0.75], np.float32)
    sky = (canvas.labels == SKY)[..., None]
    lit = albedo ** np.float32(1.7) * np.exp2(stops)[..., None] * np.where(sky, warm, 1)
    return (lit + glow * np.where(sky, 1.0, 0.02) + 0.0005).astype(np.float32)


def _still_life(rng: np.random.Generator, size_hw: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A shaded chequered ball, a page of print and a hedge in the foreground: colour (H, W, 3) and matte (H, W)."""
    height, width = size_hw
    picture = leaves(rng, size_hw)[..., None] * np.array([0.25, 0.5, 0.16], np.float32)
    edge = height * (0.86 + 0.02 * fractal_noise(rng, (1, width), 1, 0.7)[0])
    matte = (np.arange(height)[:, None] > edge).astype(np.float32)
    page = cv2.resize(lettering(rng, (height // 2, width // 2)), (width, height), interpolation=cv2.INTER_CUBIC)
    corners = np.array([(0.5, 0.62), (0.88, 0.56), (0.96, 0.92), (0.55, 0.98)]) * (width, height)
    _lay(picture, matte, page[..., None] * np.array([1, 0.96, 0.86], np.float32), corners)
    _ball(rng, picture, matte, (0.27 * width, 0.66 * height), 0.26 * height)
    return np.clip(picture, 0, 1).astype(np.float32), matte


def _lay(picture: np.ndarray, matte: np.ndarray, texture: np.ndarray, corners: np.ndarray) -> None:
    """Put a texture into the picture where the polygon of corners (N, 2) px is."""
    mask = np.zeros(matte.shape, np.uint8)
    cv2.fillPoly(mask, [corners.astype(np.int32)], 1)
    picture[mask > 0] = texture[mask > 0]
    matte[mask > 0] = 1


def _ball(
    rng: np.random.Generator, picture: np.ndarray, matte: np.ndarray, centre: tuple[float, float], radius: float
) -> None:
    """Put a lit ball with a chequered skin into the picture; centre (x, y) and radius in px."""
    y, x = np.mgrid[0 : matte.shape[0], 0 : matte.shape[1]].astype(np.float32)
    across, down = (x - centre[0]) / radius, (y - centre[1]) / radius
    height = np.sqrt(np.clip(1 - across**2 - down**2, 0, 1))
    angle, rise = np.arctan2(across, height + 1e-6), np.arcsin(np.clip(down, -1, 1))
    squares = (np.floor(angle * 4) + np.floor(rise * 4)) % 2
    fine = checks(rng, matte.shape)
    skin = np.where(squares[..., None] > 0, np.array([0.85, 0.2, 0.15]), np.array([0.95, 0.9, 0.75]))
    light = np.clip(0.25 + 0.8 * (-0.45 * across - 0.5 * down + 0.74 * height), 0.1, 1.1)
    inside = across**2 + down**2 < 1
    picture[inside] = (skin * (light * (0.85 + 0.2 * fine))[..., None])[inside]
    matte[inside] = 1


if __name__ == "__main__":
    main()
