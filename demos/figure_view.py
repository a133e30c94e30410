"""The figure panel of a tab: sources, result and an enlarged region of each, captioned, as PNG, SVG and PDF."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from demos.exports import start_of
from demos.fader import Fader
from demos.figure_layout import Layout, Panel, compose, most_telling, region_around
from demos.paper import FORMATS, WIDTH_MM, save
from demos.sight import SAVE, STILL, Sight, Updates, Values
from demos.stills import StillImage
from demos.tab import BESIDE_QUEUE, TELLING, told
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from demos.mix_tab import MixTab

PREVIEW_DPI = 110
MOST_PIXELS = 24_000_000  # of a PNG
LAST: dict[str, Any] = {"trigger_mode": "always_last", **BESIDE_QUEUE}


class FigureView:
    """Choices, a live preview while the panel is open, and the files.

    Args:
        choices: (title, name) of what can stand in the figure; `chosen` are ticked at first.
        panels_of: (job, result, values, names) -> the panels, all of one size.
        caption_of: job -> what is said below them.
        point_of: values -> (x, y) px that was pointed at, or None.
        is_enlarged: whether a region is enlarged at first.
    """

    def __init__(
        self, tab: MixTab, sight: Sight, choices: Sequence[tuple[str, str]], chosen: Sequence[str],
        panels_of: Callable[[Any, Any, Values, Sequence[str]], list[Panel]], caption_of: Callable[[Any], str],
        point_of: Callable[[Values], tuple[int, int] | None], is_enlarged: bool = True,
    ) -> None:  # fmt: skip
        self._tab, self._sight = tab, sight
        self._panels_of, self._caption_of, self._point_of = panels_of, caption_of, point_of
        name = f"{tab.name}-figure"
        with gr.Accordion("Figure for a paper", open=False, elem_id=f"{name}-box") as self.box:
            self.parts = gr.CheckboxGroup(list(choices), value=list(chosen), label="Pictures", elem_id=f"{name}-parts")
            self._build_form(name, is_enlarged)
            self.caption = gr.Textbox("", label="Caption", lines=2, placeholder="left empty, the mix is told",
                                      elem_id=f"{name}-caption")  # fmt: skip
            self.picture = StillImage(
                label="Preview", show_label=False, elem_id=f"{name}-preview", buttons=SAVE, **STILL
            )
            self.make = gr.Button("Make figure", size="sm", elem_id=f"{name}-make")
            self.files = gr.File(label="The figure, with its recipe inside", interactive=False, visible=False,
                                 file_count="multiple", elem_id=f"{name}-files")  # fmt: skip
        self.is_open = gr.State(False)
        self._form: list[Any] = [
            self.parts, self.zoom, self.letters, self.clear, self.bare, self.width, self.dpi, self.kinds, self.caption
        ]  # fmt: skip
        self.controls: list[Any] = [*self._form, self.font, self.is_open]
        self.outputs: list[Any] = [self.picture, self.files]

    def _build_form(self, name: str, is_enlarged: bool) -> None:
        def tick(title: str, short: str, info: str, is_on: bool = False) -> gr.Checkbox:
            return gr.Checkbox(is_on, label=title, info=info, elem_id=f"{name}-{short}", min_width=150)

        with gr.Row():
            self.zoom = tick("Region, enlarged", "zoom", "where Zoom points, else where they differ most", is_enlarged)
            self.bare = tick("No recipe inside", "bare", "for blind review")
        with gr.Row():
            self.letters = tick("Letters", "letters", "(a), (b), …", True)
            self.clear = tick("Clear ground", "clear", "else white")
        with gr.Row():
            self.width = gr.Radio(list(WIDTH_MM.items()), value=178.0, label="Width", elem_id=f"{name}-width",
                                  min_width=220)  # fmt: skip
            self.font = Fader(6, 12, 8, step=0.5, label="Font, pt", elem_id=f"{name}-font", buttons=[], min_width=180)
        with gr.Row():
            self.dpi = gr.Radio([150, 300, 600], value=300, label="PNG, dpi", elem_id=f"{name}-dpi", min_width=180)
            self.kinds = gr.CheckboxGroup([(kind.upper(), kind) for kind in FORMATS], value=list(FORMATS),
                                          label="Files", elem_id=f"{name}-kinds", min_width=180)  # fmt: skip

    def pictured(self, job: Any, result: Any, values: Values) -> Updates:
        """Files of an older result go; the preview follows while the panel is open."""
        return self._preview(values, job, result) if values[self.is_open] else {self.files: _hidden()}

    def wire(self, inputs: set[Any]) -> None:
        self.box.expand(told(self.when_opened), inputs, [*self.outputs, self.is_open], **LAST)
        self.box.collapse(lambda: False, None, [self.is_open], **LAST)
        events = [*(one.input for one in self._form), self.font.release]
        gr.on(events, told(self.when_changed), inputs, self.outputs, **LAST)
        self.make.click(told(self.when_made), inputs, self.outputs, **TELLING)

    def when_opened(self, values: Values) -> Updates:
        """The preview, from now on live."""
        return {self.is_open: True} | self.when_changed(values)

    def when_changed(self, values: Values) -> Updates:
        """The preview of the result that is shown."""
        if values[self._sight.shown] is None:
            return {self.picture: None}
        return self._preview(values, self._sight.job(values), self._sight.result(values))

    def when_made(self, values: Values) -> Updates:
        """The figure in the formats that are ticked."""
        job, result = self._sight.job(values), self._sight.result(values)
        kinds = [kind for kind in FORMATS if kind in (values[self.kinds] or ())]
        if not kinds:
            raise UserError("Tick PNG, SVG or PDF first.", "No format")
        panels, layout = self._composed(values, job, result)
        text = None if values[self.bare] else self._tab.document_text(job)
        how = (values[self.dpi], values[self.clear], values[self.bare])
        start = start_of(f"{self._tab.name}-figure", _mark(job, panels, layout, how), Path(self.files.GRADIO_CACHE))
        paths = [start.with_suffix(f".{kind}") for kind in kinds]
        for path, kind in zip(paths, kinds, strict=True):
            self._save(panels, layout, path, kind, text, values)
        files = gr.update(value=[str(path) for path in paths], visible=True)
        return {self.files: files, self.picture: self._drawn(panels, layout)}

    def _save(
        self, panels: list[Panel], layout: Layout, path: Path, kind: str, text: str | None, values: Values
    ) -> None:
        """One file; colours of a PNG are smoothed where it is smaller than its pictures."""
        dpi = int(values[self.dpi])
        if kind == "png":
            check_size(panels, layout, dpi)
        draw = partial(compose, panels, layout, "antialiased" if kind == "png" else "none")
        save(draw, path, kind, text, self._caption_of(self._sight.job(values)), dpi, bool(values[self.clear]))

    def _preview(self, values: Values, job: Any, result: Any) -> Updates:
        return {self.picture: self._drawn(*self._composed(values, job, result)), self.files: _hidden()}

    def _drawn(self, panels: list[Panel], layout: Layout) -> np.ndarray:
        from PIL import Image

        stream = io.BytesIO()
        save(partial(compose, panels, layout, "antialiased"), stream, "png", dpi=PREVIEW_DPI)
        return np.asarray(Image.open(stream).convert("RGB"))

    def _composed(self, values: Values, job: Any, result: Any) -> tuple[list[Panel], Layout]:
        panels = self._panels_of(job, result, values, values[self.parts] or ())
        size_hw, point = panels[0].pixels.shape, self._point_of(values)
        if point is None or point[0] >= size_hw[1] or point[1] >= size_hw[0]:
            at = most_telling(panels)
        else:
            at = (float(point[0]), float(point[1]))
        region = region_around(size_hw, at) if values[self.zoom] else None
        caption = str(values[self.caption] or "").strip()[:2000] or self._caption_of(job)
        return panels, Layout(float(values[self.width]), values[self.font], values[self.letters], region, caption)


def check_size(panels: Sequence[Panel], layout: Layout, dpi: int) -> None:
    """Raises UserError: the PNG would be larger than MOST_PIXELS."""
    figure = compose(panels, layout)
    width, height = (length * dpi for length in figure.get_size_inches())
    if width * height > MOST_PIXELS:
        raise UserError(f"At {dpi} dpi the PNG has {width:.0f} × {height:.0f} pixels; at most {MOST_PIXELS / 1e6:.0f} "
                        "megapixels are drawn. Choose fewer dpi, or SVG or PDF.", "Figure too large")  # fmt: skip


def _mark(job: Any, panels: Sequence[Panel], layout: Layout, how: tuple[Any, ...]) -> str:
    """Of the files' name: the job, and everything else that decides their bytes."""
    of_form = repr((layout, [panel.title for panel in panels], how))
    return f"{job.key[:8]}-{hashlib.sha256(of_form.encode()).hexdigest()[:6]}"


def _hidden() -> Any:
    return gr.update(value=None, visible=False)
