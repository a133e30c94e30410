"""The folder batch of the fusion tab: many files or a zip, matched by name; a zip of pictures and a table back."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.sight import Sight, Updates, Values
from demos.steps import LONG, new_file, progress_bar, until_stopped
from demos.tab import BESIDE_QUEUE, Turns, told, visitor_of
from demos.words import hint
from pipelines.shared.archives import gathered
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from demos.fusion_bench import Job
    from pipelines.fusion.batch import BatchStep, Matches
    from pipelines.fusion.pipeline import FusionResult

ABOUT = (
    "Drop a zip, or all files at once. Frames of one scene are matched by name: street_ir.png and street_vis.png, "
    "room_A.png and room_B.png, cup_over and cup_under, or a number at the end. They are fused with the settings and "
    "the mix of the page."
)
MOST_LISTED = 30
ARCHIVE = "mixdeck-fusion-batch.zip"


class BatchView:
    """Drop box, what was matched, progress, and the zip. `settings_of` gives the options and the mix of the page."""

    def __init__(self, sight: Sight) -> None:
        self._sight, self._turns = sight, Turns()
        with gr.Accordion("Folder batch", open=False, elem_id="fusion-batch-box"):
            gr.HTML(hint(ABOUT))
            self.files = gr.File(
                label="A zip, or many pictures",
                file_count="multiple",
                file_types=["image", ".zip"],
                height=150,
                elem_id="fusion-batch-files",
            )
            self.matched = gr.HTML("", elem_id="fusion-batch-matched")
            with gr.Row(elem_classes="tight"):
                self.start = gr.Button("Fuse all", size="sm", min_width=90, elem_id="fusion-batch-run")
                self.halt = gr.Button("Stop batch", size="sm", min_width=90, elem_id="fusion-batch-stop")
            self.progress = gr.HTML("", elem_id="fusion-batch-progress")
            self.archive = gr.File(label="Pictures and metrics.csv", interactive=False, elem_id="fusion-batch-out",
                                   elem_classes="when-full")  # fmt: skip
        self.controls = [self.files]
        self.outputs: list[Any] = []

    def pictured(self, job: Job, result: FusionResult, values: Values) -> Updates:
        """Nothing: a batch stands beside the picture."""
        return {}

    def wire(self, inputs: set[Any], job_of: Any) -> None:
        """`job_of(values)` is the job of the page: its options and its mix are those of the batch."""
        self._job_of = job_of
        beside: dict[str, Any] = {"trigger_mode": "always_last", **BESIDE_QUEUE}
        self.files.change(told(self.when_dropped), inputs, [self.matched], **beside)
        self.start.click(told(self.run), inputs, [self.progress, self.archive], **LONG)
        self.halt.click(told(self.when_stopped), None, [self.progress], **BESIDE_QUEUE)

    def when_dropped(self, values: Values) -> Updates:
        """What belongs together, and every name that fits nothing."""
        from pipelines.fusion.batch import match_pairs

        if not values[self.files]:
            return {self.matched: ""}
        return {self.matched: match_lines(match_pairs(tuple(gathered(values[self.files]))))}

    def run(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """One scene after the other; a stopped batch gives what it has."""
        visitor, turn = visitor_of(request), self._turns.take()
        if not values[self.files]:
            raise UserError("There is no file yet: drop a zip or some pictures.", "Nothing to fuse")
        yield {self.progress: hint("Matching names…"), self.archive: None}
        job, out = self._job_of(values), new_file(ARCHIVE)
        steps = batch_steps(self._sight.bench, gathered(values[self.files]), job, out)
        problems: list[str] = []
        for step, is_stopped in until_stopped(steps, self._turns, visitor, turn):
            problems += [f"{step.stem}: {step.problem}"] if step.problem else []
            word = "Stopped" if is_stopped else "Fusing"
            yield {self.progress: progress_lines(step, problems, word), self.archive: gr.skip()}
        # The zip is complete only now that the steps are over.
        word = "Stopped" if is_stopped else "Done"
        yield {self.progress: progress_lines(step, problems, word), self.archive: str(out)}

    def when_stopped(self, request: gr.Request) -> Updates:
        """The batch ends after the scene it is at."""
        self._turns.stop(visitor_of(request))
        return {self.progress: hint("Stopping after this scene…")}


def batch_steps(bench: Any, files: dict[str, bytes], job: Job, out: Path) -> Iterator[BatchStep]:
    """`run_batch` on the bench's pipeline with the options and the mix of a job; moves by hand are of one scene, and
    left out."""
    from pipelines.fusion.batch import run_batch

    return run_batch(bench.pipeline, files, job.options, job.recipe, out, job.placement.is_aligned)


def match_lines(matches: Matches) -> str:
    """The scenes that were found and the names that fit none."""
    scenes = [f"{one.stem}: {' + '.join(Path(name).name for name in one.names)}" for one in matches.groups]
    parts = [f"<p><b>{len(scenes)} scene{'s' if len(scenes) != 1 else ''}</b></p>", _listed(scenes)]
    if matches.unmatched:
        parts += ["<p class=warning>left out, for no other name fits:</p>", _listed(list(matches.unmatched))]
    return f'<div class="notices">{"".join(parts)}</div>'


def _listed(lines: Sequence[str]) -> str:
    more = [f"and {len(lines) - MOST_LISTED} more"] if len(lines) > MOST_LISTED else []
    return "".join(f"<p>{html.escape(line)}</p>" for line in [*lines[:MOST_LISTED], *more])


def progress_lines(step: BatchStep, problems: Sequence[str], word: str) -> str:
    """How far a batch is, and what could not be fused."""
    bar = progress_bar(step.done, step.total, f"{word}: {step.done} of {step.total}, last {step.stem}")
    return f'{bar}<div class="notices">{_listed(problems)}</div>'
