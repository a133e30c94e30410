"""Many crops at once on the text tab: progress, a table, accuracy where labels came too, CSV and JSON out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.sight import Sight, Updates, Values
from demos.steps import LONG, new_file, progress_bar, until_stopped
from demos.tab import BESIDE_QUEUE, Turns, told, visitor_of
from demos.text_recognition_source import ID
from demos.text_recognition_words import table
from demos.words import hint
from pipelines.merging.recipe import recipe_hash, recipe_to_dict
from pipelines.shared.archives import SUFFIXES, gathered
from pipelines.shared.errors import UserError
from pipelines.text_recognition.batch import (
    LABEL_SUFFIXES,
    BatchRow,
    crops_and_labels,
    document_of,
    errors_of,
    read_batch,
    score_of,
    table_of,
)

if TYPE_CHECKING:
    from demos.text_recognition_bench import Job, Sheet
    from pipelines.text_recognition.batch import BatchStep

ABOUT = (
    "Drop word crops or a zip of them; they are read with the procedure and the mix of the page. A label file beside "
    "them (file name, a tab, the text; one crop per line) gives the accuracy and the list of errors."
)
MOST_LISTED = 200
FILE_SUFFIXES = (*SUFFIXES, *LABEL_SUFFIXES)


class BatchView:
    """Drop box, progress, table, files. `job_of` gives the options and the mix of the page."""

    def __init__(self, sight: Sight) -> None:
        self._sight, self._turns = sight, Turns()
        with gr.Accordion("Batch of crops", open=False, elem_id=f"{ID}-batch-box"):
            gr.HTML(hint(ABOUT))
            kinds = ["image", ".zip", *LABEL_SUFFIXES]
            self.files = gr.File(label="Word crops, a zip, a label file", file_count="multiple", height=120,
                                 file_types=kinds, elem_id=f"{ID}-batch-files")  # fmt: skip
            with gr.Row(elem_classes="tight"):
                self.start = gr.Button("Read all", size="sm", min_width=90, elem_id=f"{ID}-batch-go")
                self.halt = gr.Button("Stop batch", size="sm", min_width=90, elem_id=f"{ID}-batch-halt")
            self.progress = gr.HTML("", elem_id=f"{ID}-batch-progress")
            self.table = gr.HTML("", elem_id=f"{ID}-batch-table")
            self.out = gr.File(label="CSV and JSON", file_count="multiple", interactive=False, elem_classes="when-full",
                               elem_id=f"{ID}-batch-out")  # fmt: skip
        self.controls = [self.files]
        self.outputs: list[Any] = []

    def pictured(self, job: Job, sheet: Sheet, values: Values) -> Updates:
        """Nothing: a batch stands beside the reading."""
        return {}

    def wire(self, inputs: set[Any], job_of: Any) -> None:
        """`job_of(values)` is the job of the page: its options and its mix are those of the batch."""
        self._job_of = job_of
        self.start.click(told(self.run), inputs, [self.progress, self.table, self.out], **LONG)
        self.halt.click(told(self.when_stopped), None, [self.progress], **BESIDE_QUEUE)

    def run(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """Some crops after the other; a stopped batch gives what it has."""
        visitor, turn = visitor_of(request), self._turns.take()
        if not values[self.files]:
            raise UserError("There is no file yet: drop word crops or a zip.", "Nothing to read")
        yield {self.progress: hint("Opening the crops…"), self.table: "", self.out: None}
        job = self._job_of(values)
        crops, labels = crops_and_labels(gathered(values[self.files], FILE_SUFFIXES))
        steps = read_batch(self._sight.bench.pipeline, crops, labels, job.options, job.recipe)
        for step, is_stopped in until_stopped(steps, self._turns, visitor, turn):
            word = "Stopped" if is_stopped else "Done" if step.done == step.total else "Reading"
            yield {self.progress: progress_lines(step, word), self.table: batch_table(step.rows), self.out: gr.skip()}
        yield {self.progress: progress_lines(step, word), self.table: batch_table(step.rows),
               self.out: written(step.rows, job)}  # fmt: skip

    def when_stopped(self, request: gr.Request) -> Updates:
        """The batch ends after the crops it is at."""
        self._turns.stop(visitor_of(request))
        return {self.progress: hint("Stopping after these crops…")}


def written(rows: Sequence[BatchRow], job: Job) -> list[str]:
    """Both files; their paths."""
    csv, document = new_file("mixdeck-readings.csv"), new_file("mixdeck-readings.json")
    csv.write_text(table_of(rows), encoding="utf-8")
    document.write_text(document_of(rows, made_with(job)), encoding="utf-8")
    return [str(csv), str(document)]


def made_with(job: Job) -> dict[str, Any]:
    """What a reading was made with, for files and answers."""
    return {"options": job.options.to_dict(), "recipe": recipe_to_dict(job.recipe),
            "recipe_hash": recipe_hash(job.recipe)}  # fmt: skip


def progress_lines(step: BatchStep, word: str) -> str:
    """How far a batch is, and how much of it is right."""
    bar = progress_bar(step.done, step.total, f"{word}: {step.done} of {step.total} crops")
    score = score_of(step.rows)
    return bar if score is None else bar + hint(
        f"Word accuracy {score.accuracy:.1%}: {score.right} of {score.count} labelled crops (no case, letters and "
        "digits only)."
    )  # fmt: skip


def batch_table(rows: Sequence[BatchRow]) -> str:
    """The readings; where there are labels, the errors first, the surest on top."""
    errors = errors_of(rows)
    wrong = hint("Errors, the surest first:") + _listed(errors) if errors else ""
    return wrong + (hint("All crops:") if wrong else "") + _listed(rows[:MOST_LISTED])


def _listed(rows: Sequence[BatchRow]) -> str:
    has_labels = any(row.label is not None for row in rows)
    names = ("file", "text", "confidence", *(("label", "right") if has_labels else ()))
    return table(names, [_row(row, has_labels) for row in rows])


def _row(row: BatchRow, has_labels: bool) -> tuple[str, ...]:
    read = (row.name, row.problem or row.text or "(nothing)", f"{row.confidence:.3f}")
    right = {True: "yes", False: "no", None: "–"}[row.is_right]
    return (*read, "–" if row.label is None else row.label, right) if has_labels else read
