"""Views of a fused picture: the weight of each frame, a region enlarged, the field's metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from demos import drawing
from demos.fusion_words import pixel_line
from demos.sight import SAVE, STILL, Sight, Updates, Values
from demos.stills import StillGallery, StillImage
from demos.tab import BESIDE_QUEUE, Turns, told, visitor_of
from demos.words import hint
from pipelines.shared.images import resized, to_bytes

if TYPE_CHECKING:
    from demos.fusion_bench import Job
    from pipelines.fusion.pipeline import FusionResult

VIEW_PX = 320  # height of one weight map on the page
RIVALS, MEF_RIVALS = {"average": "average", "Laplacian": "laplacian"}, {"Mertens": "mertens"}  # title -> engine
REGION_PX, REGIONS_ACROSS = 176, 3
CHOSEN: dict[str, Any] = {"trigger_mode": "always_last", **BESIDE_QUEUE}


class WeightView:
    """A heat map per frame; a click tells the arithmetic of that pixel."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        with gr.Accordion("Weight maps", open=False, elem_id="fusion-weights-box"):
            gr.HTML(drawing.heat_legend())
            self.maps = StillImage(
                label="Weight of each frame", elem_id="fusion-weights", show_label=False, buttons=SAVE, **STILL
            )
            self.names = gr.HTML("", elem_id="fusion-weights-names")
            self.line = gr.HTML(
                hint("Click a map: what each frame has there, its weight, and the result."), elem_id="fusion-pixel"
            )
        self.controls: list[Any] = []
        self.outputs = [self.maps, self.names]

    def pictured(self, job: Job, result: FusionResult, values: Values) -> Updates:
        """The maps at the result's shape, at most VIEW_PX high."""
        mosaic = mosaic_of(result)
        names = self._sight.bench.frames(job).names
        legend = hint(" · ".join(f"{k + 1}: {name}" for k, name in enumerate(names)))
        maps = [resized(drawing.heat_map(plane), mosaic.size_hw) for plane in result.weights]
        return {self.maps: mosaic.drawn(maps), self.names: legend}

    def wire(self, inputs: set[Any]) -> None:
        self.maps.select(told(self.when_pointed), inputs, [self.line], **CHOSEN)

    def when_pointed(self, event: gr.SelectData, values: Values) -> Updates:
        """The clicked pixel as one line of arithmetic."""
        result = self._sight.result(values)
        place = mosaic_of(result).place((int(event.index[0]), int(event.index[1])))
        if place is None:
            return {self.line: gr.skip()}
        return {self.line: hint(self.arithmetic(self._sight.job(values), result, place))}

    def arithmetic(self, job: Job, result: FusionResult, place: tuple[float, float]) -> str:
        """The pixel at a place, 0 to 1 from left and top."""
        from pipelines.fusion.operators import luma
        from pipelines.fusion.polarity import oriented

        x, y = pixel_at(result.fused.shape, place)
        images, _ = oriented(self._sight.bench.frames(job).images, job.options)  # as the pipeline sees them
        greys = [float(one) for one in luma(images[:, y, x])]
        column, row = pixel_at(result.weights.shape[1:], place)
        entries = None
        if result.tables is not None and len(result.tables) == len(greys):
            codes = [int(255 * grey + 1e-4) for grey in greys]
            entries = [float(table[code]) for table, code in zip(result.tables, codes, strict=True)]
        fused = float(luma(result.fused[y, x][None])[0]) / 255
        return pixel_line((x, y), greys, [float(one) for one in result.weights[:, row, column]], fused, entries)


def mosaic_of(result: FusionResult) -> drawing.Mosaic:
    """How the weight maps of a result are laid out."""
    height, width = result.fused.shape[:2]
    factor = min(1.0, VIEW_PX / height)
    size_hw, count = (max(1, round(height * factor)), max(1, round(width * factor))), len(result.weights)
    return drawing.Mosaic(size_hw, count, columns=2 if count in (2, 4) else 3)


def pixel_at(size_hw: tuple[int, ...], place: tuple[float, float]) -> tuple[int, int]:
    """Column and row of a place, 0 to 1 from left and top."""
    height, width = size_hw[:2]
    return min(int(place[0] * width), width - 1), min(int(place[1] * height), height - 1)


class ZoomView:
    """The same region of every frame, of the result and of every weight map."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        with gr.Accordion("Zoom", open=False, elem_id="fusion-zoom-box"):
            gr.HTML(hint("Click the picture: the same region of every frame, of the result and of every weight map."))
            self.factor = gr.Radio(
                [("100 %", 1.0), ("200 %", 2.0), ("400 %", 4.0)], value=2.0, label="Zoom", elem_id="fusion-zoom"
            )
            self.target = StillImage(label="Result", elem_id="fusion-zoom-target", height=300, buttons=SAVE, **STILL)
            self.regions = StillGallery(
                label="The region",
                columns=REGIONS_ACROSS,
                elem_id="fusion-regions",
                object_fit="scale-down",
                height="auto",
                buttons=["fullscreen"],
                elem_classes="when-full",
                show_label=False,
                **STILL,
            )
            self.point = gr.State(None)
        self.controls = [self.factor, self.point]
        self.outputs = [self.target, self.regions]

    def pictured(self, job: Job, result: FusionResult, values: Values) -> Updates:
        """The result to point at; the region that was pointed at before, of the new result."""
        point = values[self.point]
        inside = point is not None and point[0] < result.fused.shape[1] and point[1] < result.fused.shape[0]
        regions = self._shown(job, point, values[self.factor]) if inside else None
        return {self.target: result.fused, self.regions: regions}

    def wire(self, inputs: set[Any]) -> None:
        self.target.select(told(self.when_pointed), inputs, [self.point, self.regions], **CHOSEN)
        self.factor.input(told(self.when_zoomed), inputs, [self.regions], **CHOSEN)

    def when_pointed(self, event: gr.SelectData, values: Values) -> Updates:
        """The region around a click."""
        point = (int(event.index[0]), int(event.index[1]))
        return {self.point: point, self.regions: self._shown(self._sight.job(values), point, values[self.factor])}

    def when_zoomed(self, values: Values) -> Updates:
        """The same region at another zoom."""
        if values[self.point] is None or values[self._sight.shown] is None:
            return {self.regions: None}
        return {self.regions: self._shown(self._sight.job(values), values[self.point], values[self.factor])}

    def _shown(self, job: Job, point: tuple[int, int], zoom: float) -> Any:
        """The regions, and a box that is as high as they are."""
        regions = self._regions(job, point, zoom)
        rows = -(-len(regions) // REGIONS_ACROSS)
        return gr.update(value=regions, height=rows * (REGION_PX + 16) + 24)

    def _regions(self, job: Job, point: tuple[int, int], zoom: float) -> list[tuple[Any, str]]:
        frames, (result, _) = self._sight.bench.frames(job), self._sight.bench.result(job)
        size_hw = result.fused.shape[:2]
        named = [(to_bytes(image), name) for image, name in zip(frames.images, frames.names, strict=True)]
        maps = [(resized(drawing.heat_map(plane), size_hw), f"weight {k + 1}")
                for k, plane in enumerate(result.weights)]  # fmt: skip
        shown = (*named, (result.fused, "result"), *maps)
        return [(drawing.region(image, point, zoom, REGION_PX), name) for image, name in shown]


class MetricView:
    """The field's metrics of the result beside classical methods, when asked for."""

    def __init__(self, sight: Sight, turns: Turns) -> None:
        self._sight, self._turns = sight, turns
        with gr.Accordion("Metrics", open=False, elem_id="fusion-metrics-box"):
            self.measure = gr.Button("Measure this result", size="sm", elem_id="fusion-measure")
            self.metrics = gr.HTML("", elem_id="fusion-metrics")
            self.measured = gr.State(None)  # the job that was measured, and its table
        self.controls: list[Any] = []
        self.outputs = [self.metrics]

    def pictured(self, job: Job, result: FusionResult, values: Values) -> Updates:
        """Numbers of an older result go."""
        return {self.metrics: ""}

    def wire(self, inputs: set[Any]) -> None:
        measured = self.measure.click(
            told(self.when_measured),
            inputs,
            [self.measured],
            **BESIDE_QUEUE | {"show_progress": "minimal", "show_progress_on": [self.metrics]},
        )
        measured.success(told(self.when_told), {self.measured, self._sight.shown}, [self.metrics], **CHOSEN)

    def when_told(self, values: Values) -> Updates:
        """The table, unless another result came to the page meanwhile."""
        job, table = values[self.measured]
        return {self.metrics: table if job == values[self._sight.shown] else gr.skip()}

    def when_measured(self, request: gr.Request, values: Values) -> Updates:
        """The result and its classical rivals, scored; given up as soon as another result is on the page."""
        from pipelines.fusion.measured import frames_at, measure, measured_size
        from pipelines.fusion.metrics import VIF_MIN_PX

        visitor, turn = visitor_of(request), self._turns.take()
        job, bench = self._sight.job(values), self._sight.bench
        result, frames = bench.result(job)[0].fused, bench.frames(job)
        size_hw = measured_size(result.shape)
        small, columns = frames_at(frames, size_hw), {}
        for title, engine in {"this result": "", **RIVALS, **(MEF_RIVALS if job.options.task == "mef" else {})}.items():
            picture = bench.rival(job, engine, small) if engine else result
            columns[title] = measure(picture, small, job.options)
            if not self._turns.is_current(visitor, turn):
                return {self.measured: (None, "")}
        note = hint(f"Measured at {size_hw[1]} × {size_hw[0]} pixels; larger pictures are reduced to 1 megapixel.")
        absent = {"vif": f"needs {VIF_MIN_PX} px"} if min(size_hw) < VIF_MIN_PX else {}
        return {self.measured: (job, drawing.score_table(columns, absent=absent) + note)}
