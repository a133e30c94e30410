"""The export panel of a tab: the result as files that carry its recipe, and settings back out of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.exports import RECIPE_FILES, start_of, write_checkpoint, write_export
from demos.sight import Sight, Updates, Values
from demos.tab import TELLING, told

if TYPE_CHECKING:
    import numpy as np

    from demos.mix_tab import MixTab

CHECKPOINT = ("mixed network (safetensors)", "checkpoint")


class ExportView:
    """Buttons and file boxes. `drop` restores settings: the tab's events wire it, for that runs.

    A tab says what its picture is and what further files it has; EXTRAS are their titles and names.
    """

    EXTRAS: tuple[tuple[str, str], ...] = (CHECKPOINT,)

    def __init__(self, tab: MixTab, sight: Sight) -> None:
        self._tab, self._sight = tab, sight
        with gr.Accordion("Export and restore", open=False, elem_id=f"{tab.name}-export-box"):
            self.extras = gr.CheckboxGroup(list(self.EXTRAS), value=[], label="Besides the picture and its recipe",
                                           elem_id=f"{tab.name}-export-extras")  # fmt: skip
            self.export = gr.Button("Export PNG and recipe", size="sm", elem_id=f"{tab.name}-export")
            self.exported = gr.File(label="Picture with its recipe inside, and the recipe as YAML", interactive=False,
                                    file_count="multiple", elem_id=f"{tab.name}-exported",
                                    elem_classes="when-full")  # fmt: skip
            self.drop = gr.File(label="Drop an exported picture or a recipe to restore its settings",
                                file_types=RECIPE_FILES, height=150, elem_id=f"{tab.name}-drop")  # fmt: skip
            self.restored = gr.HTML("", elem_id=f"{tab.name}-restored")
        self.controls = [self.extras, self.drop]
        self.outputs: list[Any] = []

    def picture_of(self, result: Any, values: Values) -> np.ndarray:
        """What goes into the PNG, (H, W, 3 or 4) uint8."""
        raise NotImplementedError

    def more(self, asked: Any, job: Any, result: Any, text: str, start: Path) -> list[str]:
        """Further files that were ticked; their paths."""
        return []

    def missing(self, asked: Any, job: Any, result: Any) -> list[str]:
        """Why something that was ticked is not among the files."""
        return []

    def pictured(self, job: Any, result: Any, values: Values) -> Updates:
        """Nothing: files are made when they are asked for."""
        return {}

    def wire(self, inputs: set[Any]) -> None:
        self.export.click(told(self.when_exported), inputs, [self.exported], **TELLING)

    def when_exported(self, values: Values) -> Updates:
        """The picture that is shown, with its recipe inside, the recipe beside it, and what else was ticked."""
        job, result, tab = self._sight.job(values), self._sight.result(values), self._tab
        text, folder, mark = tab.document_text(job), Path(self.exported.GRADIO_CACHE), job.key[:8]
        paths = write_export(tab.name, self.picture_of(result, values), text, mark, folder)
        asked, start = values[self.extras] or (), start_of(tab.name, mark, folder)
        paths += self.more(asked, job, result, text, start)
        if "checkpoint" in asked and tab.is_mixed(job):
            paths += write_checkpoint(tab.bench.cache.arena(tab.family_of(job)), tab.document(job), start)
        for line in self.missing(asked, job, result):
            gr.Info(line)
        return {self.exported: paths}
