"""An experiment of the Lab: started, watched and stopped; what was found by then stays."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import gradio as gr

from demos.lab_grid import Grid
from demos.lab_plot import PlotView
from demos.sight import Updates, Values
from demos.steps import LONG, progress_bar
from demos.tab import BESIDE_QUEUE, Turns, told, visitor_of
from demos.words import hint
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from demos.lab_bench import LabBench, Subject

PAUSE_S = 0.25  # between two drawings of work that goes on: a chart takes 0.1 s


class Common(Protocol):
    """What all experiments of the page share."""

    bench: LabBench

    def subject(self, values: Values) -> Subject:
        """Family, experts and split that are chosen."""

    def recipe(self, values: Values) -> MergeRecipe:
        """The recipe of the Lab."""

    def starts(self) -> tuple[str, MergeRecipe]:
        """Family and recipe that the page opens with."""

    picked: list[Any]  # what `put` updates

    def put(self, name: str, recipe: MergeRecipe, values: Values | None = None) -> Updates:
        """A recipe of a family, made the Lab's."""

    def document_text(self, subject: Subject, recipe: MergeRecipe, options: dict[str, Any]) -> str:
        """The recipe document that goes into figures."""


@dataclass(frozen=True)
class Plan:
    """What was asked for when Run was pressed: `ask` is the experiment's own part, `total` its number of steps."""

    subject: Subject
    recipe: MergeRecipe
    ask: Any
    total: int
    text: str


class Experiment:
    """Buttons, progress and the run itself. One of its own gives widgets, plan, steps, and how they are drawn.

    Attributes:
        settings: name -> widget, what a restore sets and a recipe document says.
        outputs: everything that a run updates, beside the progress.
    """

    name = ""
    about = ""
    verb = "Run"

    def __init__(self, common: Common) -> None:
        self.common, self._turns = common, Turns()
        self.settings: dict[str, Any] = {}
        self.outputs: list[Any] = []
        self.plots: list[PlotView] = []
        self.grids: list[Grid] = []
        gr.HTML(hint(self.about))
        self.build_settings()
        with gr.Row(elem_classes="tight"):
            self.start = gr.Button(
                self.verb, variant="primary", size="sm", min_width=90, elem_id=f"lab-{self.name}-run"
            )
            self.halt = gr.Button("Stop", size="sm", min_width=90, elem_id=f"lab-{self.name}-stop")
        self.progress = gr.HTML("", elem_id=f"lab-{self.name}-progress")
        self.build_results()

    # --- what an experiment says for itself

    def build_settings(self) -> None:
        """Its widgets, into `settings`."""

    def build_results(self) -> None:
        """Where results are shown, into `outputs`."""
        raise NotImplementedError

    def plan(self, subject: Subject, recipe: MergeRecipe, values: Values) -> tuple[Any, int]:
        """What is asked for, checked, and the number of its steps. Raises UserError."""
        raise NotImplementedError

    def steps(self, plan: Plan) -> Iterator[Any]:
        """The work, step by step."""
        raise NotImplementedError

    def drawn(self, plan: Plan, done: Sequence[Any], is_over: bool) -> Updates:
        """What the page shows of the steps so far."""
        raise NotImplementedError

    def said(self, plan: Plan, done: Sequence[Any]) -> str:
        """A few words on the last step."""
        return ""

    def counted(self, done: Sequence[Any]) -> int:
        """How many of the steps that were planned are done."""
        return len(done)

    # --- the run

    @property
    def controls(self) -> list[Any]:
        """What its handlers are told."""
        views = (*self.plots, *self.grids)
        return [*self.settings.values(), *(one for view in views for one in view.controls)]

    def grid(self, name: str) -> Grid:
        """A table whose cells are recipes, in the current layout."""
        view = Grid(f"{self.name}-{name}")
        self.grids.append(view)
        self.outputs += view.outputs
        return view

    def plot(self, name: str, is_folded: bool = False) -> PlotView:
        """A chart of this experiment, in the current layout."""
        view = PlotView(f"{self.name}-{name}", is_folded)
        self.plots.append(view)
        self.outputs += view.outputs
        return view

    def wire(self, inputs: set[Any]) -> None:
        """`inputs`: everything that any handler of the Lab is told."""
        self.start.click(told(self.run), inputs, [self.progress, *self.outputs], trigger_mode="once", **LONG)
        self.halt.click(told(self.when_stopped), None, [self.progress], **BESIDE_QUEUE)
        for plot in self.plots:
            plot.wire()
        for grid in self.grids:
            grid.wire(inputs, self.common)

    def run(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """Step by step until done or stopped; before a step it is looked whether anybody wants it."""
        visitor, turn = visitor_of(request), self._turns.take()
        yield {self.progress: hint("Preparing…")}
        plan = self.planned(values)
        steps, done, drawn_at = self.steps(plan), [], 0.0
        word = "Done"
        for step in self._wanted(steps, visitor, turn):
            done.append(step)
            if time.monotonic() - drawn_at >= PAUSE_S:
                yield self.drawn(plan, done, False) | {self.progress: self._bar(plan, done, "Running")}
                drawn_at = time.monotonic()
        if not self._turns.is_current(visitor, turn):
            word = "Stopped"
        yield self.drawn(plan, done, True) | {self.progress: self._bar(plan, done, word)}

    def _wanted(self, steps: Iterator[Any], visitor: str, turn: int) -> Iterator[Any]:
        while self._turns.is_current(visitor, turn):
            step = next(steps, None)
            if step is None:
                return
            yield step

    def planned(self, values: Values) -> Plan:
        """What the page asks for. Raises UserError."""
        subject = self.common.subject(values)
        if not subject.tasks:
            raise UserError("No expert is chosen: tick at least one.", "Nothing to do")
        recipe = self.common.recipe(values)
        ask, total = self.plan(subject, recipe, values)
        options = {"experiment": self.name, **{name: values[one] for name, one in self.settings.items()}}
        return Plan(subject, recipe, ask, total, self.common.document_text(subject, recipe, options))

    def _bar(self, plan: Plan, done: Sequence[Any], word: str) -> str:
        words, count = self.said(plan, done) if done else "", self.counted(done)
        return progress_bar(count, plan.total, f"{word}: {count} of {plan.total}{' · ' if words else ''}{words}")

    def when_stopped(self, request: gr.Request) -> Updates:
        """The run ends before its next step."""
        self._turns.stop(visitor_of(request))
        return {self.progress: gr.skip()}

    def shown(self, options: dict[str, Any]) -> Updates:
        """Its widgets as a recipe document has them."""
        return {one: options[name] for name, one in self.settings.items() if name in options}
