"""Where things stand on a tab with a desk: inputs, result and desk side by side, and which components are which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import gradio as gr

from demos.desk import Desk
from demos.examples import Example, read_examples
from demos.merge_panel import MergePanel
from demos.networks import OWN, Networks, networks_of
from demos.sight import View
from demos.tab import Workshop
from demos.words import hint
from pipelines.shared.family import ModelFamily


class Board:
    """Layout of a tab; a tab of its own gives its name and its three parts.

    Attributes:
        name: of the tab; begins its element ids.
        what: one line on what it is for.
        networks: what the desk mixes: the tab's own family, then others that a tab may have.
        source_width_px: least width of the column of inputs.
        bench: has `cache`, `result(job)`, `preview(job)`, `scores(recipe)` and `forget()`.
        source: where inputs come from: `run`, `stop`, `controls`, `shown_components`, `examples`, `example`,
            `with_example(example)`.
        settings, batch: have `controls`; `export` has `drop`, `restored`.
        shown: the job whose full result was shown last; `since`: undos and redos before its run began.
        drawn: what is on the page, previews included.
        alert: why the last run gave no result; empty after one that did.
        inputs: what handlers are told. `pictures`: what a run updates. `drawing`: what of these is the result itself.
        desk_outputs, settable: what the desk, and an example or a restore, set.
        runs: the events that run the pipeline.
    """

    name: str
    what: str
    source_width_px = 240
    workshop: Workshop
    family: ModelFamily
    bench: Any
    source: Any
    settings: Any
    batch: Any
    export: Any
    panel: MergePanel
    desk: Desk
    version: gr.HTML
    alert: gr.HTML
    shown: gr.State
    since: gr.State
    drawn: gr.State
    views: tuple[View, ...]
    inputs: set[Any]
    pictures: list[Any]
    drawing: list[Any]
    desk_outputs: list[Any]
    settable: list[Any]
    runs: list[Any]

    @property
    def networks(self) -> Networks:
        """The tab's own family alone."""
        return networks_of(self.family)

    def network_of(self, job: Any) -> str:
        """The name of the network whose mix a job is of."""
        return OWN

    def family_of(self, job: Any) -> ModelFamily:
        """The family whose mix a job is of."""
        return self.networks[self.network_of(job)]

    def build_source(self, examples: tuple[Example, ...]) -> Any:
        """The column of inputs."""
        raise NotImplementedError

    def build_result(self) -> None:
        """The result and the line above it; sets `version`."""
        raise NotImplementedError

    def build_details(self) -> None:
        """What stands below the result; sets `settings`, `batch`, `export` and `views`."""
        raise NotImplementedError

    def build(self) -> None:
        """All of the tab."""
        self.workshop.forget.append(self.bench.forget)
        self.shown, self.since, self.drawn = gr.State(None), gr.State(0), gr.State(None)
        self.runs = []
        gr.HTML(hint(self.what))
        with gr.Row(elem_classes="board"):
            with gr.Column(scale=3, min_width=self.source_width_px):
                self.source = self.build_source(read_examples(self.workshop.assets / "examples" / self.name))
            with gr.Column(scale=7, min_width=320):
                self.build_result()
                self.alert = gr.HTML("", elem_id=f"{self.name}-alert", elem_classes="when-full")
                self.build_details()
            with gr.Column(scale=4, min_width=320, elem_classes="desk"):
                self.panel = MergePanel(self.name, self.family, self.networks)
                self.desk = Desk(self.panel, self.workshop, self.bench.scores, self.bench.whole_scores)

    def list_components(
        self, drawing: Sequence[Any], inputs: Iterable[Any] = (), pictures: Iterable[Any] = (),
        settable: Iterable[Any] = (),
    ) -> None:  # fmt: skip
        """Sort what was built; the arguments are what a tab has beyond what every tab has."""
        panel, source, views = self.panel, self.source, self.views
        self.inputs = {
            self.shown, self.since, self.drawn, self.alert, *source.controls, *self.settings.controls,
            *self.desk.controls, *self.batch.controls, *(one for view in views for one in view.controls),
            *panel.inputs, *inputs,
        }  # fmt: skip
        self.drawing = [self.version, *drawing, self.drawn]
        self.pictures = [
            *self.drawing, self.alert, self.shown, self.since, self.desk.yaml,
            *(one for view in views for one in view.outputs), panel.stages.box, panel.masks.counts, *pictures,
        ]  # fmt: skip
        self.desk_outputs = panel.outputs
        self.settable = [*source.shown_components, *self.settings.controls, *self.desk_outputs, *settable]
