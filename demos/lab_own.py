"""Own checkpoints: a folder of safetensors, looked at from weights alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.sight import Updates, Values
from demos.tab import TELLING, told
from demos.words import hint, notice_lines
from pipelines.shared.errors import UserError

if TYPE_CHECKING:
    from demos.lab import LabTab

ABOUT = (
    "A folder with one file whose name begins with `base` and one .safetensors file for each expert tuned from it. "
    "Masks, vectors and storage are told from weights alone; scores need a network, and there is none here."
)


class OwnView:
    """Drop box, and what was read."""

    def __init__(self) -> None:
        gr.HTML(hint(ABOUT))
        self.files = gr.File(
            label="A folder of checkpoints", file_count="directory", height=130, elem_id="lab-own-files"
        )
        self.told = gr.HTML("", elem_id="lab-own-told")
        self.controls = [self.files]

    def wire(self, tab: LabTab) -> None:
        def dropped(values: Values) -> Updates:
            return self.when_dropped(tab, values)

        outputs: list[Any] = [self.told, *tab.chosen]
        self.files.upload(told(dropped), tab.inputs, outputs, trigger_mode="always_last", **TELLING)

    def when_dropped(self, tab: LabTab, values: Values) -> Updates:
        """Read, and made the family that is looked at."""
        paths = [Path(one) for one in values[self.files] or ()]
        if not paths:
            raise UserError("There is no file yet: drop a folder.", "Nothing to read")
        own = tab.bench.keep_own(paths)
        tasks = ", ".join(own.arena.tasks)
        lines = (f"{own.name}: {own.arena.layout.count:,} moved weights, experts {tasks}.", *own.notices)
        return {self.told: notice_lines(lines)} | tab.chosen_family(own.name, values)
