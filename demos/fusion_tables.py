"""The table curves of the fusion tab: weight by grey level, bent by five points per exposure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos import drawing
from demos.fader import Fader
from demos.fusion_views import CHOSEN
from demos.sight import Sight, Updates, Values
from demos.tab import told
from demos.words import hint
from pipelines.fusion.options import TABLE_KNOTS, FusionOptions

if TYPE_CHECKING:
    import numpy as np

    from demos.fusion_bench import Job
    from pipelines.fusion.pipeline import FusionResult

Row = tuple[float, ...]
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
PALE = ("#b3d4e8", "#f3cbb0", "#b3dfd3", "#f0d7e4", "#f8e3b3", "#cfe8f8")
TRAINED = " as trained"
COLOUR_MAP = {f"frame {k + 1}": colour for k, colour in enumerate(COLOURS)} | {
    f"frame {k + 1}{TRAINED}": colour for k, colour in enumerate(PALE)
}
ON, WEIGHT, OFF, NOTHING = "five points each", "weight", "needs the table engine", "Nothing is bent"
REASON = "Only the table engine has curves: choose it under Settings, with exposures that show something."


@dataclass(frozen=True)
class TableEdit:
    """What is bent so far.

    Attributes:
        index: the frame whose points are on the faders.
        rows: per frame its points, empty where its table is as it was trained.
        start: what the faders were set to; a frame is bent when they say something else.
    """

    index: int = 0
    rows: tuple[Row, ...] = ()
    start: Row = (0.0,) * len(TABLE_KNOTS)

    def with_faders(self, points: Row) -> TableEdit:
        """The faders' values noted for their frame, if they were moved."""
        if not self.rows or points == self.start:
            return self
        rows = (*self.rows[: self.index], points, *self.rows[self.index + 1 :])
        return replace(self, rows=rows)


class TableView:
    """Plot, the choice of a frame, its five faders and Reset.

    `faders` re-fuse when they move, `reset` when it is pressed: the tab wires both.
    """

    def __init__(self, sight: Sight, assets: Path) -> None:
        self._sight, self._assets = sight, assets
        with gr.Accordion("Table curves (table engine)", open=False, elem_id="fusion-curves-box"):
            self.note = gr.HTML(hint(REASON, "reason"), elem_id="fusion-curves-note")
            self.curves = gr.LinePlot(x="grey", y="weight", color="frame", x_lim=[0, 255], y_lim=[0, 1], height=300,
                                      color_map=COLOUR_MAP, x_title="grey level", elem_id="fusion-curves",
                                      label="Weight by grey level", show_label=False, visible="hidden")  # fmt: skip
            with gr.Row():
                self.frame = gr.Radio([("frame 1", 0)], value=0, label="Bend the table of", interactive=False,
                                      info=OFF, elem_id="fusion-curves-frame")  # fmt: skip
                self.reset = gr.Button(NOTHING, size="sm", min_width=120, scale=0, interactive=False,
                                       elem_id="fusion-curves-reset")  # fmt: skip
            with gr.Row():
                self.faders = [
                    Fader(0, 1, 0, step=0.001, label=f"at grey {grey}", interactive=False, min_width=170, buttons=[],
                          info=OFF, elem_id=f"fusion-point-{grey}")
                    for grey in TABLE_KNOTS
                ]  # fmt: skip
            self.edit = gr.State(TableEdit())
        self.controls = [self.frame, self.edit, *self.faders]
        self.outputs = [self.curves, self.note, self.frame, self.reset, self.edit, *self.faders]

    def points(self, values: Values, count: int) -> tuple[Row, ...]:
        """`table_points` for that many frames; nothing if no table is bent."""
        rows = self._edited(values).rows
        return rows if len(rows) == count and any(rows) else ()

    def _edited(self, values: Values) -> TableEdit:
        edit: TableEdit = values[self.edit]
        return edit.with_faders(tuple(values[one] for one in self.faders))

    def wire(self, inputs: set[Any]) -> None:
        self.frame.input(told(self.when_frame_changes), inputs, [self.edit, *self.faders], **CHOSEN)

    def pictured(self, job: Job, result: FusionResult, values: Values) -> Updates:
        """The curves that were used, the trained ones pale behind them, and the points of the chosen frame."""
        if result.tables is None or len(result.tables) != len(result.weights):  # an even tone has no table
            off = gr.update(interactive=False, info=OFF)
            return {self.curves: gr.update(value=None, visible="hidden"), self.note: hint(REASON, "reason"),
                    self.reset: gr.update(value=NOTHING, interactive=False),
                    **dict.fromkeys((self.frame, *self.faders), off)}  # fmt: skip
        trained, count = self.trained(job.options, len(result.tables)), len(result.tables)
        edit = self._edited(values)
        if len(edit.rows) != count:
            edit = TableEdit(rows=((),) * count)
        choices = [(f"frame {k + 1}", k) for k in range(count)]
        faders = self._faders_for(edit, trained)
        if edit.rows[edit.index]:  # the hand may be on them: they say what they say
            faders |= {one: gr.update(interactive=True, info=WEIGHT) for one in self.faders}
        return faders | {
            self.curves: plot_of(result.tables, trained),
            self.note: hint("Pale: the table as it was trained. The tables are made to sum to 1 when they are used."),
            self.frame: gr.update(choices=choices, value=edit.index, interactive=True, info=ON),
            self.reset: gr.update(value="Reset tables" if any(edit.rows) else NOTHING, interactive=any(edit.rows)),
        }

    def trained(self, options: FusionOptions, count: int) -> np.ndarray:
        """The shipped tables (count, 256) that these options bend."""
        from pipelines.fusion.meflut import load_tables

        return load_tables(self._assets, count, options.table_kind)

    def _faders_for(self, edit: TableEdit, trained: np.ndarray) -> Updates:
        """The points of the edit's frame on the faders."""
        row = edit.rows[edit.index] or tuple(round(float(trained[edit.index, grey]), 3) for grey in TABLE_KNOTS)
        moved = replace(edit, start=row if not edit.rows[edit.index] else ())
        return {self.edit: moved} | {
            one: gr.update(value=value, interactive=True, info=WEIGHT)
            for one, value in zip(self.faders, row, strict=True)
        }

    def when_frame_changes(self, values: Values) -> Updates:
        """The points of another frame; those of the frame that is left are kept."""
        job, edit = self._sight.job(values), self._edited(values)
        if not edit.rows:
            return {self.edit: edit}
        chosen = min(int(values[self.frame] or 0), len(edit.rows) - 1)
        return self._faders_for(replace(edit, index=chosen), self.trained(job.options, len(edit.rows)))

    def cleared(self) -> Updates:
        """No table is bent; the next result fills the faders."""
        return {self.edit: TableEdit()}

    def shown(self, options: FusionOptions) -> Updates:
        """The points that these options carry."""
        if not options.table_points:
            return self.cleared()
        edit = TableEdit(rows=options.table_points)
        return self._faders_for(edit, self.trained(options, len(options.table_points)))


def plot_of(tables: np.ndarray, trained: np.ndarray) -> Any:
    """The curves as an update of the plot. With colours of just these curves: the plot keeps the names it drew first
    until its colours change."""
    rows = curves_of(tables, trained)
    names = list(dict.fromkeys(rows["frame"]))
    return gr.update(
        value=rows,
        visible=True,
        color_map={name: COLOUR_MAP[name] for name in names},
        colors_in_legend=[name for name in names if not name.endswith(TRAINED)],
    )


def curves_of(tables: np.ndarray, trained: np.ndarray) -> Any:
    """Rows for the plot: the trained tables where they differ, then the tables in use."""
    import numpy as np
    import pandas as pd

    parts = [drawing.curve_table(tables)]
    if tables.shape == trained.shape and not np.allclose(tables, trained):
        parts.insert(0, drawing.curve_table(trained, TRAINED))
    return pd.concat(parts, ignore_index=True)
