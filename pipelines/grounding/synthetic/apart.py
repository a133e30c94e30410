"""Colours for grounds that keep away from those of the things in front of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.grounding.synthetic.colours import to_lab

CANDIDATES = 24
HUE_WEIGHT = 0.6  # of a difference in hue, against one in lightness: the latter is what makes edges seen
NATURAL = {
    "sky": ((135, 180, 225), (175, 200, 220), (95, 140, 200), (215, 205, 200), (240, 200, 165)),
    "grass": ((95, 130, 70), (120, 145, 85), (70, 95, 55), (150, 150, 100)),
    "hill": ((105, 125, 120), (130, 140, 150), (90, 105, 85), (140, 120, 100), (165, 165, 170)),
    "wood": ((150, 110, 75), (185, 150, 110), (110, 80, 58), (205, 180, 145), (80, 60, 50)),
    "brick": ((155, 95, 80), (170, 120, 100), (185, 170, 155), (120, 80, 75)),
    "stone": ((170, 168, 162), (120, 118, 115), (205, 200, 192), (85, 85, 88)),
    "wall": ((225, 218, 205), (200, 210, 208), (215, 200, 205), (180, 190, 200), (150, 140, 135), (95, 100, 110)),
    "cloth": ((190, 175, 160), (150, 160, 170), (110, 100, 105), (215, 210, 200)),
}  # fmt: skip


@dataclass(frozen=True)
class Apart:
    """Draws colours that differ from the taken ones.

    Attributes:
        taken: colours in Lab, (n, 3). contrast: least distance in Lab, as far as possible.
    """

    rng: np.random.Generator
    taken: np.ndarray
    contrast: float

    def colour(self, kind: str | None = None) -> np.ndarray:
        """A colour of that kind (see NATURAL) if one is far enough, else any muted one, float32 (3,) RGB, 0 to 1."""
        grey = 0.97 - 0.85 * self.rng.random((CANDIDATES, 1)) ** 1.5  # rather light
        muted = grey + self.rng.uniform(-0.1, 0.1, (CANDIDATES, 3))
        if kind is None:
            return self.farthest(muted)
        natural = np.array(NATURAL[kind])[self.rng.integers(len(NATURAL[kind]), size=CANDIDATES)] / 255
        return self.farthest(np.concatenate([natural * self.rng.uniform(0.8, 1.12, (CANDIDATES, 1)), muted]))

    def like(self, colour: np.ndarray, spread: float = 0.1) -> np.ndarray:
        """A neighbour of a colour that is far enough as well, (3,)."""
        light, tint = self.rng.normal(0, spread, (CANDIDATES, 1)), self.rng.normal(0, spread / 4, (CANDIDATES, 3))
        return self.farthest(colour + light + tint)

    def farthest(self, candidates: np.ndarray) -> np.ndarray:
        """The first of the colours (n, 3) that is far enough, or the farthest one."""
        rgb = np.clip(candidates, 0.03, 0.97).astype(np.float32)
        gap = (to_lab(rgb)[:, None] - self.taken) * np.array((1, HUE_WEIGHT, HUE_WEIGHT), np.float32)
        apart = np.sqrt((gap * gap).sum(2)).min(1)
        is_far = apart >= self.contrast
        return rgb[int(is_far.argmax())] if is_far.any() else rgb[int(apart.argmax())]
