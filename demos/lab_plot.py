"""A chart on the page with its numbers and its files: PNG, SVG and PDF that carry the recipe."""

from __future__ import annotations

import hashlib
from pathlib import Path

import gradio as gr

from demos.exports import start_of
from demos.lab_charts import Chart, chart_table
from demos.lab_figures import page_svg, write_figure
from demos.paper import WIDTH_MM
from demos.sight import Updates, Values
from demos.tab import TELLING, told
from pipelines.shared.errors import UserError


class PlotView:
    """Picture, width and export of one chart, in the current layout.

    `is_folded`: the page has the numbers already; the picture stands with its files.
    """

    def __init__(self, name: str, is_folded: bool = False) -> None:
        self.name = name
        self.kept = gr.State(None)  # (chart, recipe text) that is on the page
        with gr.Column(visible=False, elem_id=f"lab-{name}-figure", elem_classes="tight") as self.box:
            self._build(name, is_folded)
        self.controls = [self.kept, self.width, self.blind]
        self.outputs = [self.box, self.picture, self.kept]

    def _build(self, name: str, is_folded: bool) -> None:
        if not is_folded:
            self._build_picture(name)
        title = "Figure and its files" if is_folded else "Figure files"
        with gr.Accordion(title, open=False, elem_id=f"lab-{name}-files-box"):
            if is_folded:
                self._build_picture(name)
            self.width = gr.Radio(list(WIDTH_MM), value=list(WIDTH_MM)[1], label="Width",
                                  elem_id=f"lab-{name}-width")  # fmt: skip
            self.blind = gr.Checkbox(False, label="Leave the recipe out (blind review)", container=False,
                                     elem_id=f"lab-{name}-blind")  # fmt: skip
            self.export = gr.Button("Export PNG, SVG and PDF", size="sm", elem_id=f"lab-{name}-export")
            self.files = gr.File(label="Figure with its recipe inside", file_count="multiple", interactive=False,
                                 elem_id=f"lab-{name}-files", elem_classes="when-full")  # fmt: skip

    def _build_picture(self, name: str) -> None:
        self.picture = gr.HTML("", elem_id=f"lab-{name}-plot", elem_classes="lab-plot")

    def drawn(self, chart: Chart, text: str) -> Updates:
        """The chart on the page."""
        numbers = f'<details class="hint"><summary>Numbers</summary>{chart_table(chart)}</details>'
        drawing = f'<div class="scroll-x">{page_svg(chart, self.name)}</div>'
        return {self.box: gr.update(visible=True), self.picture: drawing + numbers, self.kept: (chart, text)}

    def emptied(self) -> Updates:
        """No chart."""
        return {self.box: gr.update(visible=False), self.picture: "", self.kept: None}

    def wire(self) -> None:
        """The export needs only its own."""
        self.export.click(told(self.when_exported), set(self.controls), [self.files], **TELLING)

    def when_exported(self, values: Values) -> Updates:
        """Files of the chart that is shown."""
        if values[self.kept] is None:
            raise UserError("There is no figure yet: press Run first.", "Nothing to export")
        chart, text = values[self.kept]
        mark = hashlib.sha256(f"{chart!r}{text}".encode()).hexdigest()[:8]
        start = start_of("lab", mark, Path(self.files.GRADIO_CACHE))
        paths = write_figure(chart, None if values[self.blind] else text, start, WIDTH_MM[values[self.width]])
        return {self.files: paths}
