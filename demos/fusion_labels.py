"""The segmentation view of the fusion tab: classes over the result, chosen, outlined, with their share of the area."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from demos import drawing
from demos.fader import Fader
from demos.fusion_views import CHOSEN
from demos.sight import SAVE, STILL, Sight, Updates, Values
from demos.stills import StillImage
from demos.tab import told
from demos.words import hint

if TYPE_CHECKING:
    from demos.fusion_bench import Job
    from pipelines.fusion.pipeline import FusionResult

CLASS_NAMES = ("sky", "ground", "vegetation", "building", "vehicle", "person", "other")
CLASS_COLOURS = ((86, 180, 233), (150, 130, 110), (0, 158, 115), (204, 121, 167), (0, 114, 178), (213, 94, 0),
                 (200, 200, 200))  # fmt: skip
HIDDEN = 255
REASON = "Only the mixed network on infrared and visible frames names what it sees."


class LabelView:
    """Widgets and handlers of the overlay."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        with gr.Accordion("Segmentation (infrared and visible)", open=False, elem_id="fusion-labels-box"):
            with gr.Row():
                self.opacity = Fader(0, 1, 0.5, step=0.05, label="Overlay", elem_id="fusion-opacity", buttons=[])
                self.outline = gr.Checkbox(False, label="Contours only", info="at full strength",
                                           elem_id="fusion-contours")
            self.classes = gr.CheckboxGroup(list(CLASS_NAMES), value=list(CLASS_NAMES), label="Classes",
                                            show_select_all=True, elem_id="fusion-classes")
            self.picture = StillImage(label="Classes over the result", elem_id="fusion-labels", buttons=SAVE,
                                      **STILL)
            self.legend = gr.HTML("", elem_id="fusion-legend")
        self.controls = [self.opacity, self.outline, self.classes]
        self.outputs = [self.picture, self.legend]

    def pictured(self, job: Job, result: FusionResult, values: Values) -> Updates:
        """The overlay and its legend, or why there is none."""
        if result.labels is None:
            return {self.picture: None, self.legend: hint(REASON, "reason")}
        legend = drawing.class_legend(result.labels, CLASS_NAMES, CLASS_COLOURS)
        return {self.picture: self._overlay(result, values), self.legend: legend}

    def wire(self, inputs: set[Any]) -> None:
        for event in (self.opacity.release, self.outline.input, self.classes.input):
            event(told(self.when_changed), inputs, [self.picture], **CHOSEN)

    def when_changed(self, values: Values) -> Updates:
        """The same labels, drawn another way."""
        if values[self._sight.shown] is None:
            return {self.picture: None}
        result = self._sight.result(values)
        return {self.picture: None if result.labels is None else self._overlay(result, values)}

    def _overlay(self, result: FusionResult, values: Values) -> np.ndarray:
        height, width = result.fused.shape[:2]
        labels = drawing.resized(result.labels, (height, width), is_label=True)
        if values[self.outline]:
            labels = drawing.contours(labels, HIDDEN)
        opacity = 1.0 if values[self.outline] else values[self.opacity]
        chosen = [CLASS_NAMES.index(name) for name in values[self.classes] or ()]
        labels = np.where(np.isin(labels, chosen), labels, HIDDEN).astype(np.uint8)
        return drawing.overlay(result.fused, labels, CLASS_COLOURS, opacity)
