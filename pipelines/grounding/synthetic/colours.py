"""The twelve colours that the world has names for, as regions of CIE Lab around a prototype each."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

SPREAD = 6.0  # deviation about a prototype, in Lab
BORDER = 1.35  # the second nearest prototype is so much farther
POOL = 256  # colours of each name

PROTOTYPES_RGB = {
    "red": (205, 35, 40), "orange": (240, 135, 25), "yellow": (245, 215, 45), "green": (50, 150, 55),
    "teal": (25, 160, 165), "blue": (40, 80, 200), "purple": (120, 50, 160), "pink": (240, 140, 180),
    "brown": (115, 70, 35), "black": (32, 32, 34), "grey": (130, 130, 132), "white": (240, 240, 238),
}  # fmt: skip
NAMES = tuple(PROTOTYPES_RGB)
LIKE = {
    "red": ("pink", "orange", "brown"), "orange": ("yellow", "red", "brown"), "yellow": ("orange", "white"),
    "green": ("teal", "brown"), "teal": ("blue", "green"), "blue": ("teal", "purple"), "purple": ("pink", "blue"),
    "pink": ("purple", "red"), "brown": ("orange", "black", "red"), "black": ("grey", "brown"),
    "grey": ("white", "black", "teal"), "white": ("grey", "yellow"),
}  # fmt: skip


def draw_colour(rng: np.random.Generator, name: str) -> np.ndarray:
    """A colour that goes by that name, float32 (3,) RGB, 0 to 1."""
    pool = _pools()[name]
    return pool[int(rng.integers(len(pool)))]


def to_lab(rgb: np.ndarray) -> np.ndarray:
    """Colours (n, 3) RGB, 0 to 1, in CIE Lab."""
    import cv2

    return cv2.cvtColor(np.asarray(rgb, np.float32)[None], cv2.COLOR_RGB2Lab)[0]


def to_rgb(lab: np.ndarray) -> np.ndarray:
    """Colours (n, 3) in CIE Lab as RGB, 0 to 1 (cut off where there is no such colour)."""
    import cv2

    return np.clip(cv2.cvtColor(np.asarray(lab, np.float32)[None], cv2.COLOR_Lab2RGB)[0], 0, 1)


def nearest_name(rgb: np.ndarray) -> str:
    """The name of a colour (3,)."""
    return NAMES[int(np.linalg.norm(_prototypes() - to_lab(rgb[None]), axis=1).argmin())]


def shade(colour: np.ndarray, tone: str) -> np.ndarray:
    """A darker or lighter neighbour of a colour, float32 (3,): "dark", "deep" or "light"; others give the colour."""
    level = float(colour @ (0.299, 0.587, 0.114))
    if tone == "light":
        return colour * np.float32(0.8) if level > 0.85 else colour + (1 - colour) * np.float32(0.6)
    if tone in ("dark", "deep"):
        strength = np.float32(0.24 if tone == "dark" else 0.6)
        return colour + (1 - colour) * strength * np.float32(0.6) if level < 0.22 else colour * (1 - strength)
    return colour


def second_colour(colour: np.ndarray) -> np.ndarray:
    """What the stripes, dots and squares on a thing of this colour are painted with: a strong shade of it."""
    level = float(colour @ (0.299, 0.587, 0.114))
    return colour * np.float32(0.38) if level > 0.5 else colour + (1 - colour) * np.float32(0.68)


@lru_cache(maxsize=1)
def _prototypes() -> np.ndarray:
    return to_lab(np.array([PROTOTYPES_RGB[name] for name in NAMES]) / 255)


@lru_cache(maxsize=1)
def _pools() -> dict[str, np.ndarray]:
    """Colours of each name, (256, 3): around the prototype, well away from the borders of other names."""
    rng, pools = np.random.default_rng(12), {}
    for index, name in enumerate(NAMES):
        lab = _prototypes()[index] + rng.normal(0, SPREAD, (8 * POOL, 3))
        rgb = to_rgb(lab)
        far = np.sort(np.linalg.norm(to_lab(rgb)[:, None] - _prototypes()[None], axis=2), axis=1)
        is_own = np.linalg.norm(to_lab(rgb) - _prototypes()[index], axis=1) == far[:, 0]
        pools[name] = rgb[is_own & (far[:, 1] >= BORDER * far[:, 0])][:POOL]
    return pools
