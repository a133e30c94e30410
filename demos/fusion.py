"""The fusion tab: frames of one scene in, one picture out, with the desk beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.compare import Compare
from demos.differences import desk_differences, differences, sent_back
from demos.examples import Example
from demos.figure_layout import Panel
from demos.figure_view import FigureView
from demos.fusion_align import AlignView
from demos.fusion_batch import FusionBatch
from demos.fusion_bench import FusionBench, Job
from demos.fusion_clips import ClipView
from demos.fusion_endpoints import add_fuse, fuse_batch_endpoint, fuse_endpoint
from demos.fusion_events import events, wire_own
from demos.fusion_export import document_of, parse, plain_form
from demos.fusion_figure import CHOICES, CHOSEN, caption, panels
from demos.fusion_files import FusionExport
from demos.fusion_labels import LabelView
from demos.fusion_settings import MOST_FRAMES, FusionSettings
from demos.fusion_source import FusionSource
from demos.fusion_tables import TableView
from demos.fusion_views import MetricView, WeightView, ZoomView
from demos.fusion_words import ENGINE_TITLES, NETWORKS, about, left_choices, run_caption, slot_titles
from demos.mix_tab import Drawn, MixTab
from demos.past import PastRun, PastView
from demos.sight import Sight, Updates, Values
from demos.starting_mixes import base_recipe
from demos.tab import Tab, Workshop
from demos.tab_events import wire
from demos.tab_links import TabLinks
from demos.words import hint, notice_lines, tier_line, version_label
from pipelines.fusion.options import FusionOptions
from pipelines.fusion.registration import UNMOVED, Placement, split
from pipelines.fusion.stored_result import stored_result
from pipelines.merging.errors import MergeError
from pipelines.registry import family
from pipelines.shared.errors import UserError
from pipelines.shared.notice import Notice, warning

if TYPE_CHECKING:
    import numpy as np

    from pipelines.fusion.pipeline import FusionResult
    from pipelines.merging.recipe import MergeRecipe
    from pipelines.shared.recipe_file import RecipeDocument


class FusionTab(MixTab):
    """Layout, and how jobs are made and drawn."""

    name = "fusion"
    what = "Four specialists, one network: give it frames of one scene, move a fader, and the fused picture changes."

    def __init__(self, workshop: Workshop, bench: FusionBench | None = None) -> None:
        self.workshop = workshop
        self.family = family("fusenet")
        self.bench = bench or FusionBench(workshop.cache)
        self.build()
        self.list_components(
            (self.left, self.notices, *self.compare.outputs),
            inputs=(self.left, self.compare.view, *self.clips.controls),
            pictures=(self.tier, self.source.gallery, *self.settings.gains),
            settable=(self.alignment.edit, *self.alignment.faders, self.tables.edit, *self.tables.faders),
        )
        wire(self, events(self))
        wire_own(self)
        self.links = TabLinks(self)

    # --- layout

    def build_source(self, examples: tuple[Example, ...]) -> FusionSource:
        """Frames and their task."""
        return FusionSource(examples)

    def build_result(self) -> None:
        """The picture, beside what it is compared with."""
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

    def _stored_pair(self) -> tuple[str, str] | None:
        """The first example and its result, as the page opens; a run of it follows at once."""
        stored, examples = stored_result(self.workshop.assets, self.family), self.source.examples
        return (str(examples[0].frames[0]), str(stored)) if stored and examples else None

    def build_details(self) -> None:
        """Settings, alignment, weights, labels, tables, metrics, files."""
        sight = Sight(self.bench, self.shown)
        with gr.Accordion("Settings", open=False, elem_id="fusion-settings"):
            self.settings = FusionSettings(self.source.task.value)
        self.alignment = AlignView(sight)
        self.weights, self.labels = WeightView(sight), LabelView(sight)
        self.tables = TableView(sight, self.workshop.assets)
        self.metrics, self.zoom = MetricView(sight, self.workshop.turns[self.name]), ZoomView(sight)
        self.past = PastView("fusion", lambda job, result: result.fused, run_caption, self.example_of,
                             lambda job: job.paths)  # fmt: skip
        self.figure = FigureView(self, sight, CHOICES, CHOSEN, self._panels, lambda job: caption(self.bench, job),
                                 lambda values: values[self.zoom.point])  # fmt: skip
        self.export = FusionExport(self, sight)
        self.batch, self.clips = FusionBatch(sight, self.name), ClipView(sight)
        self.views = (
            self.alignment, self.weights, self.labels, self.tables, self.metrics, self.zoom, self.past, self.figure,
            self.export,
        )  # fmt: skip

    def _tier_line(self, engine: str) -> str:
        if engine not in ("net", "lut"):
            return "A classical method: no network."
        shown = family("meflut") if engine == "lut" else self.family
        return tier_line(shown, self.workshop.assets, NETWORKS[shown.name])

    # --- values to jobs

    def job(self, values: Values) -> Job:
        """What the page asks for."""
        paths = self.source.paths(values)
        options = self._options(values, len(paths))
        moves = tuple(one for one in self.alignment.moves(values) if one.frame < len(paths))  # others wait for theirs
        return Job(paths, options, self.panel.recipe(values), Placement(values[self.source.align], moves))

    def _options(self, values: Values, count: int) -> FusionOptions:
        """What the settings and the tables ask for, of that many frames."""
        options = self.settings.options(values, values[self.source.task], count)
        if options.engine != "lut":
            return options
        return replace(options, table_points=self.tables.points(values, min(count, MOST_FRAMES)))

    def add_endpoints(self) -> None:
        """What clients may call."""
        add_fuse(fuse_endpoint(self.bench), fuse_batch_endpoint(self.bench))

    def has_input(self, values: Values) -> bool:
        """Whether there are frames."""
        return bool(values[self.source.files])

    def is_mixed(self, job: Job) -> bool:
        """Tables and classical methods do not depend on the mix."""
        return job.options.engine == "net"

    def words(self, job: Job | None) -> str:
        """The mix in words; of other engines, their name."""
        return super().words(job) if job is None or self.is_mixed(job) else ENGINE_TITLES[job.options.engine]

    def about(self, job: Job, result: FusionResult, is_kept: bool) -> str:
        """Version, mix, bytes moved, time."""
        return about(job, result, is_kept)

    def sketched(self, job: Job, result: FusionResult, values: Values) -> Updates:
        """A preview's picture."""
        return self.compare.drawn(values, self._beside(job, values)[1], result.fused, is_sketch=True)

    def pictured(self, job: Job, result: FusionResult, values: Values, is_kept: bool) -> Updates:
        """The picture of a result, what it is compared with, its label and what is to be said about it."""
        choices = left_choices(job, len(self.bench.frames(job).images))
        left = values[self.left] if values[self.left] in [value for _, value in choices] else "frame 1"
        left, before, told = self._beside(job, {**values, self.left: left})
        moved: dict[str, Any] = {} if left == values[self.left] else {"value": left}
        text = about(job, result, is_kept)
        return {
            self.version: version_label(text),
            self.left: gr.update(choices=choices, **moved),
            self.notices: notice_lines((*result.notices, *told)),
            **self.compare.drawn(values, before, result.fused),
            self.drawn: Drawn(job, False, text, (left, values[self.compare.view])),
        }

    def detailed(self, job: Job, result: FusionResult, values: Values) -> Updates:
        """Everything else on the page that belongs to a result."""
        frames = self.bench.frames(job)
        updates: Updates = {
            self.tier: hint(self._tier_line(job.options.engine)),
            self.desk.yaml: self.document_text(job),
        }
        for view in self.views:
            updates |= view.pictured(job, result, values)
        return (
            updates
            | self.source.pictured(frames, job.options.task)
            | self.settings.for_frames(len(frames.images), job.options.engine)
        )

    def _beside(self, job: Job, values: Values) -> tuple[str, np.ndarray, tuple[Notice, ...]]:
        """What the result is compared with, and its picture; frame 1 and the reason where that cannot be made."""
        left, other, base = values[self.left], self.panel.other_slot(values), base_recipe(self.family)
        try:
            return left, self.bench.beside(job, left, other, base), ()
        except (UserError, MergeError) as error:
            first = self.bench.beside(job, "frame 1", other, base)
            return "frame 1", first, (warning(f"It is compared with frame 1. {error}"),)

    def _panels(self, job: Job, result: FusionResult, values: Values, names: Sequence[str]) -> list[Panel]:
        left, before, _ = self._beside(job, values)
        return panels(self.bench, job, result, names, left, before)

    def document(self, job: Job) -> RecipeDocument:
        """The recipe of a job, with its frames."""
        return document_of(job, self.bench.frames(job), self.family.name, self.workshop.assets)

    # --- handlers that move several parts at once

    def example_of(self, values: Values) -> str:
        """Swapped frames are not those of the example."""
        return "" if self.source.is_swapped(values) else super().example_of(values)

    def with_settings(self, example: Example) -> Updates:
        """Settings of the example's task; no moves."""
        return self.settings.with_task(example.task) | self._unplaced()

    def when_task_changes(self, values: Values) -> Updates:
        """Own frames stay; an example gives way to the first one of the new task."""
        task = values[self.source.task]
        first = self.source.first_of(task)
        if first and (values[self.source.example] or not values[self.source.files]):
            return self.with_example(first)
        return self.settings.with_task(task) | self.tables.cleared() | self.source.with_task(task)

    def when_uploaded(self, values: Values) -> Updates:
        """Own frames, as they come; where a restored recipe names them all, they go where it puts them."""
        awaited: RecipeDocument | None = values[self.source.awaited]
        there = self.source.hashes(values) if awaited else {}
        updates = self.source.when_uploaded(values)
        if awaited is None or not set(there.values()) <= {one.sha256 for one in awaited.inputs}:
            return updates | self._unplaced()
        updates |= self.source.with_inputs(awaited, values[self.source.task], there)
        return updates if updates[self.source.awaited] else updates | self._framed(*split(awaited.options))

    def when_engine_changes(self, values: Values) -> Updates:
        """Settings the engine does not use are disabled."""
        return self.settings.fitted(values[self.settings.engine], values[self.source.task])

    def when_left_changes(self, values: Values) -> Updates:
        """Another picture to compare with, or another view; the result stays."""
        job = Sight(self.bench, self.shown).job(values)
        result, (left, before, told) = self.bench.result(job)[0], self._beside(job, values)
        notices = {self.left: left, self.notices: notice_lines((*result.notices, *told))}
        return self.compare.switched(values, before, result.fused) | notices

    def when_drawn(self, values: Values) -> Updates:
        """A run draws beside what was chosen when it began: drawn again where the choice has changed since."""
        drawn: Drawn = values[self.drawn]
        if drawn.is_preview or drawn.beside == (values[self.left], values[self.compare.view]):
            return {self.compare.slider: gr.skip()}
        return self.when_left_changes(values)

    def _unplaced(self) -> Updates:
        """New frames: no move, gain or bent table of the old ones stays."""
        return self._framed(FusionOptions(), UNMOVED) | {self.source.awaited: None}

    def _framed(self, options: FusionOptions, placement: Placement) -> Updates:
        """What is set per frame."""
        return self.placed(placement) | self.tables.shown(options) | self.settings.with_gains(options.gains)

    def placed(self, placement: Placement) -> Updates:
        """Where the frames are to be put."""
        return {self.source.align: placement.is_aligned} | self.alignment.shown(placement.moves)

    def restored(self, text: str, values: Values | None = None) -> Updates:
        """A recipe's text, checked, on the page; its frames, where they are there, in its order."""
        there = self.source.hashes(values)
        document, options, placement, report = parse(text, self.family, self.workshop.assets, there.values())
        updates = self._set(document.recipe, options, placement)
        lost = desk_differences(self.panel, document.recipe, updates) + self._lost(options, placement, updates)
        frames = self.source.with_inputs(document, options.task, there)
        return updates | frames | self.reported((*report, *lost))

    def _lost(self, options: FusionOptions, placement: Placement, updates: Updates) -> tuple[str, ...]:
        """How the settings differ from those that these updates put on the page."""
        values = sent_back(self.inputs, updates)
        there = self._options(values, max(len(options.gains), len(options.table_points)))
        moved = Placement(values[self.source.align], self.alignment.moves(values))
        return differences(plain_form(options, placement), plain_form(there, moved))

    def revisited(self, run: PastRun, values: Values | None = None) -> Updates:
        """Frames, settings and mix of an earlier run."""
        job = run.job
        files = self.source.with_files(job.paths, job.options.task, run.example)
        return self._set(job.recipe, job.options, job.placement) | files | {self.source.awaited: None}

    def _set(self, recipe: MergeRecipe, options: FusionOptions, placement: Placement) -> Updates:
        updates = self.panel.shown(recipe) | self.settings.shown(options) | self.tables.shown(options)
        return updates | self.source.with_task(options.task) | self.placed(placement)


def warm(workshop: Workshop) -> None:
    """Import torch and load the family."""
    workshop.cache.arena(family("fusenet"))


FUSION = Tab("fusion", "Fusion", FusionTab, warm)
