"""The clips of the fusion tab: a thermal and a visible one, or one of alternating exposures, fused frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.limits import TimeIsUp
from demos.sight import Sight, Updates, Values
from demos.steps import LONG, NOT_BEGUN, WAITING, new_file, progress_bar, until_stopped
from demos.tab import BESIDE_QUEUE, Turns, told, visitor_of
from demos.words import hint, notice_lines
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from demos.fusion_bench import Job
    from pipelines.fusion.pipeline import FusionResult

ABOUT = (
    "Infrared and visible: two clips. Multi-exposure: one clip whose exposures alternate. The shorter clip decides, "
    "weights are held steady against flicker, the sound of the first clip is kept. Settings and mix are those of the "
    "page."
)
FILE_TYPES = [".mp4", ".mov", ".mkv", ".webm", ".avi"]


class ClipView:
    """Two boxes for clips, progress, and the fused clip."""

    def __init__(self, sight: Sight) -> None:
        self._sight, self._turns = sight, Turns()
        with gr.Accordion("Clips", open=False, elem_id="fusion-clips-box"):
            gr.HTML(hint(ABOUT))
            with gr.Row():
                self.first = gr.File(
                    label="Thermal, or alternating clip",
                    file_types=FILE_TYPES,
                    height=150,
                    elem_id="fusion-clips-first",
                    min_width=200,
                )
                self.second = gr.File(
                    label="Visible clip",
                    file_types=FILE_TYPES,
                    height=150,
                    elem_id="fusion-clips-second",
                    min_width=200,
                )
            with gr.Row(elem_classes="tight"):
                self.start = gr.Button("Fuse clips", size="sm", min_width=90, elem_id="fusion-clips-run")
                self.halt = gr.Button("Stop clip", size="sm", min_width=90, elem_id="fusion-clips-stop")
            self.progress = gr.HTML("", elem_id="fusion-clips-progress")
            self.clip = gr.Video(label="Fused clip", interactive=False, elem_id="fusion-clips-out", height=320,
                                 format="mp4", buttons=["download"], elem_classes="when-full")  # fmt: skip
            self.turn = gr.State(0)  # of the run that was asked for last
        self.controls = [self.first, self.second, self.turn]
        self.outputs: list[Any] = []

    def pictured(self, job: Job, result: FusionResult, values: Values) -> Updates:
        """Nothing: clips stand beside the picture."""
        return {}

    def wire(self, inputs: set[Any], job_of: Any) -> None:
        """`job_of(values)` is the job of the page: its options, its mix and its moves are those of the clips."""
        self._job_of = job_of
        asked = self.start.click(told(self.queued), None, [self.turn, self.progress], **BESIDE_QUEUE)
        asked.then(told(self.run), inputs, [self.progress, self.clip], trigger_mode="once", **LONG)
        self.halt.click(told(self.when_stopped), None, [self.progress], **BESIDE_QUEUE)

    def queued(self) -> Updates:
        """The moment that the button is pressed: from here on Stop ends it, though it still waits."""
        return {self.turn: self._turns.take(), self.progress: hint(WAITING)}

    def run(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """One frame after the other; a stopped clip leaves nothing."""
        from pipelines.fusion.video import fuse_clips

        visitor, turn = visitor_of(request), values[self.turn]
        if not self._turns.is_current(visitor, turn):
            yield {self.progress: hint(NOT_BEGUN)}
            return
        paths = [Path(one) for one in (values[self.first], values[self.second]) if one]
        if not paths:
            yield {self.progress: ""}
            raise UserError("There is no clip yet: drop one or two.", "Nothing to fuse")
        yield {self.progress: hint("Reading the clips…"), self.clip: None}
        job, out = self._job_of(values), new_file("mixdeck-fusion.mp4")
        steps = fuse_clips(self._sight.bench.pipeline, paths, job.options, job.recipe, out, job.placement)
        try:
            for step, is_stopped in until_stopped(steps, self._turns, visitor, turn):
                word = "Stopped, nothing is kept" if is_stopped else "Fusing"
                text = progress_bar(step.done, step.total, f"{word}: frame {step.done} of {step.total}")
                yield {self.progress: text + notice_lines(step.notices)}
        except TimeIsUp:
            yield {self.progress: hint("Stopped, nothing is kept.")}
            raise
        if not is_stopped:
            text = progress_bar(step.done, step.done, f"Done: {step.done} frames")
            yield {self.progress: text + notice_lines(step.notices), self.clip: str(out)}

    def when_stopped(self, request: gr.Request) -> Updates:
        """The clip ends after the frame it is at."""
        self._turns.stop(visitor_of(request))
        return {self.progress: hint("Stopping after this frame…")}
