"""A mask put right by hand: taken onto an editor, painted and erased there, and used in place of the network's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np
from PIL import Image

from demos.drawing import Colour
from demos.grounding_bench import GroundingBench, Job
from demos.grounding_drawing import colours_of, factor_of
from demos.grounding_source import ID
from demos.grounding_words import clipped, numbers_of
from demos.sight import Sight, Updates, Values
from demos.tab import BESIDE_QUEUE, TELLING, told
from demos.words import hint
from pipelines.grounding.correction import Correction, repainted, sampled
from pipelines.shared.errors import UserError
from pipelines.shared.images import to_bytes

if TYPE_CHECKING:
    from pipelines.grounding.results import GroundedObject, GroundingResult

ALPHA = 140  # of a painted pixel, 0 to 255: the picture is seen through it
HEIGHT = "min(520px, 100vw)"  # of the editor
BRUSHES = 24  # so many go side by side over the shorter side
ABOUT = (
    "Take the mask of what was found, paint or erase, and use it: box, centre, table, files and figure follow, and all "
    "say that it was done by hand. Other phrases, faders or thresholds start from the network's masks again."
)
NOT_YET = "No mask is taken yet."
OUTDATED = "The mask below was taken from another answer: take one of this answer, or go back to that one in History."


class ObjectMenu(gr.Dropdown):
    """Objects that come and go: a page may send one of the answer before, which the handlers refuse in words."""

    def get_block_name(self) -> str:
        """Rendered by the stock component; a subclass is otherwise looked up as a custom one."""
        return "dropdown"

    def preprocess(self, payload: Any) -> Any:
        """The number of an object, of whichever answer."""
        return payload


@dataclass(frozen=True)
class Taken:
    """The mask on the editor: which object of which job's result."""

    job: Job
    object_id: int


class CorrectionView:
    """Editor and buttons. `use` and `back` change what is shown: the tab wires them.

    `taken` is the mask on the editor; `kept` the last corrected job, which the page asks for as long as it asks for
    that look. `editor` stands in no other handler's inputs: its pixels would be sent at every event.
    """

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        with gr.Accordion("Correct a mask", open=False, elem_id=f"{ID}-correct-box"):
            gr.HTML(hint(ABOUT))
            with gr.Row(elem_classes="tight"):
                self.which = ObjectMenu([], label="Object", elem_id=f"{ID}-correct-object", min_width=260, scale=2)
                self.take = gr.Button("Take its mask", size="sm", elem_id=f"{ID}-correct-take", min_width=110)
            self.note = gr.HTML(hint(NOT_YET), elem_id=f"{ID}-correct-note")
            self.editor = gr.ImageEditor(
                label="Mask", show_label=False, sources=(), transforms=(), layers=False, format="png", height=HEIGHT,
                buttons=[], visible=False, elem_id=f"{ID}-correct-editor",
            )  # fmt: skip
            with gr.Row(elem_classes="tight"):
                self.use = gr.Button("Use this mask", size="sm", variant="primary", elem_id=f"{ID}-correct-use",
                                     min_width=110)  # fmt: skip
                self.back = gr.Button("Network's masks again", size="sm", elem_id=f"{ID}-correct-back", min_width=110,
                                      interactive=False)  # fmt: skip
        self.taken, self.kept = gr.State(None), gr.State(None)
        self.controls: list[Any] = [self.which, self.taken, self.kept]
        self.outputs: list[Any] = [self.which, self.note, self.back, self.kept]

    def pictured(self, job: Job, result: GroundingResult, values: Values) -> Updates:
        """The objects of a new result, and whether the mask on the editor is one of them."""
        numbers = [one.id for one in result.objects]
        chosen = values[self.which] if values[self.which] in numbers else next(iter(numbers), None)
        return {
            self.which: gr.update(choices=[(name_of(one), one.id) for one in result.objects], value=chosen),
            self.note: self._noted(values[self.taken], job),
            self.back: gr.update(interactive=bool(job.corrections)),
        }

    def _noted(self, taken: Taken | None, job: Job) -> str:
        if taken is None:
            return hint(NOT_YET)
        if taken.job.uncorrected != job.uncorrected:
            return hint(OUTDATED)
        said = f"On the editor is the mask of #{taken.object_id}: the brush adds to it, the eraser takes away."
        return hint(f"{said} Corrected by hand so far: {numbers_of(job)}." if job.corrections else said)

    def asked(self, job: Job, values: Values) -> Job:
        """What the page asks for: where it is the look that was corrected last, with its corrections."""
        kept: Job | None = values[self.kept]
        return kept if kept is not None and kept.uncorrected == job else job

    # --- a mask onto the editor

    def wire(self, inputs: set[Any]) -> None:
        """The editor is taken off the page first: one that stays keeps its canvas, and loses the layer it is given."""
        taken = self.take.click(told(self.when_taken), inputs, [self.taken, self.note, self.editor], **TELLING)
        taken.success(told(self.when_placed), inputs, [self.editor], trigger_mode="always_last", **BESIDE_QUEUE)

    def when_taken(self, values: Values) -> Updates:
        """Which mask will be painted on. Raises UserError: nothing was found, or no object is chosen."""
        job, result = self._sight.job(values), self._sight.result(values)
        one = object_of(result, values[self.which])
        taken = Taken(job, one.id)
        return {
            self.taken: taken,
            self.note: self._noted(taken, job),
            self.editor: gr.update(value=None, visible=False),
        }

    def when_placed(self, values: Values) -> Updates:
        """The picture with the mask as a layer over it, to be painted in the colour of its phrase."""
        taken: Taken = values[self.taken]
        bench: GroundingBench = self._sight.bench
        one = object_of(bench.result(taken.job)[0], taken.object_id)
        pixels, colour = to_bytes(bench.image(taken.job).pixels), colours_of(taken.job.phrases)[one.phrase]
        size = size_of(pixels.shape[1], pixels.shape[0])
        background = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
        value = {"background": background, "layers": [layer_of(sampled(one.mask, size), colour)], "composite": None}
        brush, eraser = tools_of(colour, size)
        return {self.editor: gr.update(value=value, visible=True, canvas_size=size, brush=brush, eraser=eraser)}

    # --- and back into the answer

    def used(self, values: Values) -> Job:
        """The job that is shown, with what was painted as a correction.

        Raises:
            UserError: no mask is taken, or one of another answer or size; or it is empty, or was not changed.
        """
        job, taken = self._sight.job(values), values[self.taken]
        if taken is None:
            raise UserError("No mask is taken yet: choose an object and press “Take its mask” first.", "Nothing to use")
        if taken.job.uncorrected != job.uncorrected:
            raise UserError(
                f"The mask on the editor is of #{taken.object_id} in another answer, to "
                f"“{clipped(taken.job.phrases[0])}” at α {taken.job.recipe.scale:.2f}. Take a mask of the answer that "
                "is shown, or go back to the other one in History.", "Mask of another answer",
            )  # fmt: skip
        return self._with_mask(job, taken, painted_of(values[self.editor]))

    def _with_mask(self, job: Job, taken: Taken, painted: np.ndarray) -> Job:
        bench: GroundingBench = self._sight.bench
        number = taken.object_id
        before, shown, own = (object_of(bench.result(one)[0], number) for one in (taken.job, job, job.uncorrected))
        _check_size(painted, size_of(*before.mask.shape[::-1]), number)
        mask = repainted(before.mask, painted)
        if np.array_equal(mask, shown.mask):
            raise UserError(
                f"The mask of #{number} is as it was: paint or erase something first. If the editor shows no picture, "
                "this browser has no WebGL, which it needs.", "Nothing was painted",
            )  # fmt: skip
        others = [other for other in job.corrections if other.object_id != number]
        new = others if np.array_equal(mask, own.mask) else [*others, Correction.of(number, mask)]
        return replace(job, corrections=tuple(sorted(new, key=lambda other: other.object_id)))

    def restored(self, values: Values) -> Job:
        """The job that is shown, with the network's masks."""
        job: Job = self._sight.job(values)
        return job.uncorrected


def object_of(result: GroundingResult, number: Any) -> GroundedObject:
    """An object by its number. Raises UserError that lists those that were found."""
    if not result.objects:
        raise UserError("Nothing was found, so there is no mask to take: ask for something else.", "No mask")
    found = next((one for one in result.objects if one.id == number), None)
    if found is None:
        known = ", ".join(name_of(one) for one in result.objects)
        raise UserError(f"#{number} is not in this answer; found: {known}. Choose one of them.", "No such object")
    return found


def name_of(one: GroundedObject) -> str:
    """An object in the menu: "#1 red star"."""
    return f"#{one.id} {clipped(one.phrase, 40)}"


def size_of(width: int, height: int) -> tuple[int, int]:
    """How large a picture of so many pixels is on the editor: as it is, or as small as the answer is drawn."""
    factor = min(1.0, factor_of(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))


def layer_of(mask: np.ndarray, colour: Colour) -> np.ndarray:
    """A mask, bool (H, W), as a layer of one colour, (H, W, 4) uint8."""
    layer = np.zeros((*mask.shape, 4), np.uint8)
    layer[mask] = (*colour, ALPHA)
    return layer


def tools_of(colour: Colour, size_wh: tuple[int, int]) -> tuple[gr.Brush, gr.Eraser]:
    """A brush of that colour alone, as strong as the layer, and an eraser, both in proportion to the picture."""
    shade, size_px = f"rgba({colour[0]}, {colour[1]}, {colour[2]}, {ALPHA / 255:.3f})", max(1, min(size_wh) // BRUSHES)
    return gr.Brush(size_px, [shade], shade, "fixed"), gr.Eraser(size_px)


def painted_of(value: Any) -> np.ndarray:
    """What is painted on the editor, bool (h, w). Raises UserError: it has no layer any more."""
    layers: Sequence[np.ndarray] = (value or {}).get("layers") or ()
    if not len(layers):
        raise UserError("The editor is empty: take the mask again.", "Nothing to use")
    return np.asarray(layers[0][..., 3] >= ALPHA / 2)


def _check_size(painted: np.ndarray, size_wh: tuple[int, int], number: int) -> None:
    if painted.shape[::-1] != size_wh:
        came, wanted = (f"{width} × {height}" for width, height in (painted.shape[::-1], size_wh))
        raise UserError(f"The layer on the editor has {came} pixels, the mask of #{number} {wanted}: take it again.",
                        "Mask of another size")  # fmt: skip
