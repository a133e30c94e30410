"""Many crops at once on the text tab: progress, a table, accuracy where labels came too, CSV and JSON out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from demos.batch_view import BatchView, BatchWords, Results
from demos.sight import Updates, Values
from demos.steps import new_file, progress_bar
from demos.text_recognition_words import table
from demos.words import hint
from pipelines.merging.recipe_form import recipe_hash, recipe_to_dict
from pipelines.shared.archives import SUFFIXES, gathered
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
    from demos.text_recognition_bench import Job
    from pipelines.text_recognition.batch import BatchStep

MOST_LISTED = 200
FILE_SUFFIXES = (*SUFFIXES, *LABEL_SUFFIXES)


class TextBatch(BatchView):
    """Word crops, read with the procedure of the page; accuracy where labels came too."""

    words = BatchWords(
        title="Batch of crops",
        about="Drop word crops or a zip of them; they are read with the procedure and the mix of the page. A label "
        "file beside them (file name, a tab, the text; one crop per line) gives the accuracy and the list of errors.",
        files="Word crops, a zip, a label file",
        verb="Read all",
        doing="Reading",
        missing=("There is no file yet: drop word crops or a zip.", "Nothing to read"),
        opening="Opening the crops…",
        stopping="Stopping after these crops…",
        results="CSV and JSON",
    )
    kinds = ("image", ".zip", *LABEL_SUFFIXES)
    result_count = "multiple"

    def begun(self, job: Job, values: Values) -> tuple[Iterator[BatchStep], Results]:
        """Some crops at a time."""
        crops, labels = crops_and_labels(gathered(values[self.files], FILE_SUFFIXES))
        steps = read_batch(self._sight.bench.reader(job.network), crops, labels, job.options, job.recipe)
        return steps, lambda step: written(step.rows, job)

    def shown(self, steps: Sequence[BatchStep], word: str) -> Updates:
        """How far, how much is right, and the readings."""
        return {self.progress: progress_lines(steps[-1], word), self.table: batch_table(steps[-1].rows)}


def written(rows: Sequence[BatchRow], job: Job) -> list[str]:
    """Both files; their paths."""
    csv, document = new_file("mixdeck-readings.csv"), new_file("mixdeck-readings.json")
    csv.write_text(table_of(rows), encoding="utf-8")
    document.write_text(document_of(rows, made_with(job)), encoding="utf-8")
    return [str(csv), str(document)]


def made_with(job: Job) -> dict[str, Any]:
    """What a reading was made with, for files and answers."""
    network = {"network": job.network} if job.network else {}
    return {**network, "options": job.options.to_dict(), "recipe": recipe_to_dict(job.recipe),
            "recipe_hash": recipe_hash(job.recipe)}  # fmt: skip


def progress_lines(step: BatchStep, word: str) -> str:
    """How far a batch is, and how much of it is right."""
    bar = progress_bar(step.done, step.total, f"{word}: {step.done} of {step.total} crops")
    score = score_of(step.rows)
    return bar if score is None else bar + hint(
        f"Word accuracy {score.accuracy:.1%}: {score.right} of {score.count} labelled crops (no case, no accents, "
        "letters and digits only)."
    )  # fmt: skip


def batch_table(rows: Sequence[BatchRow]) -> str:
    """The readings; where there are labels, the errors first, the surest on top."""
    errors = errors_of(rows)
    wrong = hint("Errors, the surest first:") + _listed(errors) if errors else ""
    return wrong + (hint("All crops:") if wrong else "") + _listed(rows[:MOST_LISTED])


def _listed(rows: Sequence[BatchRow]) -> str:
    has_labels = any(row.label is not None for row in rows)
    names = ("file", "text", "confidence", "doubt", *(("label", "right") if has_labels else ()))
    return table(names, [_row(row, has_labels) for row in rows])


def _row(row: BatchRow, has_labels: bool) -> tuple[str, ...]:
    doubt = "doubtful" if row.is_doubtful else ""
    read = (row.name, row.problem or row.text or "(nothing)", f"{row.confidence:.3f}", doubt)
    right = {True: "yes", False: "no", None: "–"}[row.is_right]
    return (*read, "–" if row.label is None else row.label, right) if has_labels else read
