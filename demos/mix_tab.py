"""What a tab with a desk does: runs whose last one stays, previews while a fader is held, marks, history, restore.

A tab of its own gives its widgets and how a job is made and drawn; the rules of who may write to the page stand here.
"""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from demos.board import Board
from demos.examples import Example
from demos.exports import restore
from demos.history import History
from demos.merge_words import describe
from demos.networks import OWN
from demos.past import PastRun, PastView
from demos.sight import Updates, Values, both
from demos.stage_controls import title_of
from demos.tab import Turns, alert_line, tell, visitor_of
from demos.words import mask_line, notice_lines, version_label
from pipelines.merging.errors import MergeError
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import recipe_from_dict, recipe_hash
from pipelines.shared.errors import UserError
from pipelines.shared.recipe_file import RecipeDocument


@dataclass(frozen=True)
class Drawn:
    """The result that is on the page: its job, whether it is a preview, and what its label says; where a tab compares,
    what the result was drawn beside, and how."""

    job: Any
    is_preview: bool = False
    text: str = ""
    beside: tuple[str, ...] = ()


class MixTab(Board):
    """Handlers take and give values keyed by component, so they run without a browser.

    Attributes:
        past: the gallery of runs, where the tab has one.
    """

    past: PastView | None = None

    # --- what a tab says for itself

    def job(self, values: Values) -> Any:
        """What the page asks for: a value that decides its result, with `recipe`."""
        raise NotImplementedError

    def has_input(self, values: Values) -> bool:
        """Whether there is something to run on."""
        raise NotImplementedError

    def is_mixed(self, job: Any) -> bool:
        """Whether the mixed network makes this job's result."""
        return True

    def about(self, job: Any, result: Any, is_kept: bool) -> str:
        """One line on a result."""
        raise NotImplementedError

    def pictured(self, job: Any, result: Any, values: Values, is_kept: bool) -> Updates:
        """The result, and its label: updates of `drawing`."""
        raise NotImplementedError

    def sketched(self, job: Any, result: Any, values: Values) -> Updates:
        """The same of a preview, without its label."""
        raise NotImplementedError

    def detailed(self, job: Any, result: Any, values: Values) -> Updates:
        """Everything else on the page that belongs to a result."""
        raise NotImplementedError

    def document(self, job: Any) -> RecipeDocument:
        """The recipe of a job, with its inputs."""
        raise NotImplementedError

    def with_settings(self, example: Example) -> Updates:
        """The page's own settings as an example wants them."""
        raise NotImplementedError

    def restored(self, text: str, values: Values | None = None) -> Updates:
        """A recipe's text, checked, on the page; `values` are what the page has, where it is open already."""
        raise NotImplementedError

    def example_of(self, values: Values) -> str:
        """The example whose inputs are used as they are; empty for others."""
        return str(values[self.source.example])

    def revisited(self, run: PastRun, values: Values | None = None) -> Updates:
        """Inputs, settings and mix of an earlier run; `values` are what the page has."""
        raise NotImplementedError

    # --- runs

    @property
    def _turns(self) -> Turns:
        return self.workshop.turns[self.name]

    def commit(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """After a release or a choice; in Manual only Run runs, and the mark on the picture stays.

        Where nothing has changed, as when a number box is left, only the mark goes. What is refused is told, once as
        long as the page says it (a menu may send a choice twice), and ends as usual: an error would drop the event that
        waits for this run.
        """
        if values[self.panel.apply] == "Manual":
            yield {self.version: gr.skip()}
            return
        try:
            if self._is_shown(values):
                yield {self.version: version_label(values[self.drawn].text), self.alert: ""}
            else:
                yield from self.show(request, values, self.job(values))
        except (UserError, MergeError) as error:
            line = alert_line(error)
            if line != values[self.alert]:
                tell(error)
            yield {self.alert: line}

    def _is_shown(self, values: Values) -> bool:
        """Whether the page shows the full result of what it asks for."""
        drawn, job = values[self.drawn], self.job(values)
        return drawn is not None and not drawn.is_preview and drawn.job == job == values[self.shown]

    def force(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """One full run of what the page asks for."""
        try:
            yield from self.show(request, values, self.job(values))
        except (UserError, MergeError) as error:
            yield {self.alert: alert_line(error)}
            raise

    def show(self, request: gr.Request, values: Values, job: Any) -> Iterator[Updates]:
        """The result of a job: the picture first, then what stands around it.

        Writes only if no later run of this visitor has written and none was stopped.
        """
        visitor, turn = visitor_of(request), self._turns.take()
        result, is_kept = self.bench.result(job)
        picture = self.pictured(job, result, values, is_kept)
        if not self._turns.may_write(visitor, turn):
            yield {self.version: gr.skip()}
            return
        yield picture | self._committed(job) | {self.since: values[self.panel.history].moves, self.alert: ""}
        if self._turns.was_last(visitor, turn):
            yield self.detailed(job, result, values)

    def when_asked(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """What the head of the page asks for: the first example, when a visitor first sees the tab, or a restore."""
        if self.has_input(values):
            yield from self.commit(request, values)
        else:
            yield {self.version: gr.skip()}

    def preview(self, request: gr.Request, values: Values) -> Updates:
        """While a fader is held: the result only, at what the machine can follow. Gives way to any later run.

        A mix that is refused is told when the fader is released, not at each step.
        """
        if values[self.panel.apply] != "Live" or not self.has_input(values):
            return {self.version: gr.skip()}
        try:
            return self._previewed(request, values)
        except (UserError, MergeError):
            return {self.version: gr.skip()}

    def _previewed(self, request: gr.Request, values: Values) -> Updates:
        turn = self._turns.take()
        job = self.job(values)
        if values[self.shown] == job:
            return {self.version: gr.skip()}
        result = self.bench.preview(job)
        sketch = self.sketched(job, result, values)
        if not self._turns.is_current(visitor_of(request), turn):
            return {self.version: gr.skip()}
        drawn = Drawn(job, True, self.about(job, result, False))
        return sketch | {self.version: version_label(drawn.text, is_preview=True), self.drawn: drawn}

    def settle(self, values: Values) -> Updates:
        """After a run: a result of other settings than the page's is marked; a late preview gives way."""
        drawn, asked = values[self.drawn], self._asked(values)
        if drawn is not None and drawn.job != asked and (asked is None or values[self.shown] != asked):
            return {self.version: version_label(drawn.text, drawn.is_preview, is_stale=True)}
        return self.give_way(values)

    def give_way(self, values: Values) -> Updates:
        """After a preview: one that came later than the full result of what the page asks for makes room for it.

        Marks nothing: a mark for a held fader may arrive when the result of its release is already there, and stay.
        """
        drawn, asked = values[self.drawn], self._asked(values)
        is_made = asked is not None and values[self.shown] == asked
        if drawn is None or not is_made or (drawn.job == asked and not drawn.is_preview):
            return {self.version: gr.skip()}
        return self.pictured(asked, self.bench.result(asked)[0], values, True)

    def _asked(self, values: Values) -> Any:
        """The job of the page; None where its settings are refused, which the run has told."""
        try:
            return self.job(values)
        except (UserError, MergeError):
            return None

    def halt(self, request: gr.Request) -> Updates:
        """Nothing that runs now will write; the picture keeps its mark."""
        self._turns.stop(visitor_of(request))
        return {self.version: gr.skip()}

    def when_shown(self, values: Values) -> Updates:
        """After the full result of another job: its mix enters the history as that is now, not as the run found it.

        Nothing enters where the visitor went back or forth in it during the run.
        """
        history: History = values[self.panel.history]
        if self.network_of(values[self.shown]) != values[self.panel.network]:  # the desk has moved on to another one
            return {self.panel.history: gr.skip()}
        recipe: MergeRecipe = values[self.shown].recipe
        updates = {self.panel.history: gr.skip()} | self.desk.marked(values[self.desk.scored], recipe)
        if values[self.since] != history.moves:
            return updates
        return updates | self.panel.remembered(history.with_commit(recipe))

    def _committed(self, job: Any) -> Updates:
        return {
            self.shown: job,
            self.panel.stages.box: gr.update(label=title_of(job.recipe)),
            self.panel.masks.counts: self._mask_counts(job),
        }

    def _mask_counts(self, job: Any) -> str:
        if job.recipe.masks.mode == "off" or not self.is_mixed(job):
            return ""
        from pipelines.merging.recovery import recoveries  # loads torch

        arena = self.bench.cache.arena(self.family_of(job))
        return mask_line(arena.mask_report(job.recipe), recoveries(arena.mixture(job.recipe), job.recipe))

    # --- words and recipes

    def words(self, job: Any) -> str:
        """A job's mix in words and the start of its hash, for the head of the page."""
        if job is None:
            return "no mix yet"
        return f"{describe(job.recipe)} · #{recipe_hash(job.recipe)[:8]}"

    def document_text(self, job: Any) -> str:
        """The recipe of a job as YAML."""
        from pipelines.shared.recipe_file import dump_yaml

        return dump_yaml(self.document(job))

    def recipe_of(self, example: Example) -> MergeRecipe:
        """The mix of an example."""
        return recipe_from_dict(example.recipe, self.family.tasks) if example.recipe else self.family.default

    def when_example_chosen(self, event: gr.SelectData, values: Values) -> Updates:
        """Inputs, settings and mix of an example."""
        return self.with_example(self.source.examples[event.index], values)

    def with_example(self, example: Example, values: Values | None = None) -> Updates:
        """The page as an example wants it; `values` are what the page has, where it is open already."""
        desk = self.on_desk(OWN, self.recipe_of(example), values)
        return both(desk, self.with_settings(example)) | self.source.with_example(example)

    def on_desk(self, network: str, recipe: MergeRecipe | None, values: Values | None) -> Updates:
        """A mix of one of the tab's networks on the desk; None is how its desk was left. Without `values` the page is
        one that nobody has touched."""
        return self.panel.swapping.put(network, recipe, values or {one: one.value for one in self.panel.inputs})

    def when_past_chosen(self, event: gr.SelectData, values: Values) -> Updates:
        """The page as it was for a run in the history."""
        assert self.past is not None
        return self.revisited(self.past.chosen(event, values), values)

    def when_yaml_used(self, values: Values) -> Updates:
        """The text of the recipe box, checked, on the page."""
        return self.restored(values[self.desk.yaml] or "", values)

    def when_dropped(self, values: Values) -> Updates:
        """An exported picture or a recipe file, checked, on the page."""
        return self.restored(restore(Path(values[self.export.drop])), values)

    def reported(self, report: tuple[str, ...]) -> Updates:
        """What a restore has to say, in passing and to stay."""
        gr.Success("Settings restored. " + html.escape(" ".join(report)))
        return {self.export.restored: notice_lines(("Restored.", *report))}
