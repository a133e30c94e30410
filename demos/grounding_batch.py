"""Many pictures at once on the grounding tab: the phrases of the page, a table, a zip of masks with one COCO file."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.grounding_export import made_with
from demos.grounding_source import ID
from demos.grounding_words import clipped
from demos.sight import Sight, Updates, Values
from demos.steps import LONG, new_file, progress_bar, until_stopped
from demos.tab import BESIDE_QUEUE, Turns, told, visitor_of
from demos.words import hint
from pipelines.grounding.batch import BatchStep, Row, run_batch
from pipelines.shared.archives import gathered
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from demos.grounding_bench import GroundingBench, Job

ABOUT = (
    "Drop pictures or a zip of them: every one is asked for the phrases of the page, with its thresholds and its mix. "
    "Back come a table, the masks, and one COCO file."
)
ARCHIVE = "mixdeck-grounding-batch.zip"
MOST_LISTED = 200


class BatchView:
    """Drop box, progress, table, zip."""

    def __init__(self, sight: Sight) -> None:
        self._sight, self._turns = sight, Turns()
        with gr.Accordion("Batch of pictures", open=False, elem_id=f"{ID}-batch-box"):
            gr.HTML(hint(ABOUT))
            self.files = gr.File(label="A zip, or many pictures", file_count="multiple", file_types=["image", ".zip"],
                                 height=120, elem_id=f"{ID}-batch-files")  # fmt: skip
            with gr.Row(elem_classes="tight"):
                self.start = gr.Button("Look at all", size="sm", min_width=90, elem_id=f"{ID}-batch-go")
                self.halt = gr.Button("Stop batch", size="sm", min_width=90, elem_id=f"{ID}-batch-halt")
            self.progress = gr.HTML("", elem_id=f"{ID}-batch-progress")
            self.table = gr.HTML("", elem_id=f"{ID}-batch-table")
            self.out = gr.File(label="Masks, coco.json and objects.csv", interactive=False, elem_classes="when-full",
                               elem_id=f"{ID}-batch-out")  # fmt: skip
        self.controls = [self.files]
        self.outputs: list[Any] = []

    def pictured(self, job: Job, result: Any, values: Values) -> Updates:
        """Nothing: a batch stands beside the picture."""
        return {}

    def wire(self, inputs: set[Any], job_of: Any) -> None:
        """`job_of(values)` is the job of the page: phrases, thresholds and mix of the batch."""
        self._job_of = job_of
        self.start.click(told(self.run), inputs, [self.progress, self.table, self.out], **LONG)
        self.halt.click(told(self.when_stopped), None, [self.progress], **BESIDE_QUEUE)

    def run(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """One picture after the other; a stopped batch gives what it has."""
        visitor, turn = visitor_of(request), self._turns.take()
        if not values[self.files]:
            raise UserError("There is no file yet: drop a zip or some pictures.", "Nothing to look at")
        yield {self.progress: hint("Opening the pictures…"), self.table: "", self.out: None}
        job, out = self._job_of(values), new_file(ARCHIVE)
        steps = batch_steps(self._sight.bench, gathered(values[self.files]), job, out)
        for step, is_stopped in until_stopped(steps, self._turns, visitor, turn):
            word = "Stopped" if is_stopped else "Done" if step.done == step.total else "Looking"
            yield {self.progress: progress_line(step, word), self.table: batch_table(step.rows), self.out: gr.skip()}
        # The zip is complete only now that the steps are over.
        yield {self.progress: progress_line(step, word), self.table: batch_table(step.rows), self.out: str(out)}

    def when_stopped(self, request: gr.Request) -> Updates:
        """The batch ends after the picture it is at."""
        self._turns.stop(visitor_of(request))
        return {self.progress: hint("Stopping after this picture…")}


def batch_steps(bench: GroundingBench, files: dict[str, bytes], job: Job, out: Path) -> Iterator[BatchStep]:
    """`run_batch` with the phrases, thresholds and mix of a job."""
    mix = None if job.network else job.recipe
    return run_batch(bench.grounder(job.network), files, job.queries, job.thresholds, mix, out, made_with(job))


def progress_line(step: BatchStep, word: str) -> str:
    """How far a batch is."""
    return progress_bar(step.done, step.total, f"{word}: {step.done} of {step.total}, last {clipped(step.name)}")


def batch_table(rows: Sequence[Row]) -> str:
    """The rows, as many as are looked at."""
    names = ("file", "phrase", "existence", "score", "box: left, top, right, bottom px")
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in _cells(row))}</tr>"
                   for row in rows[:MOST_LISTED])  # fmt: skip
    head = "".join(f"<th>{name}</th>" for name in names)
    more = hint(f"The first {MOST_LISTED} of {len(rows)} rows; the file has all.") if len(rows) > MOST_LISTED else ""
    return f'<div class="scroll-x"><table class="mdk-table words"><thead><tr>{head}</tr></thead><tbody>{body}</tbody>' \
        f"</table></div>{more}"  # fmt: skip


def _cells(row: Row) -> tuple[str, ...]:
    if "problem" in row:
        return clipped(row["file"]), str(row["problem"]), "–", "–", "–"
    told = clipped(row["file"]), clipped(row["phrase"]), f"{row['existence']:.2f}"
    if not row["found"]:
        return *told, "–", "nothing"
    return *told, f"{row['score']:.2f}", ", ".join(f"{value:.0f}" for value in row["box_xyxy"])
