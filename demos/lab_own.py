"""Own checkpoints: a folder of safetensors or ids of the Hub, looked at from weights alone."""

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
    from pipelines.lab.own_checkpoints import Files

ABOUT = (
    "A base and experts tuned from it, safetensors only. Masks, vectors and storage are told from weights alone; "
    "scores need a network, and there is none here. What is read stays in this page's memory until others come."
)
FOLDER = "One file whose name begins with `base`, and one .safetensors file for each expert, named after it."
HUB_LINES = "base: owner/name@revision\nstreet: owner/other@revision"


class OwnView:
    """Drop box and lines of the Hub, and what was read."""

    def __init__(self) -> None:
        gr.HTML(hint(ABOUT))
        with gr.Row():
            with gr.Column(min_width=280):
                gr.HTML(hint(FOLDER))
                self.files = gr.File(label="A folder of checkpoints", file_count="directory", height=130,
                                     elem_id="lab-own-files")  # fmt: skip
            with gr.Column(min_width=280):
                self.lines = gr.Textbox(label="Checkpoints of the Hugging Face Hub, a line each, the base first",
                                        lines=3, max_lines=12, placeholder=HUB_LINES, elem_id="lab-own-hub",
                                        max_length=4000)  # fmt: skip
                self.fetch = gr.Checkbox(False, label="Fetch what is not on this machine yet", container=False,
                                         elem_id="lab-own-fetch")  # fmt: skip
                self.read = gr.Button("Read these", size="sm", elem_id="lab-own-read")
        self.told = gr.HTML("", elem_id="lab-own-told")
        self.controls = [self.files, self.lines, self.fetch]

    def wire(self, tab: LabTab) -> None:
        outputs: list[Any] = [self.told, *tab.chosen]

        def dropped(values: Values) -> Updates:
            return self.when_dropped(tab, values)

        def named(values: Values) -> Updates:
            return self.when_named(tab, values)

        self.files.upload(told(dropped), tab.inputs, outputs, trigger_mode="always_last", **TELLING)
        self.read.click(told(named), tab.inputs, outputs, **TELLING)

    def when_dropped(self, tab: LabTab, values: Values) -> Updates:
        """A folder, made the family that is looked at."""
        from pipelines.lab.own_checkpoints import files_of_folder

        paths = [Path(one) for one in values[self.files] or ()]
        if not paths:
            raise UserError("There is no file yet: drop a folder.", "Nothing to read")
        return self._read(tab, files_of_folder(paths), values)

    def when_named(self, tab: LabTab, values: Values) -> Updates:
        """Checkpoints of the Hub, made the family that is looked at."""
        from pipelines.lab.own_checkpoints import files_of_hub

        return self._read(tab, files_of_hub(values[self.lines] or "", bool(values[self.fetch])), values)

    def _read(self, tab: LabTab, files: Files, values: Values) -> Updates:
        own = tab.bench.keep_own(files)
        tasks = ", ".join(own.arena.tasks)
        lines = (f"{own.name}: {own.arena.layout.count:,} moved weights, experts {tasks}. Masks, Vectors and Storage "
                 "tell of them now.", *own.notices)  # fmt: skip
        return {self.told: notice_lines(lines)} | tab.chosen_family(own.name, values)
