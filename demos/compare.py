"""Two pictures against each other: a wipe, side by side, or their difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
import numpy as np

from demos.stills import Sketch, StillImage, StillSlider

Updates = dict[Any, Any]
Values = Mapping[Any, Any]

VIEWS = (("Wipe", "wipe"), ("Side by side", "beside"), ("Difference × 4", "difference"))
GAIN = 4
GAP_PX = 6
SHOWN: dict[str, Any] = {"format": "png", "interactive": False, "elem_classes": "mdk-picture",
                         "buttons": ["download", "fullscreen"]}  # fmt: skip


class Compare:
    """The choice of view, and the two components of which one is seen."""

    def __init__(self, tab: str, first: Any = None) -> None:
        self.view = gr.Radio(list(VIEWS), value="wipe", label="View", show_label=False, container=False,
                             elem_id=f"{tab}-view", elem_classes="views")  # fmt: skip
        self.slider = StillSlider(first, label="Before | fused", elem_id=f"{tab}-out", max_height=440, **SHOWN)
        self.flat = StillImage(label="Comparison", elem_id=f"{tab}-flat", height=440, visible=False, **SHOWN)
        self.outputs = [self.slider, self.flat]

    def drawn(self, values: Values, before: np.ndarray, fused: np.ndarray, is_sketch: bool = False) -> Updates:
        """The two pictures, (H, W, 3) uint8 of one size, in the chosen view."""
        view, kind = values[self.view], Sketch if is_sketch else np.asarray
        if view == "wipe":
            return {self.slider: (before, kind(fused))}
        return {self.flat: kind(beside(before, fused) if view == "beside" else difference(before, fused))}

    def switched(self, values: Values, before: np.ndarray, fused: np.ndarray) -> Updates:
        """The same pictures in another view."""
        ((seen, picture),) = self.drawn(values, before, fused).items()
        hidden = {one: gr.update(visible=False) for one in self.outputs if one is not seen}
        return hidden | {seen: gr.update(value=picture, visible=True)}


def beside(before: np.ndarray, fused: np.ndarray) -> np.ndarray:
    """Both in one picture, (H, 2 W + GAP_PX, 3), white between them."""
    gap = np.full((before.shape[0], GAP_PX, 3), 255, np.uint8)
    return np.hstack([before, gap, fused])


def difference(before: np.ndarray, fused: np.ndarray) -> np.ndarray:
    """Absolute difference times GAIN, clipped: black where the pictures agree."""
    return np.clip(np.abs(fused.astype(np.int16) - before) * GAIN, 0, 255).astype(np.uint8)
