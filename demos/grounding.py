"""The grounding tab: a picture and phrases in, what they mean out, with the desk beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.differences import desk_differences, differences, sent_back
from demos.examples import Example
from demos.exports import hashes_of, parse_for
from demos.figure_view import FigureView
from demos.grounding_answer import AnswerView
from demos.grounding_batch import GroundingBatch
from demos.grounding_bench import GroundingBench, Job
from demos.grounding_compare import CompareView
from demos.grounding_correction import CorrectionView
from demos.grounding_endpoints import add_grounding
from demos.grounding_export import FIGURE, FIGURE_START, GroundingExport, figure_caption, panels
from demos.grounding_point import PointView
from demos.grounding_settings import GroundingSettings
from demos.grounding_source import GroundingSource, expressions_of
from demos.grounding_words import NETWORK, about, prompt, run_caption
from demos.mix_tab import Drawn, MixTab
from demos.networks import OWN
from demos.past import PastRun, PastView
from demos.sight import Sight, Updates, Values
from demos.tab import ON_DEVICE, QUIET, Tab, Workshop, told
from demos.tab_events import LAST, TabEvents, then_settle, wire
from demos.tab_links import TabLinks
from demos.words import hint, tier_line, version_label
from pipelines.grounding.query import parse_queries, queries_of
from pipelines.grounding.random_scene import SceneRef
from pipelines.grounding.thresholds import Thresholds
from pipelines.registry import family
from pipelines.shared.weights import weights_hashes

if TYPE_CHECKING:
    from pipelines.grounding.results import GroundingResult
    from pipelines.shared.family import ModelFamily
    from pipelines.shared.recipe_file import RecipeDocument

BY_HAND = "corrected_by_hand"  # the option of a recipe that names objects; their masks stand in no recipe
NOT_STORED = "Masks that were corrected by hand are not part of a recipe: the network's own are shown."


class GroundingTab(MixTab):
    """Layout, and how jobs are made and drawn."""

    name = "grounding"
    what = "Say what you mean, get its box, its mask, and why; move a fader, and what the network understands changes."
    source_width_px = 260

    def __init__(self, workshop: Workshop, grounder: ModelFamily | None = None) -> None:
        self.workshop, self.family = workshop, grounder or family("plvl")
        self.bench = GroundingBench(workshop.cache, self.family)
        self.build()
        self.list_components(
            self.answer.drawing, pictures=(self.source.expressions, self.tier), settable=(self.correction.kept,)
        )
        wire(self, self._events())
        self.source.wire_quietly()
        self._wire_corrections()
        self.batch.wire(self.inputs, self.looked)
        self.links = TabLinks(self)

    # --- layout

    def build_source(self, examples: tuple[Example, ...]) -> GroundingSource:
        """A picture or a scene, and phrases."""
        return GroundingSource(examples)

    def build_result(self) -> None:
        """The picture with what was found."""
        self.sight = Sight(self.bench, self.shown)
        with gr.Column(elem_classes="mdk-result"):
            self.version = gr.HTML(version_label("no result yet"), elem_id=f"{self.name}-version")
            self.answer = AnswerView(self.sight)
            self.point = PointView(self.sight, self.answer.picture)
            self.tier = gr.HTML(hint(tier_line(self.family, self.workshop.assets, NETWORK)),
                                elem_id=f"{self.name}-tier")  # fmt: skip

    def build_details(self) -> None:
        """Thresholds, corrections, comparisons, files."""
        with gr.Accordion("Thresholds", open=False, elem_id=f"{self.name}-settings"):
            self.settings = GroundingSettings()
        self.correction = CorrectionView(self.sight)
        self.compare = CompareView(self.sight, self.family, self.answer)
        self.past = PastView(self.name, self.answer.plain, run_caption, self.example_of, paths_of)
        self.figure = FigureView(
            self, self.sight, FIGURE, FIGURE_START,
            lambda job, result, values, names: panels(self.bench, self.answer, job, result, values, names),
            lambda job: figure_caption(self.bench, job), lambda values: None,
        )  # fmt: skip
        self.batch = GroundingBatch(self.sight, self.name)
        self.export = GroundingExport(self, self.sight)
        self.views = (
            self.answer, self.point, self.correction, self.compare, self.past, self.figure, self.export,
        )  # fmt: skip

    def _events(self) -> TabEvents:
        source, point = self.source, self.point
        boxes = [source.phrase, source.more]
        scene = [source.image, source.scene, source.kind, source.seed, source.expressions, source.example,
                 source.caption]  # fmt: skip
        uploaded = source.image.input(told(source.when_uploaded), None,
                                      [source.scene, source.expressions, source.example, source.caption],
                                      **LAST)  # fmt: skip
        another = source.another.click(told(source.when_another_wanted), self.inputs, [*scene, *boxes], **LAST)
        this = source.this.click(told(source.when_scene_wanted), self.inputs, [*scene, *boxes], **LAST)
        clicked = source.expressions.select(told(source.when_expression_chosen), self.inputs, boxes, **LAST)
        asked = point.line.select(told(self.when_name_asked), self.inputs, boxes, **LAST)
        return TabEvents(
            moved=tuple(self.settings.faders),
            chosen=(source.network,),
            typed=(source.phrase, source.more),
            live=(source.pause,),
            setting=(uploaded, another, this, clicked, asked),
            marking=(source.image.input, source.another.click, source.this.click, source.expressions.select),
            busy=(self.answer.lines,),
        )

    def _wire_corrections(self) -> None:
        mask = self.correction
        for button, handler, more in ((mask.use, self.when_mask_used, {mask.editor}),
                                      (mask.back, self.when_masks_wanted_back, set())):  # fmt: skip
            run = button.click(told(handler), self.inputs | more, self.pictures, trigger_mode="once", **QUIET,
                               **ON_DEVICE)  # fmt: skip
            then_settle(self, run)

    def add_endpoints(self) -> None:
        """What clients may call."""
        add_grounding(self.bench)

    # --- values to jobs, jobs to the page

    def job(self, values: Values) -> Job:
        """What the page asks for; a look that was corrected by hand keeps its corrections."""
        return self.correction.asked(self.looked(values), values)

    def looked(self, values: Values) -> Job:
        """What the network is asked."""
        source = self.source
        return Job(source.path(values), values[source.scene], parse_queries(source.text(values)),
                   self.settings.thresholds(values), self.panel.recipe(values), values[source.network])  # fmt: skip

    def has_input(self, values: Values) -> bool:
        """Whether there are a picture and a phrase."""
        text = self.source.text(values)
        return bool(self.source.path(values) or values[self.source.scene]) and any(map(str.isalnum, text))

    def when_name_asked(self, values: Values) -> Updates:
        """The name of what was pointed at becomes the question."""
        return {self.source.phrase: values[self.point.name] or gr.skip(), self.source.more: ""}

    def when_mask_used(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """The result that is shown, with the mask that was painted."""
        yield from self._kept(request, values, self.correction.used(values))

    def when_masks_wanted_back(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """The result that is shown, with the network's masks."""
        yield from self._kept(request, values, self.correction.restored(values))

    def _kept(self, request: gr.Request, values: Values, job: Job) -> Iterator[Updates]:
        for updates in self.show(request, values, job):
            yield updates | {self.correction.kept: job}

    def commit(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """As for every tab; where picture or phrase is still missing, the answer says so and nothing is refused."""
        if not self.has_input(values):
            yield {self.answer.lines: prompt(bool(self.source.path(values) or values[self.source.scene]))}
            return
        yield from super().commit(request, values)

    def preview(self, request: gr.Request, values: Values) -> Updates:
        """While a fader is held or a phrase is typed; published networks wait for the release."""
        if values[self.source.network]:
            return {self.version: gr.skip()}
        return super().preview(request, values)

    def is_mixed(self, job: Job) -> bool:
        """Published networks are run as they are."""
        return not job.network

    def about(self, job: Job, result: GroundingResult, is_kept: bool) -> str:
        """Version, mix, how much was found, time."""
        return about(job, result, is_kept)

    def sketched(self, job: Job, result: GroundingResult, values: Values) -> Updates:
        """A preview of an answer is the answer."""
        return self.answer.drawn(job, result, values)

    def pictured(self, job: Job, result: GroundingResult, values: Values, is_kept: bool) -> Updates:
        """The answer and its label."""
        text = about(job, result, is_kept)
        return {
            self.version: version_label(text),
            **self.answer.drawn(job, result, values),
            self.drawn: Drawn(job, False, text),
        }

    def detailed(self, job: Job, result: GroundingResult, values: Values) -> Updates:
        """Everything else on the page that belongs to a result."""
        updates: Updates = {
            self.desk.yaml: self.document_text(job),
            self.source.expressions: expressions_of(job.scene),
            self.tier: hint(tier_line(self.bench.family_of(job), self.workshop.assets, NETWORK)),
        }
        for view in self.views:
            updates |= view.pictured(job, result, values)
        return updates

    def document(self, job: Job) -> RecipeDocument:
        """The recipe of a job, with its phrases and its picture: a scene by kind and seed, a file by its hash."""
        from pipelines.shared.recipe_file import InputRef, RecipeDocument

        options: dict[str, Any] = {"phrases": [query.text for query in job.queries]} | asdict(job.thresholds)
        options |= {"network": job.network} if job.network else {}
        options |= {BY_HAND: job.by_hand} if job.corrections else {}
        weights = weights_hashes(self.workshop.assets, self.bench.family_of(job).name)
        document = RecipeDocument("grounding", self.family.name, job.recipe, options, weights=weights)
        if job.scene is not None:
            return replace(document, options=options | {"scene": asdict(job.scene)})
        image = self.bench.image(job)
        return replace(document, inputs=(InputRef(image.name, image.sha256),))

    def with_settings(self, example: Example) -> Updates:
        """The usual thresholds unless the example has its own, and its phrases."""
        options = dict(example.options)
        options.pop("scene", None)
        network = options.pop("network", OWN)
        return self._with_options(options) | {self.source.network: network, self.correction.kept: None}

    def _with_options(self, options: dict[str, Any]) -> Updates:
        """Phrases, and thresholds by name. Raises UserError: no texts, an unknown name, or a value out of range."""
        queries = queries_of(options.pop("phrases", ()))
        return self.settings.shown(Thresholds.from_dict(options)) | self.source.with_queries(queries)

    def restored(self, text: str, values: Values | None = None) -> Updates:
        """A recipe's text, checked, on the page; a generated scene is drawn again."""
        there = hashes_of([self.source.path(values)] if values else ())
        document, report = parse_for(text, self.family, self.workshop.assets, there.values())
        options = dict(document.options)
        scene, network = options.pop("scene", None), str(options.pop("network", ""))
        if options.pop(BY_HAND, None):
            report = (*report, NOT_STORED)
        self.bench.grounder(network)  # refused here where nobody knows it
        updates = self.panel.shown(document.recipe) | self._with_options(options)
        there = asdict(self.settings.thresholds(sent_back(self.settings.controls, updates)))
        asked = asdict(Thresholds.from_dict(options))
        report = (*report, *desk_differences(self.panel, document.recipe, updates), *differences(asked, there))
        updates |= {self.source.network: network, self.correction.kept: None}
        if scene is not None:
            updates |= self.source.with_scene(SceneRef.from_dict(scene))
        return updates | self.reported(report)

    def revisited(self, run: PastRun, values: Values | None = None) -> Updates:
        """Picture, phrases, thresholds and mix of an earlier run."""
        job: Job = run.job
        asked = self.settings.shown(job.thresholds) | self.source.with_queries(job.queries)
        return self.panel.shown(job.recipe) | asked | self.source.with_input(job.path, job.scene, run.example) | {
            self.source.network: job.network, self.correction.kept: job
        }  # fmt: skip


def paths_of(job: Job) -> tuple[str, ...]:
    """Files that have to be there for a job to be run again."""
    return (job.path,) if job.path else ()


def warm(workshop: Workshop) -> None:
    """Import torch and load the family."""
    workshop.cache.arena(family("plvl"))


GROUNDING = Tab("grounding", "Grounding", GroundingTab, warm)
