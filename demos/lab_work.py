"""An experiment of the Lab: started, watched and stopped; what was found by then stays."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import gradio as gr

from demos.lab_grid import Grid
from demos.lab_plot import PlotView
from demos.limits import TimeIsUp
from demos.log_fader import LogFader
from demos.sight import Updates, Values
from demos.steps import LONG, NOT_BEGUN, WAITING, progress_bar
from demos.tab import BESIDE_QUEUE, Turns, told, visitor_of
from demos.words import hint
from pipelines.merging.errors import MergeError
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from demos.lab_bench import LabBench, Subject

FOLLOW_FAMILY = (
    "columns",
    "rows",
    "measure",
    "first",
    "second",
    "anchor",
    "other",
)  # menus that another family fills anew
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
        needs: what a family must have for it: "weights", "scores", or the "measure" that coefficients are learned by.
        settings: name -> widget, what a restore sets and a recipe document says.
        outputs: everything that a run updates, beside the progress.
    """

    name = ""
    about = ""
    verb = "Run"
    needs = "weights"

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
        self.reason = gr.HTML("", elem_id=f"lab-{self.name}-reason")
        self.turn = gr.State(0)
        self.whose = gr.State("")  # the family that the results on the page are of
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

    def total(self, plan: Plan, done: Sequence[Any]) -> int:
        """How many there are; some learn it on the way."""
        return plan.total

    @property
    def menus(self) -> list[Any]:
        """Widgets of it whose choices follow the family."""
        return []

    def followed(self, tasks: Sequence[str], values: Values) -> Updates:
        """Its menus for a family with these experts."""
        return {}

    # --- the run

    @property
    def controls(self) -> list[Any]:
        """What its handlers are told."""
        views: tuple[PlotView | Grid, ...] = (*self.plots, *self.grids)
        return [self.whose, *self.settings.values(), *(one for view in views for one in view.controls)]

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
        asked = self.start.click(told(self.queued), None, [self.turn, self.progress], **BESIDE_QUEUE)
        outputs = [self.progress, self.reason, self.whose, *self.outputs]
        asked.then(told(self.run), {self.turn, *inputs}, outputs, trigger_mode="multiple", **LONG)
        self.halt.click(told(self.when_stopped), None, [self.progress], **BESIDE_QUEUE)
        for plot in self.plots:
            plot.wire()
        for grid in self.grids:
            grid.wire(inputs, self.common)

    def queued(self, request: gr.Request) -> Updates:
        """The moment that Run is pressed: an earlier run of this visitor ends, and this one waits for its turn."""
        self._turns.stop(visitor_of(request))
        return {self.turn: self._turns.take(), self.progress: hint(WAITING)}

    def run(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """Step by step until done or stopped; before a step it is looked whether anybody still wants it."""
        visitor, turn = visitor_of(request), values[self.turn]
        if not self._turns.is_current(visitor, turn):
            yield {self.progress: hint(NOT_BEGUN)}
            return
        try:
            plan = self.planned(values)
        except (UserError, MergeError):
            yield {self.progress: ""}
            raise
        yield {self.progress: hint("Preparing…"), self.reason: "", self.whose: plan.subject.name}
        done: list[Any] = []
        start_s = drawn_s = time.monotonic()
        try:
            with closing(self._wanted(self.steps(plan), visitor, turn)) as steps:
                for step in steps:
                    done.append(step)
                    if time.monotonic() - drawn_s >= PAUSE_S or len(done) == 1:
                        left = remaining(self.counted(done), self.total(plan, done), time.monotonic() - start_s)
                        yield self.drawn(plan, done, False) | {self.progress: self._bar(plan, done, "Running", left)}
                        drawn_s = time.monotonic()
        except TimeIsUp:
            yield self.drawn(plan, done, True) | {self.progress: self._bar(plan, done, "Stopped")}
            raise
        word = "Done" if self._turns.is_current(visitor, turn) else "Stopped"
        yield self.drawn(plan, done, True) | {self.progress: self._bar(plan, done, word)}

    def _wanted(self, steps: Iterator[Any], visitor: str, turn: int) -> Generator[Any, None, None]:
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

    def _bar(self, plan: Plan, done: Sequence[Any], word: str, left: str = "") -> str:
        count, total = self.counted(done), self.total(plan, done)
        parts = (f"{word}: {count} of {total}", plan.subject.name, left, self.said(plan, done) if done else "")
        return progress_bar(count, total, " · ".join(part for part in parts if part))

    def when_stopped(self, request: gr.Request) -> Updates:
        """The run ends before its next step."""
        self._turns.stop(visitor_of(request))
        return {self.progress: gr.skip()}

    def allowed(self, name: str, values: Values) -> Updates:
        """Its button as a family lets it be, why it cannot run, and whose the results are if they stay of another."""
        why, whose = self.common.bench.why_not(name, self.needs), values[self.whose]
        past = f"What stands below is of {whose}." if whose not in ("", name) else ""
        words = " ".join(one for one in (why, past) if one)
        return {self.start: gr.update(interactive=not why), self.reason: hint(words, "reason") if words else ""}

    def shown(self, options: dict[str, Any]) -> Updates:
        """Its widgets as a recipe document has them. Raises UserError: a value that a widget cannot take."""
        return {one: checked(name, one, options[name]) for name, one in self.settings.items() if name in options}


def checked(name: str, widget: Any, value: Any, known: Sequence[Any] | None = None) -> Any:
    """A value of a document, if the widget may have it. Menus whose choices follow the family are checked when run."""
    choices = known or [one[1] for one in getattr(widget, "choices", None) or ()]
    several = value if isinstance(value, list) else [value]
    is_whole_list = isinstance(widget, gr.CheckboxGroup) == isinstance(value, list)
    if choices and not (is_whole_list and (name in FOLLOW_FAMILY or all(one in choices for one in several))):
        raise UserError(f"{name} cannot be {value!r}; known are {', '.join(map(str, choices))}.", "Unknown value")
    is_number = isinstance(widget, gr.Slider | gr.Number | LogFader)
    if is_number and not (type(value) in (int, float) and widget.minimum <= value <= widget.maximum):
        raise UserError(f"{name} lies between {widget.minimum} and {widget.maximum}; came {value!r}.", "Out of range")
    if isinstance(widget, gr.Checkbox) and not isinstance(value, bool):
        raise UserError(f"{name} is true or false; came {value!r}.", "Unknown value")
    if isinstance(widget, gr.Textbox) and not isinstance(value, str):
        raise UserError(f"{name} is a text; came {value!r}.", "Unknown value")
    return value


def remaining(done: int, total: int, elapsed_s: float) -> str:
    """How long the rest will take at the pace so far, in words; empty while little can be said."""
    if done < 2 or elapsed_s < 1:
        return ""
    seconds = elapsed_s / done * (total - done)
    return f"about {seconds:.0f} s left" if seconds < 90 else f"about {seconds / 60:.0f} min left"
