"""The fusion tab: frames of one scene in, one picture out, with the desk beside it."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos import drawing
from demos.examples import Example, read_examples
from demos.fader import Fader
from demos.fusion_bench import FusionBench, Job, to_bytes
from demos.fusion_export import document_of, parse, restore, write_export
from demos.history import History
from demos.merge_panel import MergePanel, base_recipe, describe, shipped_presets
from demos.scores import score_columns
from demos.tab import BESIDE_QUEUE, ON_DEVICE, Tab, Workshop, told, visitor_of
from pipelines.fusion.options import OPERATORS, TABLE_KINDS, TASKS, FusionOptions
from pipelines.merging.recipe import recipe_from_dict, recipe_to_dict
from pipelines.registry import family
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from pipelines.fusion.pipeline import FusionResult
    from pipelines.merging.report import MaskReport

Updates = dict[Any, Any]
Values = Mapping[Any, Any]

ENGINE_TITLES = {
    "net": "Mixed network", "lut": "Tables (exposures)", "average": "Average", "max": "Maximum",
    "laplacian": "Laplacian pyramid", "gff": "Guided filter", "mertens": "Mertens",
}  # fmt: skip
OPERATOR_TITLES = {"pyramid": "pyramid", "paper": "as published", "fast": "fast"}
MOST_FRAMES = max(task.most_frames for task in TASKS.values())
CLASS_NAMES = ("sky", "ground", "vegetation", "building", "vehicle", "person", "other")
CLASS_COLOURS = ((86, 180, 233), (150, 130, 110), (0, 158, 115), (204, 121, 167), (0, 114, 178), (213, 94, 0),
                 (200, 200, 200))  # fmt: skip
STILL: dict[str, Any] = {"format": "png", "interactive": False}


class FusionTab:
    """Layout, events and handlers. Handlers take and give values keyed by component, so they run without a browser."""

    def __init__(self, workshop: Workshop, bench: FusionBench | None = None) -> None:
        self.workshop = workshop
        self.family = family("fusenet")
        self.bench = bench or FusionBench(workshop.cache)
        self.examples = read_examples(workshop.assets / "examples" / "fusion")
        self._build()
        self._wire()

    # --- layout

    def _build(self) -> None:
        gr.HTML(
            '<div class="hint">Four specialists, one network: give it two or more frames of a scene, move a fader, and '
            "the fused picture changes.</div>"
        )
        with gr.Row(elem_classes="board"):
            with gr.Column(scale=3, min_width=240):
                self._build_input()
            with gr.Column(scale=7, min_width=320):
                self._build_result()
                self._build_details()
            with gr.Column(scale=4, min_width=320, elem_classes="desk"):
                self.panel = MergePanel("fusion", self.family)
                self._build_presets()
                self._build_scores()
                self._build_recipe()

    def _build_input(self) -> None:
        first = self.examples[0] if self.examples else None
        tasks = [(task.title, name) for name, task in TASKS.items()]
        task = first.task if first else "ivis"
        self.task = gr.Radio(tasks, value=task, label="Task", elem_id="fusion-task")
        self.files = gr.File(
            [str(path) for path in first.frames] if first else None, label=slots_label(task), file_count="multiple",
            file_types=["image"], height=110, elem_id="fusion-files",
        )  # fmt: skip
        self.gallery = gr.Gallery(
            [(str(path), path.name) for path in first.frames] if first else None, label="Frames", columns=2, height=140,
            elem_id="fusion-frames", object_fit="contain", show_label=False, buttons=["fullscreen"], **STILL,
        )  # fmt: skip
        with gr.Row(elem_classes="tight"):
            self.swap = gr.Checkbox(False, label="Swap frames", elem_id="fusion-swap", min_width=100)
            self.align = gr.Checkbox(False, label="Align frames", elem_id="fusion-align", min_width=100)
        with gr.Row(elem_classes="tight"):
            self.run = gr.Button("Run", variant="primary", elem_id="fusion-run", size="md", min_width=80)
            self.stop = gr.Button("Stop", elem_id="fusion-stop", size="md", min_width=80)
        gr.HTML('<div class="hint">Examples: each brings its frames and its mix.</div>')
        self.example_menu = gr.Gallery(
            [(str(thumb), one.title) for one in self.examples for thumb in one.frames[:1]], label="Examples", columns=2,
            height=420, allow_preview=False, elem_id="fusion-examples", object_fit="cover", show_label=False,
            buttons=[], **STILL,
        )  # fmt: skip
        self.example = gr.State(first.slug if first else "")

    def _build_result(self) -> None:
        with gr.Column(elem_classes="mdk-result"):
            self.version = gr.HTML(version_label("no result yet"), elem_id="fusion-version")
            self.left = gr.Dropdown([("frame 1", "frame 1")], value="frame 1", label="Left side of the slider",
                                    elem_id="fusion-left")
            self.out = gr.ImageSlider(label="Before | fused", elem_id="fusion-out", max_height=440,
                                      elem_classes="mdk-picture", buttons=["download", "fullscreen"], **STILL)
            self.notices = gr.HTML("", elem_id="fusion-notices")
        self.shown = gr.State(None)  # the job whose full result was shown last
        self.drawn = gr.State(None)  # the job and kind of the picture on the page, previews included

    def _build_details(self) -> None:
        with gr.Accordion("Settings", open=False, elem_id="fusion-settings"):
            self._build_options()
        with gr.Accordion("Weight maps", open=False, elem_id="fusion-weights-box"):
            gr.HTML(drawing.heat_legend())
            self.weights = gr.Gallery(label="Weight of each frame", columns=3, elem_id="fusion-weights",
                                      object_fit="contain", **STILL)
        with gr.Accordion("Segmentation (infrared and visible)", open=False, elem_id="fusion-labels-box"):
            self.opacity = Fader(0, 1, 0.5, step=0.05, label="Overlay", elem_id="fusion-opacity", buttons=[])
            self.labels = gr.Image(label="Classes over the result", elem_id="fusion-labels", **STILL)
            self.legend = gr.HTML("", elem_id="fusion-legend")
        with gr.Accordion("Table curves (table engine)", open=False, elem_id="fusion-curves-box"):
            self.curves = gr.LinePlot(x="grey", y="weight", color="frame", x_lim=[0, 255], height=240,
                                      elem_id="fusion-curves", label="Weight by grey level")
        with gr.Accordion("Metrics", open=False, elem_id="fusion-metrics-box"):
            self.measure = gr.Button("Measure this result", size="sm", elem_id="fusion-measure")
            self.metrics = gr.HTML("", elem_id="fusion-metrics")
        with gr.Accordion("Zoom", open=False, elem_id="fusion-zoom-box"):
            gr.HTML('<div class="hint">Click the picture: the same region of every frame, of the result and of every '
                    "weight map.</div>")
            self.factor = gr.Radio([("100 %", 1.0), ("200 %", 2.0), ("400 %", 4.0)], value=2.0, label="Zoom",
                                   elem_id="fusion-zoom")
            self.target = gr.Image(label="Result", elem_id="fusion-zoom-target", height=300, **STILL)
            self.regions = gr.Gallery(label="The region", columns=4, elem_id="fusion-regions", **STILL)
            self.point = gr.State(None)
        with gr.Accordion("Export and restore", open=False, elem_id="fusion-export-box"):
            self.export = gr.Button("Export PNG and recipe", size="sm", elem_id="fusion-export")
            self.exported = gr.File(label="Picture with its recipe inside, and the recipe as YAML", interactive=False,
                                    file_count="multiple", elem_id="fusion-exported")
            self.drop = gr.File(label="Drop an exported picture or a recipe to restore its settings",
                                file_types=[".png", ".yaml", ".yml", ".json", ".jpg", ".jpeg", ".webp"], height=110,
                                elem_id="recipe-drop")
            self.restored = gr.HTML("", elem_id="fusion-restored")

    def _build_options(self) -> None:
        default = FusionOptions()
        with gr.Row():
            self.engine = gr.Dropdown(engine_choices(self.task.value), value="net", label="Engine",
                                      elem_id="fusion-engine")
            self.operator = gr.Radio([(OPERATOR_TITLES[one], one) for one in OPERATORS], value=default.operator,
                                     label="Table operator", interactive=False, info="needs the table engine",
                                     elem_id="fusion-operator")
            self.table_kind = gr.Radio(list(TABLE_KINDS), value=default.table_kind, label="Tables", interactive=False,
                                       info="needs the table engine", elem_id="fusion-table-kind")
        with gr.Row():
            self.detail = Fader(0, 2, 1, step=0.01, label="Detail", info="1 leaves it as it is", buttons=[],
                                elem_id="fusion-detail")
            self.residual = Fader(0, 1.5, 1, step=0.01, label="Residual", info="added by the network",
                                  elem_id="fusion-residual", buttons=[])
            self.saturation = Fader(0, 1.5, 1, step=0.01, label="Saturation", elem_id="fusion-saturation", buttons=[])
        with gr.Row():
            self.gains = [
                Fader(-2, 2, 0, step=0.05, label=f"Frame {index + 1}, EV", elem_id=f"fusion-gain-{index}",
                      interactive=index < 2, min_width=120, buttons=[])
                for index in range(MOST_FRAMES)
            ]
        with gr.Row():
            self.deghost = gr.Checkbox(False, label="Reject moving things", elem_id="fusion-deghost",
                                       info="needs exposures and the network", interactive=self.task.value == "mef")
            self.polarity = gr.Radio([("white", "white"), ("black", "black")], value="white", label="Hot is",
                                     elem_id="fusion-polarity", interactive=self.task.value == "ivis",
                                     info="needs a thermal frame")
            self.fit = gr.Radio([("refuse", "ask"), ("centre crop", "crop"), ("register", "register")], value="ask",
                                label="Frames of unlike shape", elem_id="fusion-fit")

    def _build_presets(self) -> None:
        self.shipped = shipped_presets(self.family)
        with gr.Accordion("Presets", open=False, elem_id="fusion-desk-presets-box"):
            self.preset = gr.Dropdown(list(self.shipped), value="house mix", label="Preset", allow_custom_value=True,
                                      elem_id="fusion-desk-preset", info="type a name to save the desk under it")
            with gr.Row(elem_classes="tight"):
                self.save = gr.Button("Save", size="sm", min_width=60, elem_id="fusion-desk-save")
                self.delete = gr.Button("Delete", size="sm", min_width=60, elem_id="fusion-desk-delete")
        # Presets are nobody's secret: the fixed secret only keeps them readable after a restart.
        self.own = gr.BrowserState({}, storage_key="mixdeck.presets.v1", secret="mixdeck")

    def _build_scores(self) -> None:
        with gr.Accordion("Scores", open=False, elem_id="fusion-desk-scores-box"):
            self.scores = gr.HTML(drawing.score_table(score_columns(self.workshop.assets, self.family), "task"),
                                  elem_id="fusion-desk-scores")
            self.score = gr.Button("Score this mix", size="sm", elem_id="fusion-desk-score")

    def _build_recipe(self) -> None:
        with gr.Accordion("Recipe", open=False, elem_id="fusion-desk-recipe-box"):
            self.yaml = gr.Code("", language="yaml", lines=8, max_lines=22, interactive=True, label="Recipe",
                                elem_id="fusion-desk-recipe", buttons=["copy", "download"])
            self.use_yaml = gr.Button("Use this", size="sm", elem_id="fusion-desk-use")

    # --- events

    @property
    def _settings(self) -> list[Any]:
        return [self.engine, self.operator, self.table_kind, self.detail, self.residual, self.saturation, *self.gains,
                self.deghost, self.polarity, self.fit, self.swap, self.align]

    def _wire(self) -> None:
        panel = self.panel
        self.inputs = {self.task, self.files, self.left, self.opacity, self.shown, self.drawn, self.example,
                       self.factor, self.point, *self._settings, *panel.controls, panel.apply, panel.slot,
                       panel.slots, panel.history, panel.relative, self.preset, self.own, self.yaml,
                       self.drop}  # fmt: skip
        self.pictures = [self.version, self.out, self.left, self.notices, self.weights, self.labels, self.legend,
                         self.curves, self.target, self.regions, self.metrics, self.yaml, self.shown, self.drawn,
                         self.gallery, *self.gains, *panel.memory_components, panel.stages_box,
                         panel.mask_counts]  # fmt: skip
        self.desk_outputs = [*panel.shown_components, *panel.memory_components, panel.slots, panel.relative]
        faders = [one for one in (*panel.faders, self.detail, self.residual, self.saturation, *self.gains)]
        plain = [one for one in (*panel.switches, self.operator, self.table_kind, self.deghost, self.polarity, self.fit,
                                 self.swap, self.align) if one not in (panel.method, panel.mask_mode)]  # fmt: skip
        self._wire_marks(faders, plain)
        self._wire_runs(faders, plain)
        self._wire_desk()
        self._wire_views()

    def _wire_marks(self, faders: list[Any], plain: list[Any]) -> None:
        panel = self.panel
        moved = [one.input for one in (*faders, *plain, panel.method, panel.mask_mode, self.engine, self.task,
                                       panel.slot, panel.relative)]  # fmt: skip
        pressed = [panel.undo.click, panel.redo.click, panel.reset.click, self.run.click]
        gr.on([*moved, *pressed], None, js="() => window.mixdeck?.stale('fusion')", trigger_mode="multiple",
              **BESIDE_QUEUE)

    def _wire_runs(self, faders: list[Any], plain: list[Any]) -> None:
        runs = [
            gr.on([*(one.release for one in faders), *(one.input for one in plain)], told(self.commit), self.inputs,
                  self.pictures, trigger_mode="always_last", show_progress="hidden", **ON_DEVICE),
            self.run.click(told(self.force), self.inputs, self.pictures, trigger_mode="once",
                           show_progress_on=[self.out], **ON_DEVICE),
        ]  # fmt: skip
        drag = gr.on([one.input for one in faders], told(self.preview), self.inputs,
                     [self.version, self.out, self.drawn], trigger_mode="always_last", **BESIDE_QUEUE)
        self.runs = runs
        for run in (drag, *runs):
            self._then_settle(run)
        self.stop.click(told(self.halt), None, [self.version], cancels=runs, **BESIDE_QUEUE)

    def _then_run(self, event: Any) -> None:
        """After an event that moved widgets from Python, which fires nothing by itself."""
        run = event.success(told(self.commit), self.inputs, self.pictures, show_progress="hidden", **ON_DEVICE)
        self.runs.append(run)
        self._then_settle(run)

    def _then_settle(self, run: Any) -> None:
        """Answers may arrive in another order than they were made: look once more at what is on the page."""
        run.then(told(self.settle), self.inputs, [self.version, self.out, self.drawn], **BESIDE_QUEUE)

    def _wire_desk(self) -> None:
        panel = self.panel
        first: dict[str, Any] = {"trigger_mode": "always_last", **BESIDE_QUEUE}
        mine: dict[str, Any] = {"inputs": self.inputs, "outputs": self.desk_outputs}
        events = [
            panel.method.input(told(panel.when_method_changes), **mine, **first),
            panel.mask_mode.input(told(lambda values: panel.fitted_mask(values[panel.mask_mode])), **mine, **first),
            panel.relative.release(told(panel.when_relative_moves), **mine, **first),
            panel.slot.input(told(panel.when_slot_changes), **mine, **first),
            panel.undo.click(told(lambda values: panel.when_undone(values[panel.history], -1)), **mine, **BESIDE_QUEUE),
            panel.redo.click(told(lambda values: panel.when_undone(values[panel.history], 1)), **mine, **BESIDE_QUEUE),
            panel.reset.click(told(lambda: panel.shown(self.family.default)), None, self.desk_outputs, **BESIDE_QUEUE),
            self.preset.input(told(self.when_preset_chosen), **mine, **first),
            self.engine.input(told(self.when_engine_changes), self.inputs, self._settings, **first),
        ]
        for event in events:
            self._then_run(event)
        panel.pin.click(told(panel.when_pinned), self.inputs, [panel.slots], **BESIDE_QUEUE)
        self.save.click(told(self.when_saved), self.inputs, [self.own, self.preset], **BESIDE_QUEUE)
        self.delete.click(told(self.when_deleted), self.inputs, [self.own, self.preset], **BESIDE_QUEUE)
        self.score.click(told(self.when_scored), self.inputs, [self.scores], show_progress_on=[self.scores],
                         **ON_DEVICE)

    def _wire_views(self) -> None:
        source = [self.task, self.files, self.example, self.gallery, *self._settings, *self.desk_outputs]
        restored = [*source, self.restored]
        self._then_run(self.example_menu.select(told(self.when_example_chosen), None, source, trigger_mode="once",
                                                **BESIDE_QUEUE))
        self._then_run(self.task.input(told(self.when_task_changes), self.inputs, source, trigger_mode="always_last",
                                       **BESIDE_QUEUE))
        self._then_run(self.files.upload(told(self.when_uploaded), self.inputs, source, trigger_mode="always_last",
                                         **BESIDE_QUEUE))
        self._then_run(self.use_yaml.click(told(self.when_yaml_used), self.inputs, restored, **BESIDE_QUEUE))
        self._then_run(self.drop.upload(told(self.when_dropped), self.inputs, restored, trigger_mode="always_last",
                                        **BESIDE_QUEUE))
        view: dict[str, Any] = {"trigger_mode": "always_last", **BESIDE_QUEUE}
        self.left.input(told(self.when_left_changes), self.inputs, [self.out], **view)
        self.opacity.release(told(self.when_opacity_moves), self.inputs, [self.labels], **view)
        self.target.select(told(self.when_pointed), self.inputs, [self.point, self.regions], **view)
        self.factor.input(told(self.when_zoomed), self.inputs, [self.regions], **view)
        self.measure.click(told(self.when_measured), self.inputs, [self.metrics], show_progress_on=[self.metrics],
                           **BESIDE_QUEUE | {"show_progress": "minimal"})
        self.export.click(told(self.when_exported), self.inputs, [self.exported], **BESIDE_QUEUE)

    # --- values to jobs

    def job(self, values: Values) -> Job:
        """What the page asks for."""
        paths = tuple(values[self.files] or ())
        options = self.options(values, len(paths))
        return Job(paths[::-1] if values[self.swap] else paths, options, self.panel.recipe(values),
                   values[self.align], values[self.fit])

    def options(self, values: Values, count: int) -> FusionOptions:
        """The settings that have a meaning for the task and the engine; the others at their defaults."""
        default = FusionOptions()
        task, engine = values[self.task], values[self.engine]
        gains = tuple(values[one] for one in self.gains[:count])
        return FusionOptions(
            task=task,
            engine=engine,
            operator=values[self.operator] if engine == "lut" else default.operator,
            table_kind=values[self.table_kind] if engine == "lut" else default.table_kind,
            detail=values[self.detail],
            residual=values[self.residual] if engine == "net" else default.residual,
            saturation=values[self.saturation],
            gains=gains if any(gains) and engine in ("net", "lut") else (),
            deghost=values[self.deghost] and task == "mef" and engine == "net",
            polarity=values[self.polarity] if task == "ivis" else default.polarity,
        )

    # --- runs

    def commit(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """After a release or a choice; in Manual only Run runs, and the mark on the picture stays."""
        if values[self.panel.apply] == "Manual":
            yield {self.version: gr.skip()}
            return
        yield from self.force(request, values)

    def force(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """One full run; writes only if no later run of this visitor has written and none was stopped."""
        visitor, turn = visitor_of(request), self.workshop.turns.take()
        job = self.job(values)
        result, is_kept = self.bench.result(job)
        pictures = self.pictured(job, result, values, is_kept)
        is_mine = self.workshop.turns.may_write(visitor, turn)
        yield pictures | self._committed(values, job) if is_mine else {self.version: gr.skip()}

    @property
    def on_load(self) -> Any:
        """The first example, run when a page is opened."""
        return told(self._opened)

    def _opened(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        if values[self.files]:
            yield from self.force(request, values)
        else:
            yield {self.version: gr.skip()}

    def preview(self, request: gr.Request, values: Values) -> Updates:
        """While a fader is held: fewer pixels, the picture only. Gives way to any later run."""
        if values[self.panel.apply] != "Live" or not values[self.files]:
            return {self.version: gr.skip()}
        turn = self.workshop.turns.take()
        job = self.job(values)
        if values[self.shown] == job:
            return {self.version: gr.skip()}
        result, _ = self.bench.result(job.preview())
        if not self.workshop.turns.is_current(visitor_of(request), turn):
            return {self.version: gr.skip()}
        label = version_label(about(job, result, False), is_preview=True)
        return {self.version: label, self.out: self._pair(job, result, values), self.drawn: (job, True)}

    def settle(self, values: Values) -> Updates:
        """A picture of other settings than the page's is marked; a late preview gives way to the full result."""
        if values[self.drawn] is None:
            return {self.version: gr.skip()}
        (job, is_preview), asked = values[self.drawn], self.job(values)
        if job != asked:
            result, _ = self.bench.result(job.preview() if is_preview else job)
            return {self.version: version_label(about(job, result, False), is_preview, is_stale=True)}
        if not is_preview or values[self.shown] != asked:
            return {self.version: gr.skip()}
        result, is_kept = self.bench.result(asked)
        label = version_label(about(asked, result, is_kept))
        return {self.version: label, self.out: self._pair(asked, result, values), self.drawn: (asked, False)}

    def halt(self, request: gr.Request) -> Updates:
        """Nothing that runs now will write; the picture keeps its mark."""
        self.workshop.turns.stop(visitor_of(request))
        return {self.version: gr.skip()}

    def _committed(self, values: Values, job: Job) -> Updates:
        history: History = values[self.panel.history]
        title = "Stages (curved)" if job.recipe.blocks else "Stages (flat)"
        return self.panel.remembered(history.with_commit(job.recipe)) | {
            self.shown: job,
            self.drawn: (job, False),
            self.panel.stages_box: gr.update(label=title),
            self.panel.mask_counts: self._mask_counts(job),
        }

    def _mask_counts(self, job: Job) -> str:
        if job.recipe.masks.mode == "off" or job.options.engine != "net":
            return ""
        return mask_line(self.bench.cache.arena(self.family).mask_report(job.recipe))

    def pictured(self, job: Job, result: FusionResult, values: Values, is_kept: bool) -> Updates:
        """Everything on the page that belongs to a result."""
        count = len(self.bench.frames(job).images)
        choices = left_choices(job, count)
        left = values[self.left] if values[self.left] in [value for _, value in choices] else "frame 1"
        updates: Updates = {
            self.version: version_label(about(job, result, is_kept)),
            self.left: gr.update(choices=choices, value=left),
            self.out: self._pair(job, result, {**values, self.left: left}),
            self.notices: notice_lines(result.notices),
            self.weights: weight_gallery(result, self.bench.frames(job).names),
            self.curves: drawing.curve_table(result.tables) if result.tables is not None else None,
            self.target: result.fused,
            self.regions: None,
            self.metrics: "",
            self.yaml: self.document_text(job),
            self.gallery: self._frame_gallery(job),
        }
        updates |= {one: gr.update(interactive=index < count) for index, one in enumerate(self.gains)}
        return updates | self._labelled(result, values[self.opacity])

    def _pair(self, job: Job, result: FusionResult, values: Values) -> tuple[Any, Any]:
        other, base = self.panel.other_slot(values), base_recipe(self.family)
        return self.bench.beside(job, values[self.left], other, base), result.fused

    def _labelled(self, result: FusionResult, opacity: float) -> Updates:
        if result.labels is None:
            text = '<div class="reason">Only the mixed network on infrared and visible frames names what it sees.</div>'
            return {self.labels: None, self.legend: text}
        picture = drawing.overlay(result.fused, result.labels, CLASS_COLOURS, opacity)
        return {self.labels: picture, self.legend: drawing.class_legend(result.labels, CLASS_NAMES, CLASS_COLOURS)}

    def _frame_gallery(self, job: Job) -> list[tuple[Any, str]]:
        frames, slots = self.bench.frames(job), TASKS[job.options.task].slots
        is_pair = len(slots) == 2
        titles = [slots[k] if is_pair else f"{slots[0]} {k + 1}" for k in range(len(frames.images))]
        pairs = zip(frames.images, titles, frames.names, strict=True)
        return [(thumbnail(to_bytes(image)), f"{title}: {name}") for image, title, name in pairs]

    # --- handlers of the desk's neighbours

    def when_preset_chosen(self, values: Values) -> Updates:
        """A known preset goes on the desk; a new name waits for Save."""
        name, own = values[self.preset], values[self.own] or {}
        if name in self.shipped:
            return self.panel.shown(self.shipped[name])
        if name in own:
            return self.panel.shown(recipe_from_dict(own[name], self.family.tasks))
        gr.Info("No preset has that name yet; Save keeps the desk under it.")
        return {self.panel.relative: gr.skip()}

    def when_saved(self, values: Values) -> Updates:
        """The desk under the typed name, in this browser."""
        name, own = str(values[self.preset] or "").strip()[:60], dict(values[self.own] or {})
        if not name or name in self.shipped:
            raise UserError("Type a name of your own into Preset first; the shipped ones stay as they are.", "No name")
        if len(own) >= 50 and name not in own:
            raise UserError("There are 50 presets of your own. Delete one first.", "No room")
        own[name] = recipe_to_dict(self.panel.recipe(values))
        return {self.own: own, self.preset: gr.update(choices=[*self.shipped, *own], value=name)}

    def when_deleted(self, values: Values) -> Updates:
        """A preset of one's own is forgotten."""
        name, own = values[self.preset], dict(values[self.own] or {})
        if name not in own:
            raise UserError("Only presets of your own can be deleted.", "Not deleted")
        del own[name]
        return {self.own: own, self.preset: gr.update(choices=[*self.shipped, *own], value="house mix")}

    def when_scored(self, values: Values) -> Updates:
        """The desk's mix on every task's probe scenes."""
        from pipelines.fusion.probe import score_recipe

        recipe = self.panel.recipe(values)
        columns = score_columns(self.workshop.assets, self.family)
        columns["this mix"] = score_recipe(self.bench.cache, self.family, recipe)
        note = f'<div class="hint">this mix: {html.escape(describe(recipe))}</div>'
        return {self.scores: drawing.score_table(columns, "task") + note}

    # --- handlers of the inputs

    def when_example_chosen(self, event: gr.SelectData) -> Updates:
        """Frames, task and mix of an example."""
        return self.with_example(self.examples[event.index])

    def with_example(self, example: Example) -> Updates:
        """The page as an example wants it."""
        recipe = self.family.default
        if example.recipe:  # names its expert; at full strength unless it says otherwise
            recipe = recipe_from_dict({"scale": 1.0, **example.recipe}, self.family.tasks)
        return self._with_task(example.task) | self.panel.shown(recipe) | {
            self.task: example.task,
            self.files: gr.update(value=[str(path) for path in example.frames], label=slots_label(example.task)),
            self.example: example.slug,
            self.gallery: [(str(path), path.name) for path in example.frames],
            self.swap: False,
        }

    def when_task_changes(self, values: Values) -> Updates:
        """Own frames stay; an example gives way to the first one of the new task."""
        task = values[self.task]
        first = next((one for one in self.examples if one.task == task), None)
        if first and (values[self.example] or not values[self.files]):
            return self.with_example(first)
        return self._with_task(task) | {self.files: gr.update(label=slots_label(task))}

    def when_uploaded(self, values: Values) -> Updates:
        """Own frames: the page forgets the example."""
        return {self.example: "", self.gallery: [(path, Path(path).name) for path in values[self.files] or ()]}

    def when_engine_changes(self, values: Values) -> Updates:
        """Settings the engine does not use are disabled, with the engine that would use them in their info."""
        return self._with_engine(values[self.engine], values[self.task])

    def _with_task(self, task: str) -> Updates:
        engines = engine_choices(task)
        return self._with_engine("net", task) | {
            self.engine: gr.update(choices=engines, value="net"),
            self.polarity: gr.update(interactive=task == "ivis"),
        }

    def _with_engine(self, engine: str, task: str) -> Updates:
        is_net, is_lut = engine == "net", engine == "lut"
        return {
            self.operator: gr.update(interactive=is_lut),
            self.table_kind: gr.update(interactive=is_lut),
            self.residual: gr.update(interactive=is_net),
            self.deghost: gr.update(interactive=is_net and task == "mef"),
        }

    # --- recipes in and out

    def document_text(self, job: Job) -> str:
        """The recipe of a job as YAML."""
        from pipelines.shared.recipe_file import dump_yaml

        return dump_yaml(document_of(job, self.bench.frames(job), self.family.name))

    def when_yaml_used(self, values: Values) -> Updates:
        """The text of the recipe box, checked, on the page."""
        return self._restored(values[self.yaml] or "")

    def when_dropped(self, values: Values) -> Updates:
        """An exported picture or a recipe file, checked, on the page."""
        return self._restored(restore(Path(values[self.drop])))

    def _restored(self, text: str) -> Updates:
        recipe, options, is_aligned, report = parse(text, self.family)
        updates = self._with_task(options.task) | self._with_engine(options.engine, options.task)
        updates |= self.panel.shown(recipe) | self._options_shown(options) | {self.align: is_aligned}
        updates |= {self.task: options.task, self.files: gr.update(label=slots_label(options.task))}
        gr.Success("Settings restored. " + html.escape(" ".join(report)))
        return updates | {self.restored: notice_lines(("Restored.", *report))}

    def _options_shown(self, options: FusionOptions) -> Updates:
        default_gains = (*options.gains, *(0.0,) * MOST_FRAMES)[:MOST_FRAMES]
        is_lut, is_net = options.engine == "lut", options.engine == "net"
        return {
            self.engine: gr.update(choices=engine_choices(options.task), value=options.engine),
            self.operator: gr.update(value=options.operator, interactive=is_lut),
            self.table_kind: gr.update(value=options.table_kind, interactive=is_lut),
            self.detail: options.detail,
            self.residual: gr.update(value=options.residual, interactive=is_net),
            self.saturation: options.saturation,
            self.deghost: gr.update(value=options.deghost, interactive=is_net and options.task == "mef"),
            self.polarity: gr.update(value=options.polarity, interactive=options.task == "ivis"),
            **dict(zip(self.gains, default_gains, strict=True)),
        }

    def when_exported(self, values: Values) -> Updates:
        """The picture that is shown, with its recipe inside, and the recipe beside it."""
        job = self._shown_job(values)
        folder = Path(self.exported.GRADIO_CACHE)
        result, _ = self.bench.result(job)
        return {self.exported: write_export(result.fused, self.document_text(job), job.key[:8], folder)}

    # --- handlers of the views

    def _shown_job(self, values: Values) -> Job:
        job: Job | None = values[self.shown]
        if job is None:
            raise UserError("There is no result yet: press Run first.", "Nothing to show")
        return job

    def when_left_changes(self, values: Values) -> Updates:
        """Another picture to compare with; the result stays."""
        job = self._shown_job(values)
        return {self.out: self._pair(job, self.bench.result(job)[0], values)}

    def when_opacity_moves(self, values: Values) -> Updates:
        """The overlay at another strength."""
        if values[self.shown] is None:
            return {self.labels: None}
        labelled = self._labelled(self.bench.result(values[self.shown])[0], values[self.opacity])
        return {self.labels: labelled[self.labels]}

    def when_pointed(self, event: gr.SelectData, values: Values) -> Updates:
        """The region around a click."""
        point = (int(event.index[0]), int(event.index[1]))
        return {self.point: point, self.regions: self._regions(self._shown_job(values), point, values[self.factor])}

    def when_zoomed(self, values: Values) -> Updates:
        """The same region at another zoom."""
        if values[self.point] is None or values[self.shown] is None:
            return {self.regions: None}
        return {self.regions: self._regions(values[self.shown], values[self.point], values[self.factor])}

    def _regions(self, job: Job, point: tuple[int, int], zoom: float) -> list[tuple[Any, str]]:
        frames, (result, _) = self.bench.frames(job), self.bench.result(job)
        size_hw = result.fused.shape[:2]
        named = [(to_bytes(image), name) for image, name in zip(frames.images, frames.names, strict=True)]
        maps = [(drawing.resized(drawing.heat_map(plane), size_hw), f"weight {k + 1}")
                for k, plane in enumerate(result.weights)]  # fmt: skip
        return [(drawing.region(image, point, zoom), name) for image, name in (*named, (result.fused, "result"), *maps)]

    def when_measured(self, values: Values) -> Updates:
        """The field's metrics of the result beside two classical methods."""
        from pipelines.fusion.metrics import score

        job = self._shown_job(values)
        frames = [to_bytes(image) for image in self.bench.frames(job).images]
        rivals = {"average": "average", "Laplacian": "laplacian"} | ({"Mertens": "mertens"} if len(job.paths) > 2 or
                                                                     job.options.task == "mef" else {})  # fmt: skip
        columns = {"this result": score(self.bench.result(job)[0].fused, frames, job.options.task)}
        for title, engine in rivals.items():
            columns[title] = score(self.bench.result(job.by_engine(engine))[0].fused, frames, job.options.task)
        return {self.metrics: drawing.score_table(columns)}


# --- words


def slots_label(task: str) -> str:
    """What the upload box asks for."""
    record = TASKS[task]
    if len(record.slots) == 2:
        return f"Two frames: {record.slots[0]}, then {record.slots[1]}"
    return f"2 to {record.most_frames} frames, any order"


def engine_choices(task: str) -> list[tuple[str, str]]:
    """Engines that can fuse a task: tables and Mertens weigh exposures."""
    only_exposures = () if task == "mef" else ("lut",)
    return [(title, name) for name, title in ENGINE_TITLES.items() if name not in only_exposures]


def left_choices(job: Job, count: int) -> list[tuple[str, str]]:
    """What the result can be compared with."""
    slots = TASKS[job.options.task].slots
    frames = [(slots[k] if len(slots) == 2 else f"{slots[0]} {k + 1}", f"frame {k + 1}") for k in range(count)]
    engines = [(title, name) for title, name in engine_choices(job.options.task) if name != "net"]
    mixes = [("Base network", "base"), ("Other slot (A | B)", "other")]
    return [*frames, *mixes, *engines]


def about(job: Job, result: FusionResult, is_kept: bool) -> str:
    """One line on a result: version, mix, bytes moved, time."""
    run, engine = result.run, job.options.engine
    mix = describe(job.recipe) if engine == "net" else ENGINE_TITLES[engine]
    parts = [f"<b>v{run.weights_version}</b>" if engine == "net" else "", html.escape(mix)]
    if run.bytes_moved:
        parts.append(f"{run.bytes_moved / 1e6:.1f} MB moved")
    parts.append(f"{run.seconds.get('total', 0.0):.2f} s")
    if is_kept:
        parts.append("cached")
    return " · ".join(part for part in parts if part)


def version_label(text: str, is_preview: bool = False, is_stale: bool = False) -> str:
    """What the picture shows, and the hidden words that a newer setting turns on."""
    kind = "preview · " if is_preview else ""
    pending = '<span class="pending">· newer settings pending</span>'
    mark = " stale" if is_stale else ""
    return f'<div class="version{mark}" role="status">{kind}{text} {pending}</div>'


def mask_line(report: MaskReport) -> str:
    """What the masks keep, as shares of all merged weights."""
    kept = " · ".join(f"{html.escape(task)} keeps {share:.0%}" for task, share in report.density.items())
    shared = max(0.0, report.union - report.selfish)
    return (
        f'<div class="hint">{kept}<br>by any {report.union:.0%} · shared {shared:.0%} · selfish {report.selfish:.0%} · '
        f"used by none {report.catastrophic:.0%}</div>"
    )


def notice_lines(notices: tuple[Any, ...]) -> str:
    """What the readers or a restore had to say."""
    lines = [(getattr(one, "level", "info"), getattr(one, "text", str(one))) for one in notices]
    return f'<div class="notices">{"".join(f"<p class={level}>{html.escape(text)}</p>" for level, text in lines)}</div>'


def weight_gallery(result: FusionResult, names: tuple[str, ...]) -> list[tuple[Any, str]]:
    """A heat map per frame, at the result's size."""
    size_hw = result.fused.shape[:2]
    maps = (drawing.resized(drawing.heat_map(plane), size_hw) for plane in result.weights)
    return [(picture, f"{k + 1}: {name}") for k, (picture, name) in enumerate(zip(maps, names, strict=True))]


def thumbnail(image: Any, side_px: int = 240) -> Any:
    """At most `side_px` high, (H, W, 3) uint8."""
    height, width = image.shape[:2]
    factor = min(1.0, side_px / height)
    return drawing.resized(image, (max(1, round(height * factor)), max(1, round(width * factor))))


def warm(workshop: Workshop) -> None:
    """Import torch and load the family."""
    workshop.cache.arena(family("fusenet"))


FUSION = Tab("fusion", "Fusion", FusionTab, warm)
