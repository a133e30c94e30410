"""The text tab: a word crop or a photograph in, what it says out, questioned, with the desk beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

import gradio as gr

from demos.differences import desk_differences, differences, sent_back
from demos.examples import Example
from demos.exports import hashes_of, parse_for
from demos.figure_view import FigureView
from demos.mix_tab import Drawn, MixTab
from demos.networks import OWN, Networks
from demos.past import PastRun, PastView
from demos.sight import Sight, Updates, Values, both
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
from pipelines.text_recognition.abilities import abilities_of, check_options
from pipelines.text_recognition.any_reader import READERS
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

    def __init__(
        self, workshop: Workshop, reader: ModelFamily | None = None, others: Iterable[ModelFamily] = READERS
    ) -> None:
        self.workshop, self.family = workshop, reader or family("igtr")
        self.bench = TextBench(workshop.cache, self.family, others)
        self.build()
        self.list_components(
            self.reading.drawing, pictures=[self.tier],
            settable=[self.tier, *self.ask.fitting, *self.compare.fitting, *self.desk.fitting],
        )  # fmt: skip
        wire(self, self._events())
        self.batch.wire(self.inputs, self.job)
        self.links = TabLinks(self)

    @property
    def networks(self) -> Networks:
        """The tab's own family, then those of the full tier; the desk mixes each."""
        return self.bench.networks

    def network_of(self, job: Job) -> str:
        """The name of the network whose mix a job is of."""
        return job.network

    # --- layout

    def build_source(self, examples: tuple[Example, ...]) -> TextSource:
        """A crop or a photograph."""
        return TextSource(examples, self.networks)

    def build_result(self) -> None:
        """The reading."""
        self.sight = Sight(self.bench, self.shown)
        with gr.Column(elem_classes="mdk-result"):
            self.version = gr.HTML(version_label("no result yet"), elem_id=f"{self.name}-version")
            self.reading = ReadingView(self.sight)
            self.tier = gr.HTML(self._tier_line(OWN), elem_id=f"{self.name}-tier")

    def _tier_line(self, network: str) -> str:
        return hint(tier_line(self.bench.family_of(network), self.workshop.assets, NETWORK))

    def build_details(self) -> None:
        """What is known beforehand, questions, comparisons, files."""
        with gr.Accordion("What is known beforehand", open=False, elem_id=f"{self.name}-settings"):
            self.settings = TextSettings(self.source)
        self.ask = AskView(self.sight, self.reading)
        self.compare = CompareView(self.sight)
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
        network = source.network.input(told(self.when_network_chosen), self.inputs, self.settable, **LAST)
        return TabEvents(
            moved=tuple(settings.faders),
            chosen=tuple(settings.switches),
            typed=tuple(settings.typed),
            setting=(uploaded, charset, network),
            marking=(source.image.input, settings.charset.input, source.network.input),
            busy=(self.reading.line,),
        )

    def words(self, job: Job | None) -> str:
        """A job's mix in words, after the name of a published network."""
        who = f"{job.network}: " if job is not None and job.network else ""
        return who + super().words(job)

    def add_endpoints(self) -> None:
        """What clients may call."""
        add_text(self.bench)

    # --- values to jobs, jobs to the page

    def job(self, values: Values) -> Job:
        """What the page asks for; of a network that only reads, without the settings that it cannot follow."""
        network = values[self.panel.network]
        able = abilities_of(self.bench.family_of(network))
        options = self.settings.options(values) if able.can_be_asked else ReadingOptions()
        return Job(self.source.path(values), values[self.source.mode], options, self.panel.at(values).recipe(values),
                   network)  # fmt: skip

    def has_input(self, values: Values) -> bool:
        """Whether there is a picture."""
        return bool(self.source.path(values))

    def preview(self, request: gr.Request, values: Values) -> Updates:
        """A word follows the fader; a photograph, and a network of the full tier, wait for its release."""
        if values[self.source.mode] == PHOTO or values[self.panel.network] != OWN:
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
        updates: Updates = {self.desk.yaml: self.document_text(job), self.tier: self._tier_line(job.network)}
        for view in self.views:
            updates |= view.pictured(job, result, values)
        return updates

    def document(self, job: Job) -> RecipeDocument:
        """The recipe of a job, with its picture; its family is the network that was mixed."""
        from pipelines.shared.recipe_file import RecipeDocument

        options = job.options.to_dict() | ({MODE: job.mode} if job.mode != CROP else {})
        family = self.family_of(job).name
        return RecipeDocument("text_recognition", family, job.recipe, options, (self.bench.input_of(job),),
                              weights_hashes(self.workshop.assets, family))  # fmt: skip

    def with_settings(self, example: Example) -> Updates:
        """Nothing known beforehand, the quickest procedure."""
        return self.settings.shown(ReadingOptions())

    def restored(self, text: str, values: Values | None = None) -> Updates:
        """A recipe's text, checked, on the page."""
        there = hashes_of([self.source.path(values)] if values else ())
        document, report = parse_for(text, self.networks, self.workshop.assets, there.values())
        network = next(name for name, one in self.networks.items() if one.name == document.family)
        asked, mode = split(document.options)
        check_options(self.networks[network], asked)
        updates = self._set(network, document.recipe, asked, mode, values)
        lost = differences(asdict(asked), asdict(self.job(sent_back(self.inputs, updates)).options))
        desk = desk_differences(self.panel.of(network), document.recipe, updates)
        return updates | self.reported((*report, *desk, *lost))

    def revisited(self, run: PastRun, values: Values | None = None) -> Updates:
        """Picture, settings and mix of an earlier run."""
        job: Job = run.job
        updates = self._set(job.network, job.recipe, job.options, job.mode, values)
        return updates | self.source.with_file(job.path, run.example)

    def _set(
        self, network: str, recipe: MergeRecipe, options: ReadingOptions, mode: str, values: Values | None
    ) -> Updates:
        desk = self.on_desk(network, recipe, values)
        return both(desk, self.settings.shown(options)) | {self.source.mode: mode}

    # --- another network

    def when_network_chosen(self, values: Values) -> Updates:
        """The network of the menu: its desk as it was left, what it can do, and whether it is on this machine. The menu
        is not written to: it may have moved on meanwhile."""
        updates = self.on_desk(values[self.source.network], None, values)
        return {one: update for one, update in updates.items() if one is not self.source.network} or {
            self.panel.network: gr.skip()
        }

    def on_desk(self, network: str, recipe: MergeRecipe | None, values: Values | None) -> Updates:
        """As for every tab; with another network comes everything else on the page that goes with it."""
        values, able = values or {one: one.value for one in self.inputs}, abilities_of(self.bench.family_of(network))
        updates = super().on_desk(network, recipe, values) | {self.source.network: network}
        if network == values[self.panel.network]:
            return updates
        return {
            **updates,
            **self.desk.fitted(network, values[self.desk.own]),
            **self.settings.able(able, values),
            **self.ask.able(able, values),
            **self.compare.able(able),
            self.tier: self._tier_line(network),
        }


def thumbnail_of(job: Job, sheet: Sheet) -> np.ndarray:
    """The photograph, or the crop."""
    return sheet.words[0].pixels if sheet.photo is None else sheet.photo


def warm(workshop: Workshop) -> None:
    """Import torch and load the family."""
    workshop.cache.arena(family("igtr"))


TEXT_RECOGNITION = Tab("text_recognition", "Text", TextTab, warm)
