"""The segmentation view of the fusion tab: classes over the result, named in both frames or in one of them alone."""

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
from pipelines.shared.images import resized

if TYPE_CHECKING:
    from demos.fusion_bench import Job
    from pipelines.fusion.pipeline import FusionResult

CLASS_NAMES = ("sky", "ground", "vegetation", "building", "vehicle", "person", "other")
CLASS_COLOURS = ((86, 180, 233), (150, 130, 110), (0, 158, 115), (204, 121, 167), (0, 114, 178), (213, 94, 0),
                 (200, 200, 200))  # fmt: skip
SOURCES = (("Both frames", "both"), ("Thermal alone", "thermal"), ("Visible alone", "visible"),
           ("Where they differ", "differ"))  # fmt: skip
DIFFERENCES = ("only thermal alone differs", "only visible alone differs", "each alone differs")
DIFFERENCE_COLOURS = ((213, 94, 0), (0, 114, 178), (240, 228, 66))
HIDDEN = 255
REASON = "Only the mixed network on infrared and visible frames names what it sees."


class LabelView:
    """Widgets and handlers of the overlay."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        with gr.Accordion("Segmentation (infrared and visible)", open=False, elem_id="fusion-labels-box"):
            self.source = gr.Radio(list(SOURCES), value="both", label="What is named in", elem_id="fusion-label-source")
            with gr.Row():
                self.opacity = Fader(0, 1, 0.5, step=0.05, label="Overlay", elem_id="fusion-opacity", buttons=[],
                                     min_width=180)  # fmt: skip
                self.outline = gr.Checkbox(False, label="Contours only", info="at full strength",
                                           elem_id="fusion-contours")  # fmt: skip
            self.classes = gr.CheckboxGroup(list(CLASS_NAMES), value=list(CLASS_NAMES), label="Classes",
                                            show_select_all=True, elem_id="fusion-classes")  # fmt: skip
            self.picture = StillImage(label="Classes over the result", elem_id="fusion-labels", buttons=SAVE, **STILL)
            self.legend = gr.HTML("", elem_id="fusion-legend")
        self.controls = [self.source, self.opacity, self.outline, self.classes]
        self.outputs = [self.picture, self.legend]

    def pictured(self, job: Job, result: FusionResult, values: Values) -> Updates:
        """The overlay and its legend, or why there is none."""
        if result.labels is None:
            return {self.picture: gr.update(value=None, visible=False), self.legend: hint(REASON, "reason")}
        labels, legend = self._named(job, result.labels, values[self.source])
        picture = self._overlay(result.fused, values, labels, result.labels)
        return {self.picture: gr.update(value=picture, visible=True), self.legend: legend}

    def wire(self, inputs: set[Any]) -> None:
        for event in (self.source.input, self.opacity.release, self.outline.input, self.classes.input):
            event(told(self.when_changed), inputs, self.outputs, **CHOSEN)

    def when_changed(self, values: Values) -> Updates:
        """The same result, named or drawn another way."""
        if values[self._sight.shown] is None:
            return {self.picture: None}
        return self.pictured(self._sight.job(values), self._sight.result(values), values)

    def _named(self, job: Job, both: np.ndarray, source: str) -> tuple[np.ndarray, str]:
        """The labels of a source, (h, w), and their legend; `both` are those of both frames together."""
        from pipelines.fusion.labels import differences

        if source == "both":
            return both, drawing.class_legend(both, CLASS_NAMES, CLASS_COLOURS)
        alone = self._sight.bench.labels_alone(job)
        if source == "differ":
            different = differences(both, alone)
            legend = drawing.class_legend(different, DIFFERENCES, DIFFERENCE_COLOURS)
            table = drawing.share_table({"both": both} | {f"{name} alone": one for name, one in alone.items()},
                                        CLASS_NAMES)  # fmt: skip
            return different, legend + table
        legend = drawing.class_legend(alone[source], CLASS_NAMES, CLASS_COLOURS)
        return alone[source], legend + agreement(both, alone[source], source)

    def _overlay(self, fused: np.ndarray, values: Values, labels: np.ndarray, both: np.ndarray) -> np.ndarray:
        """Labels over the picture where the class named in both frames is ticked; of one source, where its own is."""
        is_difference = values[self.source] == "differ"
        chosen = [CLASS_NAMES.index(name) for name in values[self.classes] or ()]
        size_hw = (fused.shape[0], fused.shape[1])
        labels = resized(labels, size_hw, is_label=True)
        named = resized(both, size_hw, is_label=True) if is_difference else labels
        kept = np.isin(named, chosen)
        if values[self.outline]:
            labels = drawing.contours(labels, HIDDEN)
        opacity = 1.0 if values[self.outline] else values[self.opacity]
        colours = DIFFERENCE_COLOURS if is_difference else CLASS_COLOURS
        return drawing.overlay(fused, np.where(kept, labels, HIDDEN).astype(np.uint8), colours, opacity)


def agreement(both: np.ndarray, alone: np.ndarray, name: str) -> str:
    """How much of the picture has the same label in one frame alone as in both together."""
    share = float(np.mean(both == alone))
    return hint(f"The {name} frame alone is named like both together on {share:.0%} of the picture.")
