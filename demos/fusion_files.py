"""The export panel of the fusion tab: the result as files, and settings back out of a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.exports import start_of, write_checkpoint, write_export
from demos.fusion_export import document_of, write_tables, write_weights
from demos.sight import Sight, Updates, Values
from demos.tab import TELLING, told
from pipelines.shared.family import ModelFamily

if TYPE_CHECKING:
    from demos.fusion_bench import Job
    from pipelines.fusion.pipeline import FusionResult

EXTRAS = (("weight maps (16-bit PNG)", "weights"), ("tables (TXT)", "tables"),
          ("mixed network (safetensors)", "checkpoint"))  # fmt: skip


class ExportView:
    """Buttons and file boxes. `drop` restores settings: the tab wires it, for that runs."""

    def __init__(self, sight: Sight, family: ModelFamily) -> None:
        self._sight, self._family = sight, family
        with gr.Accordion("Export and restore", open=False, elem_id="fusion-export-box"):
            self.extras = gr.CheckboxGroup(list(EXTRAS), value=[], label="Besides the picture and its recipe",
                                           elem_id="fusion-export-extras")
            self.export = gr.Button("Export PNG and recipe", size="sm", elem_id="fusion-export")
            self.exported = gr.File(label="Picture with its recipe inside, and the recipe as YAML", interactive=False,
                                    file_count="multiple", elem_id="fusion-exported")
            self.drop = gr.File(label="Drop an exported picture or a recipe to restore its settings",
                                file_types=[".png", ".yaml", ".yml", ".json", ".jpg", ".jpeg", ".webp"], height=130,
                                elem_id="recipe-drop")
            self.restored = gr.HTML("", elem_id="fusion-restored")
        self.controls = [self.extras, self.drop]
        self.outputs: list[Any] = []

    def pictured(self, job: Job, result: FusionResult, values: Values) -> Updates:
        """Nothing: files are made when they are asked for."""
        return {}

    def wire(self, inputs: set[Any]) -> None:
        self.export.click(told(self.when_exported), inputs, [self.exported], **TELLING)

    def when_exported(self, values: Values) -> Updates:
        """The picture that is shown, with its recipe inside, the recipe beside it, and what else was ticked."""
        from pipelines.shared.recipe_file import dump_yaml

        job, result = self._sight.job(values), self._sight.result(values)
        document = document_of(job, self._sight.bench.frames(job), self._family.name)
        text, folder, mark = dump_yaml(document), Path(self.exported.GRADIO_CACHE), job.key[:8]
        paths, start = write_export("fusion", result.picture, text, mark, folder), start_of("fusion", mark, folder)
        asked = values[self.extras] or ()
        if "weights" in asked:
            paths += write_weights(result.weights, text, start)
        if "tables" in asked and result.tables is not None:
            paths += write_tables(result.tables, start)
        if "checkpoint" in asked and job.options.engine == "net":
            paths += write_checkpoint(self._sight.bench.cache.arena(self._family), document, start)
        for line in missing(asked, job, result):
            gr.Info(line)
        return {self.exported: paths}


def missing(asked: Any, job: Job, result: FusionResult) -> list[str]:
    """Why something that was ticked is not among the files."""
    lines = []
    if "tables" in asked and result.tables is None:
        lines.append("No tables: this result was not made by the table engine.")
    if "checkpoint" in asked and job.options.engine != "net":
        lines.append("No mixed network: this result was not made by it.")
    return lines
