"""The text tab: a word crop or a photograph in, what it says out, questioned, with the desk beside it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import gradio as gr

from demos.differences import desk_differences, differences, sent_back
from demos.examples import Example
from demos.exports import hashes_of, parse_for
from demos.figure_view import FigureView
from demos.mix_tab import Drawn, MixTab
from demos.past import PastRun, PastView
from demos.sight import Sight, Updates, Values
from demos.tab import Tab, Workshop, told
from demos.tab_events import LAST, TabEvents, wire
from demos.tab_links import TabLinks
from demos.text_recognition_ask import AskView
from demos.text_recognition_batch import TextBatch
from demos.text_recognition_bench import Job, Sheet, TextBench
from demos.text_recognition_compare import CompareView
from demos.text_recognition_endpoints import add_text
from demos.text_recognition_export import FIGURE, FIGURE_START, TextExport, figure_caption, panels
from demos.text_recognition_reading import ReadingView
from demos.text_recognition_settings import TextSettings
from demos.text_recognition_source import TextSource
from demos.text_recognition_words import NETWORK, about, run_caption
from demos.words import hint, tier_line, version_label
from pipelines.registry import family
from pipelines.shared.weights import weights_hashes
from pipelines.text_recognition.options import CROP, MODE, PHOTO, ReadingOptions, split

if TYPE_CHECKING:
    import numpy as np

    from pipelines.merging.recipe import MergeRecipe
    from pipelines.shared.family import ModelFamily
    from pipelines.shared.recipe_file import RecipeDocument


class TextTab(MixTab):
    """Layout, and how jobs are made and drawn."""

    name = "text_recognition"
    what = "Five specialists, one reader: give it a word, move a fader, and what it can read changes; then question it."

    def __init__(self, workshop: Workshop, reader: ModelFamily | None = None) -> None:
        self.workshop, self.family = workshop, reader or family("igtr")
        self.bench = TextBench(workshop.cache, self.family)
        self.build()
        self.list_components(self.reading.drawing)
        wire(self, self._events())
        self.batch.wire(self.inputs, self.job)
        self.links = TabLinks(self)

    # --- layout

    def build_source(self, examples: tuple[Example, ...]) -> TextSource:
        """A crop or a photograph."""
        return TextSource(examples)

    def build_result(self) -> None:
        """The reading."""
        self.sight = Sight(self.bench, self.shown)
        with gr.Column(elem_classes="mdk-result"):
            self.version = gr.HTML(version_label("no result yet"), elem_id=f"{self.name}-version")
            self.reading = ReadingView(self.sight)
            self.tier = gr.HTML(hint(tier_line(self.family, self.workshop.assets, NETWORK)),
                                elem_id=f"{self.name}-tier")  # fmt: skip

    def build_details(self) -> None:
        """What is known beforehand, questions, comparisons, files."""
        with gr.Accordion("What is known beforehand", open=False, elem_id=f"{self.name}-settings"):
            self.settings = TextSettings(self.source)
        self.ask = AskView(self.sight, self.reading)
        self.compare = CompareView(self.sight, self.family)
        self.past = PastView(self.name, thumbnail_of, run_caption, self.example_of, lambda job: (job.path,))
        self.batch = TextBatch(self.sight, self.name)
        self.figure = FigureView(
            self, self.sight, FIGURE, FIGURE_START,
            lambda job, sheet, values, names: panels(self.bench, self.reading, job, sheet, values, names),
            lambda job: figure_caption(self.bench, job), lambda values: None, is_enlarged=False,
        )  # fmt: skip
        self.export = TextExport(self, self.sight)
        self.views = (self.reading, self.ask, self.compare, self.past, self.figure, self.export)

    def _events(self) -> TabEvents:
        source, settings = self.source, self.settings
        uploaded = source.image.input(told(source.when_uploaded), None, [source.example, source.caption], **LAST)
        charset = settings.charset.input(told(settings.when_charset_changes), self.inputs, [settings.own], **LAST)
        return TabEvents(
            moved=tuple(settings.faders),
            chosen=tuple(settings.switches),
            typed=tuple(settings.typed),
            setting=(uploaded, charset),
            marking=(source.image.input, settings.charset.input),
            busy=(self.reading.line,),
        )

    def add_endpoints(self) -> None:
        """What clients may call."""
        add_text(self.bench)

    # --- values to jobs, jobs to the page

    def job(self, values: Values) -> Job:
        """What the page asks for."""
        return Job(self.source.path(values), values[self.source.mode], self.settings.options(values),
                   self.panel.recipe(values))  # fmt: skip

    def has_input(self, values: Values) -> bool:
        """Whether there is a picture."""
        return bool(self.source.path(values))

    def preview(self, request: gr.Request, values: Values) -> Updates:
        """A word follows the fader; a photograph waits for its release."""
        if values[self.source.mode] == PHOTO:
            return {self.version: gr.skip()}
        return super().preview(request, values)

    def about(self, job: Job, result: Sheet, is_kept: bool) -> str:
        """Version, mix, procedure, time."""
        return about(job, result, is_kept)

    def sketched(self, job: Job, result: Sheet, values: Values) -> Updates:
        """A preview of a reading is the reading."""
        return self.reading.drawn(job, result, values)

    def pictured(self, job: Job, result: Sheet, values: Values, is_kept: bool) -> Updates:
        """The reading, its crop, and its label."""
        text = about(job, result, is_kept)
        return {
            self.version: version_label(text),
            **self.reading.drawn(job, result, values),
            self.drawn: Drawn(job, False, text),
        }

    def detailed(self, job: Job, result: Sheet, values: Values) -> Updates:
        """Everything else on the page that belongs to a result."""
        updates: Updates = {self.desk.yaml: self.document_text(job)}
        for view in self.views:
            updates |= view.pictured(job, result, values)
        return updates

    def document(self, job: Job) -> RecipeDocument:
        """The recipe of a job, with its picture."""
        from pipelines.shared.recipe_file import RecipeDocument

        options = job.options.to_dict() | ({MODE: job.mode} if job.mode != CROP else {})
        return RecipeDocument("text_recognition", self.family.name, job.recipe, options,
                              (self.bench.input_of(job),),
                              weights_hashes(self.workshop.assets, self.family.name))  # fmt: skip

    def with_settings(self, example: Example) -> Updates:
        """Nothing known beforehand, the quickest procedure."""
        return self.settings.shown(ReadingOptions())

    def restored(self, text: str, values: Values | None = None) -> Updates:
        """A recipe's text, checked, on the page."""
        there = hashes_of([self.source.path(values)] if values else ())
        document, report = parse_for(text, self.family, self.workshop.assets, there.values())
        asked, mode = split(document.options)
        updates = self._set(document.recipe, asked, mode)
        lost = differences(asdict(asked), asdict(self.settings.options(sent_back(self.inputs, updates))))
        return updates | self.reported((*report, *desk_differences(self.panel, document.recipe, updates), *lost))

    def revisited(self, run: PastRun) -> Updates:
        """Picture, settings and mix of an earlier run."""
        job: Job = run.job
        return self._set(job.recipe, job.options, job.mode) | self.source.with_file(job.path, run.example)

    def _set(self, recipe: MergeRecipe, options: ReadingOptions, mode: str) -> Updates:
        return self.panel.shown(recipe) | self.settings.shown(options) | {self.source.mode: mode}


def thumbnail_of(job: Job, sheet: Sheet) -> np.ndarray:
    """The photograph, or the crop."""
    return sheet.words[0].pixels if sheet.photo is None else sheet.photo


def warm(workshop: Workshop) -> None:
    """Import torch and load the family."""
    workshop.cache.arena(family("igtr"))


TEXT_RECOGNITION = Tab("text_recognition", "Text", TextTab, warm)
