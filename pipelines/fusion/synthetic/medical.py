"""Brain slices from one phantom in two modalities: MRI with CT, or MRI with PET or SPECT in pseudo-colour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from pipelines.fusion.synthetic.sample import FusionSample, stack
from pipelines.shared.synthetic.textures import fractal_noise, sensor_noise, smooth_field

Inside = Callable[..., np.ndarray]  # inside(edge, of): 1 where the field `of` is below `edge`, smooth over a pixel
LARGE_PX = 200  # short side from which a picture is looked at, and gets finer folds
KINDS = ("ct", "pet", "spect")
PALETTES = {  # rows of RGB, spread evenly over 0..1
    "hot": ((0, 0, 0), (0.55, 0, 0), (1, 0.35, 0), (1, 0.85, 0.1), (1, 1, 1)),
    "rainbow": ((0, 0, 0), (0.1, 0.05, 0.6), (0, 0.55, 0.8), (0.1, 0.8, 0.2), (1, 0.9, 0), (1, 0.1, 0)),
    "magma": ((0, 0, 0), (0.3, 0.07, 0.5), (0.75, 0.2, 0.45), (1, 0.55, 0.35), (1, 0.97, 0.75)),
}


@dataclass(frozen=True)
class Tissues:
    """Shares of tissue (H, W), 0..1, of a slice through a head; together at most 1."""

    scalp: np.ndarray
    skull: np.ndarray
    fluid: np.ndarray
    grey: np.ndarray
    white: np.ndarray
    lesion: np.ndarray

    def mix(self, scalp: float, skull: float, fluid: float, grey: float, white: float, lesion: float) -> np.ndarray:
        """One plane (H, W) in which every tissue has the given value."""
        parts = ((self.scalp, scalp), (self.skull, skull), (self.fluid, fluid), (self.grey, grey), (self.white, white))
        plane = sum(share * np.float32(value) for share, value in parts)
        return plane * (1 - self.lesion) + self.lesion * np.float32(lesion)


def medical(
    rng: np.random.Generator, size_hw: tuple[int, int], kind: str | None = None, zoom: float | None = None
) -> FusionSample:
    """MRI (frame 0, role 0) and a slice of `kind` ("ct", "pet", "spect"; None: at random) as frame 1, role 1.

    `zoom` 1 shows the whole head, 2 a half of its width; None: at random.
    """
    kind = kind or KINDS[int(rng.integers(3))]
    zoom = zoom or float(rng.uniform(1, 2.2))
    tissues = phantom(rng, size_hw, zoom)
    scale = min(size_hw) * zoom / 256  # pixels per pixel of a 256-pixel slice
    other = _ct(rng, tissues) if kind == "ct" else _activity(rng, tissues, kind, scale)
    return FusionSample(stack([_mri(rng, tissues), other]), np.array([0, 1]))


def phantom(rng: np.random.Generator, size_hw: tuple[int, int], zoom: float = 1.0) -> Tissues:
    """A random axial slice: scalp, skull ring, fluid, folded grey matter, white matter, ventricles, maybe a lesion."""
    x, y = _coordinates(rng, size_hw, zoom)
    soft = np.float32(2.2 / (min(size_hw) * zoom))  # half a pixel's width in these coordinates
    wobble = 0.018 * fractal_noise(rng, size_hw, 2, 0.35)
    long, thick = rng.uniform(0.8, 0.92), rng.uniform(0.05, 0.09)
    radius = np.sqrt((x / (long * rng.uniform(0.76, 0.88))) ** 2 + (y / long) ** 2) + wobble

    def inside(edge: float | np.ndarray, of: np.ndarray = radius) -> np.ndarray:
        return np.clip((edge - of) / soft + 0.5, 0, 1).astype(np.float32)

    outer = rng.uniform(0.9, 0.95)
    inner = outer - thick
    head, bone, brain = inside(1.0), inside(outer), inside(inner)
    sulci, core = _folds(rng, radius, x, inner, zoom, inside)
    ventricles = _ventricles(rng, x, y, wobble, inside)
    fluid = np.maximum(np.maximum(brain - inside(inner - 0.02), sulci * brain), ventricles * brain)
    white = core * (1 - fluid) * brain * (1 - _nuclei(rng, x, y, wobble, inside))
    grey = np.clip(brain - fluid - white, 0, 1)
    return Tissues(head - bone, bone - brain, fluid, grey, white, _lesion(rng, x, y, wobble, inside) * brain)


def _coordinates(rng: np.random.Generator, size_hw: tuple[int, int], zoom: float) -> tuple[np.ndarray, np.ndarray]:
    """x, y (H, W) in -1..1 over the short side at zoom 1, shifted and slightly turned."""
    half = min(size_hw) / 2 * zoom
    y, x = np.mgrid[0 : size_hw[0], 0 : size_hw[1]].astype(np.float32)
    shift = rng.uniform(-0.75, 0.75, 2) * (1 - 1 / zoom) + rng.uniform(-0.03, 0.03, 2)
    x, y = (x - size_hw[1] / 2) / half + shift[0], (y - size_hw[0] / 2) / half + shift[1]
    angle = rng.uniform(-0.12, 0.12)
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def _folds(
    rng: np.random.Generator, radius: np.ndarray, x: np.ndarray, inner: float, zoom: float, inside: Inside
) -> tuple[np.ndarray, np.ndarray]:
    """Cortex, sulci and white core: a ridged field cut by depth below the skull, and the cleft in the middle."""
    is_large = min(radius.shape) > LARGE_PX
    field = fractal_noise(rng, radius.shape, max(int(rng.integers(6, 10) * (1.7 if is_large else 1) / zoom), 2), 0.4)
    depth = np.clip((inner - radius) / 0.3, 0, 1)
    width = (0.34 if is_large else 0.2) * (1 - depth) ** 1.5
    sulci = np.clip((width - np.abs(field)) / 0.12 + 0.3, 0, 1) * (depth < 0.95)
    cleft = inside(0.012, np.abs(x + 0.02 * field)) * (np.abs(radius) > 0.35)
    edge = inner - 0.09 - 0.09 * np.abs(field)
    return np.maximum(sulci, cleft).astype(np.float32), inside(edge - 0.14 * np.clip(0.5 - np.abs(field), 0, 1))


def _ventricles(
    rng: np.random.Generator, x: np.ndarray, y: np.ndarray, wobble: np.ndarray, inside: Inside
) -> np.ndarray:
    wide, tall, apart = rng.uniform(0.05, 0.11), rng.uniform(0.16, 0.3), rng.uniform(0.07, 0.12)
    bent = np.abs(x) - apart - 0.25 * (y + 0.05) ** 2
    return inside(1.0, np.sqrt((bent / wide) ** 2 + ((y + 0.02) / tall) ** 2) + 2 * wobble).astype(np.float32)


def _nuclei(rng: np.random.Generator, x: np.ndarray, y: np.ndarray, wobble: np.ndarray, inside: Inside) -> np.ndarray:
    bent = np.abs(x) - rng.uniform(0.2, 0.27)
    return inside(1.0, np.sqrt((bent / 0.08) ** 2 + ((y - rng.uniform(-0.05, 0.1)) / 0.17) ** 2) + 2 * wobble)


def _lesion(rng: np.random.Generator, x: np.ndarray, y: np.ndarray, wobble: np.ndarray, inside: Inside) -> np.ndarray:
    size = rng.uniform(0.06, 0.17) * (rng.random() < 0.5)
    if not size:
        return np.zeros_like(x)
    across, along = rng.uniform(-0.45, 0.45), rng.uniform(-0.5, 0.5)
    return inside(1.0, np.hypot(x - across, y - along) / size + 6 * wobble).astype(np.float32)


def _mri(rng: np.random.Generator, tissues: Tissues) -> np.ndarray:
    """T1- or T2-weighted slice with bias field, fine tissue texture and Rician noise."""
    if rng.random() < 0.5:
        plane = tissues.mix(rng.uniform(0.5, 0.95), 0.05, 0.12, rng.uniform(0.4, 0.55), rng.uniform(0.65, 0.85), 0.3)
    else:
        plane = tissues.mix(rng.uniform(0.3, 0.6), 0.05, 0.95, rng.uniform(0.5, 0.65), rng.uniform(0.28, 0.4), 0.85)
    size_hw = plane.shape
    bias = 1 + (smooth_field(rng, size_hw, 2) - 0.5) * np.float32(rng.uniform(0, 0.5))
    plane = plane * bias * (1 + 0.06 * fractal_noise(rng, size_hw, max(min(size_hw) // 10, 2), 0.8))
    sigma = float(rng.uniform(0.005, 0.03))
    rician = np.hypot(plane + sensor_noise(rng, size_hw, sigma), sensor_noise(rng, size_hw, sigma))
    return np.clip(cv2.GaussianBlur(rician, (0, 0), 0.5) - 0.5 * sigma, 0, 1)


def _ct(rng: np.random.Generator, tissues: Tissues) -> np.ndarray:
    """CT slice: bright skull, soft tissue nearly flat, a little grain."""
    brain, step = rng.uniform(0.15, 0.45), rng.uniform(0.02, 0.06)
    marrow = rng.uniform(0.85, 1.0)
    lesion = brain + rng.choice((-2.5, 4.0)) * step
    plane = tissues.mix(rng.uniform(0.1, 0.35), marrow, brain - 2.5 * step, brain + step, brain, lesion)
    grain = fractal_noise(rng, plane.shape, max(min(plane.shape) // 8, 2), 0.9)
    plane = plane + 0.02 * grain * (plane > 0.05)
    plane += tissues.skull * 0.06 * grain
    return np.clip(cv2.GaussianBlur(plane.astype(np.float32), (0, 0), 0.6), 0, 1)


def _activity(rng: np.random.Generator, tissues: Tissues, kind: str, scale: float) -> np.ndarray:
    """PET or SPECT slice (H, W, 3): coarse activity through a palette."""
    uptake = tissues.mix(0.08, 0.05, 0.05, 1.0, rng.uniform(0.3, 0.6), rng.choice((0.15, 1.7)))
    uptake = uptake * (0.55 + 0.9 * smooth_field(rng, uptake.shape, int(rng.integers(2, 6))))
    sigma = float(rng.uniform(3, 4.5) if kind == "pet" else rng.uniform(4.5, 7)) * max(scale, 0.3)
    coarse = cv2.GaussianBlur(uptake.astype(np.float32), (0, 0), sigma)
    coarse = coarse / (coarse.max() + 1e-6) * np.float32(rng.uniform(0.75, 1.0))
    coarse += coarse * cv2.GaussianBlur(sensor_noise(rng, coarse.shape, 0.12), (0, 0), 1.2)
    return palette(coarse, str(rng.choice(tuple(PALETTES))))


def palette(plane: np.ndarray, name: str) -> np.ndarray:
    """Pseudo-colour (H, W, 3) of a plane (H, W), 0..1, by one of PALETTES."""
    colours = np.array(PALETTES[name], np.float32)
    position = np.clip(plane, 0, 1).astype(np.float32) * (len(colours) - 1)
    index = np.minimum(position.astype(np.int32), len(colours) - 2)
    share = (position - index)[..., None]
    return colours[index] * (1 - share) + colours[index + 1] * share
