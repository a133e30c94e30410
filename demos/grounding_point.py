"""A click on the picture: what stands there, in the fewest words that name it alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.grounding_bench import Job
from demos.grounding_drawing import factor_of
from demos.grounding_source import ID
from demos.grounding_words import PICK, expression_buttons, label_of
from demos.sight import Sight, Updates, Values
from demos.stills import StillImage
from demos.tab import told
from demos.tab_events import LAST
from demos.words import hint
from pipelines.grounding.random_scene import is_thing_at, name_at

if TYPE_CHECKING:
    from pipelines.grounding.results import GroundedObject

ABOUT = "Click the picture: in a generated scene, what stands there is named, and a click on its name asks for it."
GROUND = "Nothing stands there but the ground."
ALIKE = "Nothing tells this thing from the others in few words."
UNKNOWN = (
    "Only generated scenes are known thing by thing. With Florence-2 as the network, a photograph's are named too."
)
SILENT = "The network has no words for this region."
AROUND = 0.25  # side of the region around a click on nothing that was found, of the picture's shorter side


class PointView:
    """The line that names what was pointed at; `name` holds its expression."""

    def __init__(self, sight: Sight, picture: StillImage) -> None:
        self._sight, self._picture = sight, picture
        self.line = gr.HTML(hint(ABOUT), elem_id=f"{ID}-pointed", js_on_load=PICK)
        self.name = gr.State("")
        self.controls = [self.name]
        self.outputs = [self.line, self.name]

    def pictured(self, job: Job, result: Any, values: Values) -> Updates:
        """What was said of another picture goes."""
        before = values[self._sight.shown]
        is_same = before is not None and (before.path, before.scene) == (job.path, job.scene)
        return {} if is_same else {self.line: hint(ABOUT), self.name: ""}

    def wire(self, inputs: set[Any]) -> None:
        self._picture.select(told(self.when_pointed), inputs, self.outputs, **LAST)

    def when_pointed(self, event: gr.SelectData, values: Values) -> Updates:
        """The name of what was clicked, and which answers cover it."""
        job, result = self._sight.job(values), self._sight.result(values)
        factor = factor_of(*result.size_wh)
        x, y = (min(int(float(value) / factor), side - 1) for value, side in
                zip(event.index, result.size_wh, strict=True))  # fmt: skip
        here = [label_of(one) for one in result.objects if one.mask[y, x]]
        covered = hint("Here: " + ", ".join(here)) if here else ""
        if job.scene is None:
            called = self._sight.bench.called(job, region_at(result.objects, (x, y), result.size_wh))
            told_of = hint(UNKNOWN) if called is None else _named(called) if called else hint(SILENT)
            return {self.line: covered + told_of, self.name: called or ""}
        name = name_at(job.scene, (x, y))
        nameless = ALIKE if is_thing_at(job.scene, (x, y)) else GROUND
        told_of = _named(name) if name else hint(nameless)
        return {self.line: covered + told_of, self.name: name or ""}


def _named(name: str) -> str:
    return expression_buttons([(name, "ask")], "This is:")


def region_at(
    objects: Sequence[GroundedObject], at: tuple[int, int], size_wh: tuple[int, int]
) -> tuple[float, float, float, float]:
    """The box of the smallest object at a pixel (x, y); a square around it where nothing was found there."""
    here = [one.box_xyxy for one in objects if one.mask[at[1], at[0]]]
    if here:
        return min(here, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))
    reach, (x, y), (width, height) = AROUND * min(size_wh) / 2, at, size_wh
    return max(x - reach, 0.0), max(y - reach, 0.0), min(x + reach, float(width)), min(y + reach, float(height))
