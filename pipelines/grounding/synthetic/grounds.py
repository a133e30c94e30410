"""What things stand in front of: plain colours, ramps, clouds, procedural textures, lights out of focus.

Grounds are float32 (side, side, 3) RGB, 0 to 1, and keep away from the colours of the things as far as the recipe asks.
"""

from __future__ import annotations

import numpy as np

from pipelines.grounding.synthetic.cast import drawn
from pipelines.grounding.synthetic.colours import to_lab
from pipelines.grounding.synthetic.recipes import Recipe

CANDIDATES = 48


def ground(rng: np.random.Generator, recipe: Recipe, side: int, taken: np.ndarray) -> np.ndarray:
    """A ground of the recipe. `taken`: colours of the things in Lab, (n, 3)."""
    name = drawn(rng, recipe.grounds)
    base = far_colour(rng, taken, recipe.contrast)
    return np.full((side, side, 3), base, np.float32) if name else base


def far_colour(rng: np.random.Generator, taken: np.ndarray, contrast: float) -> np.ndarray:
    """A muted colour (3,) at least so far from the taken ones in Lab, or as far as there is one."""
    grey, tint = rng.uniform(0.08, 0.95, (CANDIDATES, 1)), rng.uniform(-0.2, 0.2, (CANDIDATES, 3))
    rgb = np.clip(grey + tint, 0.02, 0.98).astype(np.float32)
    apart = np.linalg.norm(to_lab(rgb)[:, None] - taken, axis=2).min(1)
    is_far = apart >= contrast
    return rgb[int(is_far.argmax())] if is_far.any() else rgb[int(apart.argmax())]
