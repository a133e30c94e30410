"""Many pictures at once on the grounding tab: the phrases of the page, a table, a zip of masks with one COCO file."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from demos.batch_view import BatchView, BatchWords, Results
from demos.grounding_export import made_with
from demos.grounding_words import clipped
from demos.sight import Updates, Values
from demos.steps import new_file, progress_bar
from demos.words import hint
from pipelines.grounding.batch import BatchStep, Row, run_batch
from pipelines.shared.archives import gathered

if TYPE_CHECKING:
    from demos.grounding_bench import GroundingBench, Job

ARCHIVE = "mixdeck-grounding-batch.zip"
MOST_LISTED = 200


class GroundingBatch(BatchView):
    """Pictures, asked for the phrases of the page."""

    words = BatchWords(
        title="Batch of pictures",
        about="Drop pictures or a zip of them: every one is asked for the phrases of the page, with its thresholds and "
        "its mix. Back come a table, the masks, and one COCO file.",
        files="A zip, or many pictures",
        verb="Look at all",
        doing="Looking",
        missing=("There is no file yet: drop a zip or some pictures.", "Nothing to look at"),
        opening="Opening the pictures…",
        stopping="Stopping after this picture…",
        results="Masks, coco.json and objects.csv",
    )

    def begun(self, job: Job, values: Values) -> tuple[Iterator[BatchStep], Results]:
        """A picture at a time."""
        out = new_file(ARCHIVE)
        return batch_steps(self._sight.bench, gathered(values[self.files]), job, out), lambda step: str(out)

    def shown(self, steps: Sequence[BatchStep], word: str) -> Updates:
        """How far, and every object so far."""
        return {self.progress: progress_line(steps[-1], word), self.table: batch_table(steps[-1].rows)}


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
    if "score" not in row:
        return *told, "–", "there" if row["found"] else "nothing"
    return *told, f"{row['score']:.2f}", ", ".join(f"{value:.0f}" for value in row.get("box_xyxy", ())) or "–"
