"""The slider of the desk."""

from __future__ import annotations

from typing import Any

import gradio as gr


class Fader(gr.Slider):
    """A slider that takes what its number box can send: empty means the start value, out of range is clamped."""

    def get_block_name(self) -> str:
        """Rendered by the stock slider; a subclass is otherwise looked up as a custom component."""
        return "slider"

    def preprocess(self, payload: float | None) -> float:
        """The value, inside the range."""
        value: Any = self.value if payload is None else payload
        return round(min(max(float(value), float(self.minimum)), float(self.maximum)), 6)
