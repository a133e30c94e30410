"""The same crop read by every procedure, and by the base, each expert and the mix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.sight import Sight, Updates, Values
from demos.starting_mixes import base_recipe, expert_recipe
from demos.tab import TELLING, told
from demos.text_recognition_source import ID
from demos.text_recognition_words import agreement_table
from demos.words import hint
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError
from pipelines.text_recognition.options import CROP, PROCEDURES

if TYPE_CHECKING:
    from demos.text_recognition_bench import Job, Sheet
    from pipelines.shared.family import ModelFamily
    from pipelines.text_recognition.abilities import Abilities


class CompareView:
    """Two buttons and their tables."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        with gr.Accordion("Compare", open=False, elem_id=f"{ID}-compare-box"):
            with gr.Row(elem_classes="tight"):
                self.procedures = gr.Button("Compare procedures", size="sm", min_width=140,
                                            elem_id=f"{ID}-compare-procedures")  # fmt: skip
                self.mixes = gr.Button("Compare base, experts, mix", size="sm", min_width=180,
                                       elem_id=f"{ID}-compare-mixes")  # fmt: skip
            self.reason = gr.HTML("", elem_id=f"{ID}-compare-reason")
            self.by_procedure = gr.HTML("", elem_id=f"{ID}-by-procedure")
            self.by_mix = gr.HTML("", elem_id=f"{ID}-by-mix")
        self.controls: list[Any] = []
        self.outputs = [self.by_procedure, self.by_mix]
        self.fitting = [self.procedures, self.reason]

    def pictured(self, job: Job, sheet: Sheet, values: Values) -> Updates:
        """Tables of another picture or another mix go with it."""
        return {} if values[self._sight.shown] == job else {self.by_procedure: "", self.by_mix: ""}

    def able(self, able: Abilities) -> Updates:
        """Procedures of a network that has several; of another, why there is nothing to compare."""
        is_on = able.can_be_asked
        return {self.procedures: gr.update(interactive=is_on), self.reason: "" if is_on else hint(able.why, "reason")}

    def wire(self, inputs: set[Any]) -> None:
        self.procedures.click(told(self.when_procedures), inputs, [self.by_procedure], **TELLING)
        self.mixes.click(told(self.when_mixes), inputs, [self.by_mix], **TELLING)

    def when_procedures(self, values: Values) -> Updates:
        """Text, confidence and time of each procedure."""
        job, sheet = self._crop(values), self._sight.result(values)
        found = self._sight.bench.by_procedure(job)
        named = {PROCEDURES[name]: reading for name, reading in found.items()}
        note = hint("Each reads without the word list.") if job.options.lexicon else ""
        return {self.by_procedure: note + agreement_table(named, sheet.text)}

    def when_mixes(self, values: Values) -> Updates:
        """The same of the base, of each expert alone, of the other slot's mix and of this one."""
        job, sheet = self._crop(values), self._sight.result(values)
        sheets = self._sight.bench.mixed(job, mixes_of(self._sight.bench.family_of(job.network), job.recipe))
        readings = {name: one.words[0].reading for name, one in sheets.items()}
        note = hint("Each reads with the procedure of the page.")
        return {self.by_mix: note + agreement_table(readings, sheet.text)}

    def _crop(self, values: Values) -> Job:
        job: Job = self._sight.job(values)
        if job.mode != CROP:
            raise UserError("One word is compared at a time: choose Word crop.", "Not a word crop")
        return job


def mixes_of(family: ModelFamily, mix: MergeRecipe) -> dict[str, MergeRecipe]:
    """The base, each expert as it was tuned, and the mix."""
    experts = {task: expert_recipe(family, task) for task in family.tasks}
    return {"base": base_recipe(family), **experts, "this mix": mix}
