"""A slider on a log scale: its knob moves over log10 of the number, the number box and the value are the number."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.lab.axes import THRESHOLD_LIMITS as LIMITS
from pipelines.merging.recipe import DEFAULT_THRESHOLD, THRESHOLD_RANGE
from pipelines.merging.tuning import THRESHOLDS

MARKS = (*THRESHOLDS, 1.0)  # the published lambdas, and the one whose mask comes nearest to the expert
CLOSEST = 0.12  # of the knob's way, between two numbers that are told under it
SCRIPT = (Path(__file__).resolve().parent / "log_fader.js").read_text(encoding="utf-8")


class LogFader(gr.HTML):
    """A lambda of TALL-masks. Fires `input` while it moves, then `release`, as `Fader` does.

    The knob stands at the stops of byte planes alone, so that a drag is quick. What is typed is kept as it is, inside
    LIMITS; a recipe's number may lie beyond them, up to what recipes allow, and the knob then rests at an end.
    """

    minimum, maximum = THRESHOLD_RANGE

    def __init__(
        self,
        value: float = DEFAULT_THRESHOLD,
        *,
        marks: Sequence[float] = (),
        label: str = "",
        infos: tuple[str, str] = ("", ""),
        interactive: bool = True,
        **more: Any,
    ) -> None:
        """`marks` are numbers to catch on; `infos` are said while it can be moved, and while not; `more` goes to the
        base class, as in `Bars`."""
        self.start, self.infos, info = value, infos, more.pop("info", infos[not interactive])
        more = {"container": True, "padding": True, "elem_classes": classes(interactive), **more}
        super().__init__(value, html_template=template(value, marks, label, infos), js_on_load=SCRIPT, label=label,
                         **more)  # fmt: skip
        self.interactive, self.info = interactive, info

    def able(self, is_on: bool) -> dict[str, Any]:
        """An update that lets it be moved, or not. By classes: the next event that leaves the fader alone would take
        back what the browser was told in any other way (Gradio 6.31)."""
        update: dict[str, Any] = gr.update(interactive=is_on, info=self.infos[not is_on], elem_classes=classes(is_on))
        return update

    def preprocess(self, payload: Any) -> float:  # type: ignore[override]
        """What a client sends, made sure of: a finite number that a recipe may have, or the start value."""
        if not isinstance(payload, int | float) or isinstance(payload, bool) or not math.isfinite(payload):
            return self.start
        return self.taken(payload)

    def taken(self, value: float, update: Any = None) -> float:
        """A number as the fader gives it back, as of `Fader`; an update changes nothing of that."""
        return round(min(max(float(value), self.minimum), self.maximum), 6)

    def postprocess(self, value: Any) -> Any:
        """The number as it is."""
        return value

    def api_info(self) -> dict[str, Any]:
        """A number."""
        return {"type": "number", "minimum": self.minimum, "maximum": self.maximum}


def classes(is_on: bool) -> list[str]:
    """What style and script go by."""
    return [] if is_on else ["off"]


def template(start: float, marks: Sequence[float], label: str, infos: tuple[str, str]) -> str:
    """Label, number and knob; the script moves the knob."""
    name, (low, high) = html.escape(label), (place(end) for end in LIMITS)
    means, why = (html.escape(text) for text in infos)
    catches = json.dumps([place(one) for one in marks])
    return (
        f'<div class="log-fader" data-start="{start:g}" data-catches="{catches}"><div class="log-head">'
        f'<span>{name}<small class="means">{means}</small><small class="why">{why}</small></span>'
        f'<input type="number" min="{LIMITS[0]:g}" max="{LIMITS[1]:g}" step="any" '
        f'aria-label="number input for {name}"></div>'
        f'<input type="range" min="{low}" max="{high}" step="0.01" aria-label="range slider for {name}">'
        f'<div class="ticks" aria-hidden="true">{ticks((LIMITS[0], *marks, LIMITS[1]))}</div></div>'
    )


def ticks(values: Sequence[float]) -> str:
    """A tick for each of these ascending numbers, with its number where that does not touch the one before."""
    low, high = (place(end) for end in LIMITS)
    found: list[str] = []
    told = -1.0
    for value in values:
        at = (place(value) - low) / (high - low)
        is_told = at - told >= CLOSEST
        told = at if is_told else told
        found.append(f'<i style="--at:{at:.4f}">{f"{value:g}" if is_told else "&nbsp;"}</i>')
    return "".join(found)


def place(value: float) -> float:
    """Where on the knob's way a number stands."""
    return round(math.log10(value), 2)
