"""The networks that are in memory, as a table, and a way to let one go: for whoever owns the machine."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import gradio as gr

from demos.sight import Updates
from demos.tab import BESIDE_QUEUE, told
from demos.words import hint
from pipelines.shared.cache import ModelCache, ModelRow
from pipelines.shared.errors import UserError

HEADS = ("network", "size", "where", "last used", "runs now")


class HeldNetworks:
    """An accordion in the current layout."""

    def __init__(self, cache: ModelCache) -> None:
        self._cache = cache
        with gr.Accordion("Networks in memory", open=False, elem_id="status-held-box") as self.box:
            self.table = gr.HTML(held_table(()), elem_id="status-held")
            with gr.Row(elem_classes="tight"):
                self.name = gr.Dropdown([], value=None, label="Network", elem_id="status-held-name")
                self.drop = gr.Button("Unload", size="sm", min_width=90, elem_id="status-held-unload")
        self.outputs: list[Any] = [self.table, self.name]

    def wire(self, others: Any, outputs: list[Any]) -> None:
        """`others()` are updates of `outputs`, to be made when something was unloaded."""
        self.box.expand(told(self.now), None, self.outputs, trigger_mode="always_last", **BESIDE_QUEUE)
        self.drop.click(told(lambda name: self.unload(name) | others()), [self.name], [*self.outputs, *outputs],
                        **BESIDE_QUEUE)  # fmt: skip

    def now(self) -> Updates:
        """The table of this moment, and its names to choose from."""
        rows = self._cache.counters().models
        return {self.table: held_table(rows), self.name: gr.update(choices=[row.name for row in rows], value=None)}

    def unload(self, name: str | None) -> Updates:
        """One of them leaves memory. Raises UserError: none is chosen, or it runs."""
        if not name:
            raise UserError("Choose a network first.", "Nothing to unload")
        if not self._cache.unload(name):
            raise UserError(
                f"{name} runs just now, or has left already. Try again when its run is over.", "Not unloaded"
            )
        return self.now()


def held_table(rows: Sequence[ModelRow]) -> str:
    """Rows as HTML."""
    if not rows:
        return hint("None: the next run loads what it needs.")
    head = "".join(f"<th>{one}</th>" for one in HEADS)
    return (
        f'<div class="scroll-x"><table class="mdk-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(map(_row, rows))}</tbody></table></div>"
    )


def _row(row: ModelRow) -> str:
    size, used = f"{row.size_bytes / 1e6:.1f} MB", f"{row.last_used_s:.0f} s ago"
    cells = (row.name, size, row.device, used, str(row.users))
    return f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"
