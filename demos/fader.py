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
        return self.taken(self.value if payload is None else payload)

    def taken(self, value: Any, update: Any = None) -> float:
        """A value as the fader gives it back, with an update's range if that has one."""
        room = update if isinstance(update, dict) else {}
        low, high = room.get("minimum", self.minimum), room.get("maximum", self.maximum)
        return round(min(max(float(value), float(low)), float(high)), 6)

    def room(self, value: float) -> dict[str, Any]:
        """A value and a range that holds it: the usual one, wider where a recipe goes beyond it."""
        return {"value": value, "minimum": min(self.minimum, value), "maximum": max(self.maximum, value)}

    def held(self, value: float) -> Any:
        """An update to a value; the range stays where it has room for it."""
        return value if self.minimum <= value <= self.maximum else gr.update(**self.room(value))
