"""The same question to the base, each expert and the mix; and the refuse fader turned from end to end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from demos import drawing
from demos.grounding_answer import AnswerView, objects_of, verdict_of
from demos.grounding_bench import DIAL, GroundingBench, Job
from demos.grounding_drawing import answer_picture, colours_of
from demos.grounding_layers import scenery_of
from demos.grounding_source import ID
from demos.grounding_words import compare_table, dial_table
from demos.sight import STILL, Sight, Updates, Values
from demos.starting_mixes import base_recipe, expert_recipe
from demos.stills import StillGallery
from demos.tab import TELLING, told
from demos.words import hint
from pipelines.merging.recipe import MergeRecipe
from pipelines.shared.errors import UserError
from pipelines.shared.images import to_bytes

if TYPE_CHECKING:
    from pipelines.grounding.results import GroundedObject, GroundingResult
    from pipelines.shared.family import ModelFamily

THIS = "this mix"
HEIGHT_PX = 300
ABOUT_DIAL = "How readily it says that there is nothing: existence as the refuse fader is turned and all else stays."


class CompareView:
    """Two buttons, their pictures and tables."""

    def __init__(self, sight: Sight, family: ModelFamily, answer: AnswerView) -> None:
        self._sight, self._family, self._answer = sight, family, answer
        with gr.Accordion("Compare base, experts, mix", open=False, elem_id=f"{ID}-compare-box"):
            self.mixes = gr.Button("Compare", size="sm", elem_id=f"{ID}-compare")
            self.gallery = StillGallery(label="By mix", columns=3, height="auto", object_fit="contain", buttons=[],
                                        show_label=False, elem_id=f"{ID}-by-mix", elem_classes=["compared", "captions"],
                                        visible=False, **STILL)  # fmt: skip
            self.table = gr.HTML("", elem_id=f"{ID}-compared")
        with gr.Accordion("The refuse dial", open=False, elem_id=f"{ID}-dial-box", visible=DIAL in family.tasks):
            gr.HTML(hint(ABOUT_DIAL))
            self.turn = gr.Button("Turn it", size="sm", elem_id=f"{ID}-dial")
            self.dial = gr.HTML("", elem_id=f"{ID}-dialled")
        self.controls: list[Any] = []
        self.outputs = [self.gallery, self.table, self.dial]

    def pictured(self, job: Job, result: GroundingResult, values: Values) -> Updates:
        """Tables of another question or another mix go with it."""
        before = values[self._sight.shown]
        if before is not None and before.uncorrected == job.uncorrected:
            return {}
        return {self.gallery: gr.update(value=None, visible=False), self.table: "", self.dial: ""}

    def wire(self, inputs: set[Any]) -> None:
        self.mixes.click(told(self.when_compared), inputs, [self.gallery, self.table], **TELLING)
        self.turn.click(told(self.when_turned), inputs, [self.dial], **TELLING)

    def when_compared(self, values: Values) -> Updates:
        """A picture for each, and a table for each phrase."""
        job, bench = self._mixed(values), self._sight.bench
        results = bench.mixed(job, mixes_of(self._family, job.recipe))
        verdicts = verdicts_of(bench, job, results)
        tables = [
            compare_table(results, phrase, agreement(results, phrase), verdicts.get(phrase, {}))
            for phrase in job.phrases
        ]  # fmt: skip
        pictures = [(self._drawn(job, one, values), caption(name, verdicts)) for name, one in results.items()]
        return {self.gallery: gr.update(value=pictures, visible=True), self.table: "".join(tables)}

    def _drawn(self, job: Job, result: GroundingResult, values: Values) -> np.ndarray:
        bench: GroundingBench = self._sight.bench
        looked = self._answer.looked(job, result, {**values, self._answer.chosen: None})
        scenery = scenery_of(result, looked, colours_of(job.phrases), bench.truths(job))
        return drawing.thumbnail(answer_picture(to_bytes(bench.image(job).pixels), scenery), HEIGHT_PX)

    def when_turned(self, values: Values) -> Updates:
        """Existence of each phrase at five positions of the fader."""
        job = self._mixed(values)
        if DIAL not in self._family.tasks:
            raise UserError("This family has no expert “refuse”.", "No dial")
        found = self._sight.bench.dial(job)
        return {self.dial: dial_table(job.phrases, found, job.thresholds.existence)}

    def _mixed(self, values: Values) -> Job:
        job: Job = self._sight.job(values)
        if job.network:
            raise UserError(f"{job.network} is run as published; choose the network that the desk mixes.", "No mix")
        return job


def mixes_of(family: ModelFamily, mix: MergeRecipe) -> dict[str, MergeRecipe]:
    """The base, each expert as it was tuned, and the mix."""
    experts = {task: expert_recipe(family, task) for task in family.tasks}
    return {"base": base_recipe(family), **experts, THIS: mix}


def verdicts_of(bench: GroundingBench, job: Job, results: Mapping[str, Any]) -> dict[str, dict[str, bool]]:
    """Phrase -> name of the mix -> whether it is right, where the answer is known."""
    return {
        phrase: {name: verdict_of(result, phrase, truth) for name, result in results.items()}
        for phrase, truth in bench.truths(job).items()
    }


def caption(name: str, verdicts: Mapping[str, Mapping[str, bool]]) -> str:
    """The mix, and how many of the phrases with a known answer it has right."""
    known = [one[name] for one in verdicts.values()]
    if not known:
        return name
    told = f"{sum(known)} of {len(known)}" if len(known) > 1 else "hit" if known[0] else "miss"
    return f"{name} · {told}"


def agreement(results: Mapping[str, GroundingResult], phrase: str) -> dict[str, float]:
    """IoU of what each covers with what the mix covers, 0 to 1; two that find nothing agree."""
    covered = {name: _covered(result, phrase) for name, result in results.items()}
    mine = covered[THIS]
    return {name: _iou(one, mine) for name, one in covered.items()}


def _covered(result: GroundingResult, phrase: str) -> np.ndarray:
    masks = [one.mask if one.mask.any() else _filled(one, result.size_wh) for one in objects_of(result, phrase)]
    return np.any(masks, 0) if masks else np.zeros(result.size_wh[::-1], bool)


def _filled(one: GroundedObject, size_wh: tuple[int, int]) -> np.ndarray:
    """The box as a mask, for an object of which no pixel is sure."""
    left, top, right, bottom = (round(value) for value in one.box_xyxy)
    mask = np.zeros(size_wh[::-1], bool)
    mask[top:bottom, left:right] = True
    return mask


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0
