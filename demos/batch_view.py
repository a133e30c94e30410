"""Many files at once on a tab: drop box, progress, Stop, what comes back. A tab says what is done with the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import gradio as gr

from demos.limits import TimeIsUp
from demos.sight import Sight, Updates, Values
from demos.steps import LONG, NOT_BEGUN, WAITING, close, until_stopped
from demos.tab import BESIDE_QUEUE, Turns, told, visitor_of
from demos.words import hint
from pipelines.shared.errors import UserError

Results = Callable[[Any], str | list[str]]


@dataclass(frozen=True)
class BatchWords:
    """What a batch is called on its tab.

    `verb` stands on the button, `doing` before the count; `missing` is the error without files, and its title;
    `opening` and `stopping` stand where progress will be.
    """

    title: str
    about: str
    files: str
    verb: str
    doing: str
    missing: tuple[str, str]
    opening: str
    stopping: str
    results: str


class BatchView:
    """The part of a page. Subclasses give `words` and the methods that raise here; `matched` is theirs to fill."""

    words: BatchWords
    kinds: tuple[str, ...] = ("image", ".zip")
    result_count: Literal["single", "multiple"] = "single"

    def __init__(self, sight: Sight, tab: str) -> None:
        self._sight, self._turns = sight, Turns()
        words = self.words
        with gr.Accordion(words.title, open=False, elem_id=f"{tab}-batch-box"):
            gr.HTML(hint(words.about))
            self.files = gr.File(label=words.files, file_count="multiple", file_types=list(self.kinds), height=130,
                                 elem_id=f"{tab}-batch-files")  # fmt: skip
            self.matched = gr.HTML("", elem_id=f"{tab}-batch-matched")
            with gr.Row(elem_classes="tight"):
                self.start = gr.Button(words.verb, size="sm", min_width=90, elem_id=f"{tab}-batch-go")
                self.halt = gr.Button("Stop batch", size="sm", min_width=90, elem_id=f"{tab}-batch-halt")
            self.progress = gr.HTML("", elem_id=f"{tab}-batch-progress")
            self.table = gr.HTML("", elem_id=f"{tab}-batch-table")
            self.out = gr.File(label=words.results, file_count=self.result_count, interactive=False,
                               elem_classes="when-full", elem_id=f"{tab}-batch-out")  # fmt: skip
            self.turn = gr.State(0)  # of the run that was asked for last
        self.controls = [self.files, self.turn]
        self.outputs: list[Any] = []

    def begun(self, job: Any, values: Values) -> tuple[Iterator[Any], Results]:
        """The work, whose steps have `done` and `total`, and what comes back of its last step.

        Results are asked for when the work is closed: only then its files are complete.
        """
        raise NotImplementedError

    def shown(self, steps: Sequence[Any], word: str) -> Updates:
        """Progress, and the table, after these steps."""
        raise NotImplementedError

    def pictured(self, job: Any, result: Any, values: Values) -> Updates:
        """Nothing: a batch stands beside the result."""
        return {}

    def wire(self, inputs: set[Any], job_of: Any) -> None:
        """`job_of(values)` is the job of the page: its settings and its mix are those of the batch."""
        self._job_of = job_of
        asked = self.start.click(told(self.queued), None, [self.turn, self.progress], **BESIDE_QUEUE)
        asked.then(told(self.run), inputs, [self.progress, self.table, self.out], trigger_mode="once", **LONG)
        self.halt.click(told(self.when_stopped), None, [self.progress], **BESIDE_QUEUE)

    def queued(self) -> Updates:
        """The moment that the button is pressed: from here on Stop ends it, though it still waits."""
        return {self.turn: self._turns.take(), self.progress: hint(WAITING)}

    def run(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """One step after the other; a stopped batch gives what it has, nothing where it had not begun."""
        visitor, turn = visitor_of(request), values[self.turn]
        if not self._turns.is_current(visitor, turn):
            yield {self.progress: hint(NOT_BEGUN)}
            return
        if not values[self.files]:
            yield {self.progress: ""}
            raise UserError(*self.words.missing)
        yield {self.progress: hint(self.words.opening), self.table: "", self.out: None}
        done: list[Any] = []
        steps, results = self.begun(self._job_of(values), values)
        try:
            for step, is_stopped in until_stopped(steps, self._turns, visitor, turn):
                done.append(step)
                word = "Stopped" if is_stopped else "Done" if step.done == step.total else self.words.doing
                yield self.shown(done, word) | {self.out: gr.skip()}
        except TimeIsUp:
            close(steps)
            yield self.shown(done, "Stopped") | {self.out: results(done[-1])}
            raise
        yield self.shown(done, word) | {self.out: results(done[-1])}

    def when_stopped(self, request: gr.Request) -> Updates:
        """The batch ends after the step it is at."""
        self._turns.stop(visitor_of(request))
        return {self.progress: hint(self.words.stopping)}
