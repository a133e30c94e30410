"""The fusion tab: frames of one scene in, one picture out, with the desk beside it."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.compare import Compare
from demos.desk import Desk
from demos.examples import Example, read_examples
from demos.exports import restore
from demos.fusion_align import AlignView
from demos.fusion_batch import BatchView
from demos.fusion_bench import FusionBench, Job
from demos.fusion_clips import ClipView
from demos.fusion_events import wire
from demos.fusion_export import document_of, parse
from demos.fusion_files import ExportView
from demos.fusion_labels import LabelView
from demos.fusion_links import FusionLinks, words_of
from demos.fusion_settings import MOST_FRAMES, FusionSettings
from demos.fusion_source import FusionSource
from demos.fusion_tables import TableView
from demos.fusion_views import MetricView, WeightView, ZoomView
from demos.fusion_words import NETWORKS, about, left_choices, slot_titles
from demos.history import History
from demos.merge_panel import MergePanel, base_recipe
from demos.sight import Sight, View
from demos.tab import Tab, Workshop, told, visitor_of
from demos.words import hint, mask_line, notice_lines, tier_line, version_label
from pipelines.fusion.registration import UNMOVED, Placement
from pipelines.fusion.stored_result import stored_result
from pipelines.merging.recipe import recipe_from_dict
from pipelines.registry import family

if TYPE_CHECKING:
    from pipelines.fusion.pipeline import FusionResult

Updates = dict[Any, Any]
Values = Mapping[Any, Any]

WHAT = "Four specialists, one network: give it frames of one scene, move a fader, and the fused picture changes."


@dataclass(frozen=True)
class Drawn:
    """The picture that is on the page: its job, whether it is a preview, and what its label says."""

    job: Job
    is_preview: bool = False
    text: str = ""


class FusionTab:
    """Layout, events and runs. Handlers take and give values keyed by component, so they run without a browser."""

    def __init__(self, workshop: Workshop, bench: FusionBench | None = None) -> None:
        self.workshop = workshop
        self.family = family("fusenet")
        self.bench = bench or FusionBench(workshop.cache)
        workshop.forget.append(self.bench.forget)
        self._build()
        self._list()
        wire(self)
        self.links, self.words = FusionLinks(self), words_of

    # --- layout

    def _build(self) -> None:
        gr.HTML(hint(WHAT))
        with gr.Row(elem_classes="board"):
            with gr.Column(scale=3, min_width=240):
                self.source = FusionSource(read_examples(self.workshop.assets / "examples" / "fusion"))
            with gr.Column(scale=7, min_width=320):
                self._build_result()
                self._build_details()
            with gr.Column(scale=4, min_width=320, elem_classes="desk"):
                self.panel = MergePanel("fusion", self.family)
                self.desk = Desk(self.panel, self.workshop, self.bench.scores)

    def _build_result(self) -> None:
        with gr.Column(elem_classes="mdk-result"):
            first, slot = self._stored_pair(), slot_titles(self.source.task.value, 1)[0]
            self.version = gr.HTML(
                version_label("stored result" if first else "no result yet"), elem_id="fusion-version"
            )
            self.left = gr.Dropdown([(slot, "frame 1")], value="frame 1", label="Compare with", elem_id="fusion-left")
            self.compare = Compare("fusion", first)
            self.out = self.compare.slider
            self.notices = gr.HTML("", elem_id="fusion-notices")
            self.tier = gr.HTML(hint(self._tier_line("net")), elem_id="fusion-tier")
        self.shown = gr.State(None)  # the job whose full result was shown last
        self.drawn = gr.State(None)  # Drawn: what the picture on the page is, previews included

    def _stored_pair(self) -> tuple[str, str] | None:
        """The first example and its result, as the page opens; a run of it follows at once."""
        stored, examples = stored_result(self.workshop.assets, self.family), self.source.examples
        return (str(examples[0].frames[0]), str(stored)) if stored and examples else None

    def _build_details(self) -> None:
        sight = Sight(self.bench, self.shown)
        with gr.Accordion("Settings", open=False, elem_id="fusion-settings"):
            self.settings = FusionSettings(self.source.task.value)
        self.alignment = AlignView(sight)
        self.weights, self.labels = WeightView(sight), LabelView(sight)
        self.tables = TableView(sight, self.workshop.assets)
        self.metrics, self.zoom = MetricView(sight), ZoomView(sight)
        self.export = ExportView(sight, self.family)
        self.batch, self.clips = BatchView(sight), ClipView(sight)
        self.runs: list[Any] = []
        self.views: tuple[View, ...] = (self.alignment, self.weights, self.labels, self.tables, self.metrics,
                                        self.zoom, self.export)  # fmt: skip

    def _tier_line(self, engine: str) -> str:
        if engine not in ("net", "lut"):
            return "A classical method: no network."
        shown = family("meflut") if engine == "lut" else self.family
        return tier_line(shown, self.workshop.assets, NETWORKS[shown.name])

    def _list(self) -> None:
        """What handlers are told, what a run updates, and what an example or a restore sets."""
        panel, source, settings = self.panel, self.source, self.settings
        self.inputs = {
            self.left, self.compare.view, self.shown, self.drawn, *source.controls, *settings.controls,
            *self.desk.controls, *self.batch.controls, *self.clips.controls,
            *(one for view in self.views for one in view.controls),
            *panel.controls, panel.apply, panel.slot, panel.slots, panel.history, panel.relative,
            panel.curve,
        }  # fmt: skip
        self.pictures = [
            self.version, *self.compare.outputs, self.left, self.notices, self.tier, self.shown, self.drawn,
            source.gallery, self.desk.yaml, *settings.gains, *(one for view in self.views for one in view.outputs),
            *panel.memory_components, panel.stages_box, panel.mask_counts,
        ]  # fmt: skip
        self.desk_outputs = [
            *panel.shown_components,
            *panel.memory_components,
            panel.slots,
            panel.relative,
            panel.curve,
        ]
        self.settable = [*source.shown_components, *settings.controls, *self.desk_outputs, self.alignment.edit,
                         *self.alignment.faders, self.tables.edit, *self.tables.faders]  # fmt: skip

    # --- values to jobs

    def job(self, values: Values) -> Job:
        """What the page asks for."""
        paths, task = self.source.paths(values), values[self.source.task]
        options = self.settings.options(values, task, len(paths))
        if options.engine == "lut":
            options = replace(options, table_points=self.tables.points(values, min(len(paths), MOST_FRAMES)))
        placement = Placement(values[self.source.align], self.alignment.moves(values))
        return Job(paths, options, self.panel.recipe(values), placement)

    # --- runs

    def commit(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """After a release or a choice; in Manual only Run runs, and the mark on the picture stays."""
        if values[self.panel.apply] == "Manual":
            yield {self.version: gr.skip()}
            return
        yield from self.force(request, values)

    def force(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """One full run: the picture first, then what stands around it.

        Writes only if no later run of this visitor has written and none was stopped.
        """
        visitor, turn = visitor_of(request), self.workshop.turns.take()
        job = self.job(values)
        result, is_kept = self.bench.result(job)
        picture = self.pictured(job, result, values, is_kept)
        if not self.workshop.turns.may_write(visitor, turn):
            yield {self.version: gr.skip()}
            return
        yield picture | self._committed(values, job)
        if self.workshop.turns.was_last(visitor, turn):
            yield self.detailed(job, result, values)

    @property
    def on_load(self) -> Any:
        """The first example, run when a page is opened."""
        return told(self._opened)

    def _opened(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        if values[self.source.files]:
            yield from self.force(request, values)
        else:
            yield {self.version: gr.skip()}

    def preview(self, request: gr.Request, values: Values) -> Updates:
        """While a fader is held: fewer pixels, the picture only. Gives way to any later run."""
        if values[self.panel.apply] != "Live" or not values[self.source.files]:
            return {self.version: gr.skip()}
        turn = self.workshop.turns.take()
        job = self.job(values)
        if values[self.shown] == job:
            return {self.version: gr.skip()}
        result = self.bench.preview(job)
        before, fused = self._pair(job, result, values)
        if not self.workshop.turns.is_current(visitor_of(request), turn):
            return {self.version: gr.skip()}
        drawn = Drawn(job, True, about(job, result, False))
        label = version_label(drawn.text, is_preview=True)
        return self.compare.drawn(values, before, fused, is_sketch=True) | {self.version: label, self.drawn: drawn}

    def settle(self, values: Values) -> Updates:
        """A picture of other settings than the page's is marked; a late preview gives way to the full result."""
        if values[self.drawn] is None:
            return {self.version: gr.skip()}
        drawn, asked = values[self.drawn], self.job(values)
        if drawn.job != asked:
            return {self.version: version_label(drawn.text, drawn.is_preview, is_stale=True)}
        if not drawn.is_preview or values[self.shown] != asked:
            return {self.version: gr.skip()}
        return self.pictured(asked, self.bench.result(asked)[0], values, True)

    def halt(self, request: gr.Request) -> Updates:
        """Nothing that runs now will write; the picture keeps its mark."""
        self.workshop.turns.stop(visitor_of(request))
        return {self.version: gr.skip()}

    def _committed(self, values: Values, job: Job) -> Updates:
        history: History = values[self.panel.history]
        title = "Stages (curved)" if job.recipe.blocks else "Stages (flat)"
        return self.panel.remembered(history.with_commit(job.recipe)) | {
            self.shown: job,
            self.panel.stages_box: gr.update(label=title),
            self.panel.mask_counts: self._mask_counts(job),
        }

    def _mask_counts(self, job: Job) -> str:
        if job.recipe.masks.mode == "off" or job.options.engine != "net":
            return ""
        return mask_line(self.bench.cache.arena(self.family).mask_report(job.recipe))

    def pictured(self, job: Job, result: FusionResult, values: Values, is_kept: bool) -> Updates:
        """The picture of a result, what it is compared with, and its label."""
        choices = left_choices(job, len(self.bench.frames(job).images))
        left = values[self.left] if values[self.left] in [value for _, value in choices] else "frame 1"
        text = about(job, result, is_kept)
        return {
            self.version: version_label(text),
            self.left: gr.update(choices=choices, value=left),
            **self.compare.drawn(values, *self._pair(job, result, {**values, self.left: left})),
            self.drawn: Drawn(job, False, text),
        }

    def detailed(self, job: Job, result: FusionResult, values: Values) -> Updates:
        """Everything else on the page that belongs to a result."""
        frames = self.bench.frames(job)
        updates: Updates = {
            self.notices: notice_lines(result.notices),
            self.tier: hint(self._tier_line(job.options.engine)),
            self.desk.yaml: self.document_text(job),
        }
        for view in self.views:
            updates |= view.pictured(job, result, values)
        return updates | self.source.pictured(frames, job.options.task) | self.settings.for_count(len(frames.images))

    def _pair(self, job: Job, result: FusionResult, values: Values) -> tuple[Any, Any]:
        other, base = self.panel.other_slot(values), base_recipe(self.family)
        return self.bench.beside(job, values[self.left], other, base), result.fused

    def document_text(self, job: Job) -> str:
        """The recipe of a job as YAML."""
        from pipelines.shared.recipe_file import dump_yaml

        return dump_yaml(document_of(job, self.bench.frames(job), self.family.name))

    # --- handlers that move several parts at once

    def when_example_chosen(self, event: gr.SelectData) -> Updates:
        """Frames, task and mix of an example."""
        return self.with_example(self.source.examples[event.index])

    def with_example(self, example: Example) -> Updates:
        """The page as an example wants it."""
        recipe = recipe_from_dict(example.recipe, self.family.tasks) if example.recipe else self.family.default
        return (self.settings.with_task(example.task) | self.panel.shown(recipe) | self._unplaced()
                | self.source.with_example(example))  # fmt: skip

    def when_task_changes(self, values: Values) -> Updates:
        """Own frames stay; an example gives way to the first one of the new task."""
        task = values[self.source.task]
        first = self.source.first_of(task)
        if first and (values[self.source.example] or not values[self.source.files]):
            return self.with_example(first)
        return self.settings.with_task(task) | self.tables.cleared() | self.source.with_task(task)

    def when_uploaded(self, values: Values) -> Updates:
        """Own frames, as they come."""
        return self._unplaced() | self.source.when_uploaded(values)

    def when_engine_changes(self, values: Values) -> Updates:
        """Settings the engine does not use are disabled."""
        return self.settings.fitted(values[self.settings.engine], values[self.source.task])

    def when_left_changes(self, values: Values) -> Updates:
        """Another picture to compare with, or another view; the result stays."""
        job = Sight(self.bench, self.shown).job(values)
        return self.compare.switched(values, *self._pair(job, self.bench.result(job)[0], values))

    def _unplaced(self) -> Updates:
        """New frames: no move and no bent table of the old ones stays."""
        return self.placed(UNMOVED) | self.tables.cleared()

    def placed(self, placement: Placement) -> Updates:
        """Where the frames are to be put."""
        return {self.source.align: placement.is_aligned} | self.alignment.shown(placement.moves)

    def when_yaml_used(self, values: Values) -> Updates:
        """The text of the recipe box, checked, on the page."""
        return self.restored(values[self.desk.yaml] or "")

    def when_dropped(self, values: Values) -> Updates:
        """An exported picture or a recipe file, checked, on the page."""
        return self.restored(restore(Path(values[self.export.drop])))

    def restored(self, text: str) -> Updates:
        """A recipe's text, checked, on the page."""
        recipe, options, placement, report = parse(text, self.family)
        updates = self.panel.shown(recipe) | self.settings.shown(options) | self.tables.shown(options)
        updates |= self.source.with_task(options.task) | self.placed(placement)
        gr.Success("Settings restored. " + html.escape(" ".join(report)))
        return updates | {self.export.restored: notice_lines(("Restored.", *report))}


def warm(workshop: Workshop) -> None:
    """Import torch and load the family."""
    workshop.cache.arena(family("fusenet"))


FUSION = Tab("fusion", "Fusion", FusionTab, warm)
