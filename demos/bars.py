"""A bar per layer, painted with the mouse or moved by keys: one component instead of a wall of sliders."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

MOST = 2.0
SCRIPT = (Path(__file__).resolve().parent / "bars.js").read_text(encoding="utf-8")
HOW = "Drag across to paint, with Shift for a straight line; double-click puts a bar back to 1."


class Bars(gr.HTML):
    """Value: a factor per name, 0 to 2, 1 leaves the layer as it is. Fires `input` while it moves, then `release`."""

    def __init__(
        self, value: list[float] | None = None, *, names: Sequence[str] = (), label: str = "", **more: Any
    ) -> None:  # fmt: skip
        """`more` goes to the base class: the server makes components anew from all arguments of theirs."""
        self.names = tuple(names)
        start = [1.0] * len(names) if value is None else value
        super().__init__(start, html_template=template(names, label), js_on_load=SCRIPT, label=label, **more)

    def preprocess(self, payload: Any) -> list[float]:  # type: ignore[override]
        """What a client sends, made sure of: that many finite numbers in range, or all 1."""
        if not isinstance(payload, list) or len(payload) != len(self.names):
            return [1.0] * len(self.names)
        return [factor(one) for one in payload]

    def postprocess(self, value: Any) -> Any:
        """Factors as they are."""
        return value

    def api_info(self) -> dict[str, Any]:
        """A list of numbers."""
        return {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": MOST}}


def factor(value: Any) -> float:
    """A number from a client, inside the range; 1 where it is none."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return 1.0
    return round(min(max(float(value), 0.0), MOST), 2)


def template(names: Sequence[str], label: str) -> str:
    """The bars at 1; the script moves them."""
    slots = "".join(
        f'<div role="slider" tabindex="0" aria-label="{html.escape(name)}" title="{html.escape(name)}" '
        f'aria-orientation="vertical" aria-valuemin="0" aria-valuemax="{MOST:g}" aria-valuenow="1"><i></i></div>'
        for name in names
    )
    group = f'<div class="bars" role="group" aria-label="{html.escape(label)}">{slots}</div>'
    return f'{group}<div class="bars-line" aria-live="polite">{html.escape(HOW)}</div>'
