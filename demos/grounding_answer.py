"""The answer itself: the picture with what was found, its layers, the phrases, the objects and their words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from demos.fader import Fader
from demos.grounding_bench import GroundingBench, Job
from demos.grounding_drawing import answer_picture, colours_of
from demos.grounding_layers import ABOUT, LAYERS, Looked, scenery_of
from demos.grounding_source import ID
from demos.grounding_tiers import failing_part, tells_words, terms_table
from demos.grounding_words import PICK, absent_panel, object_table, phrase_lines, word_grid
from demos.sight import SAVE, STILL, Sight, Updates, Values
from demos.stills import StillImage
from demos.tab import told
from demos.tab_events import LAST
from demos.words import hint, notice_lines
from pipelines.grounding.random_scene import is_hit
from pipelines.grounding.results import is_absent
from pipelines.shared.images import to_bytes

if TYPE_CHECKING:
    from pipelines.grounding.random_scene import Truth
    from pipelines.grounding.results import GroundingResult

EMPTY = '<div class="phrases"><span>no answer yet</span></div>'
START = ["box", "mask"]


class PhraseBoxes(gr.CheckboxGroup):
    """Boxes of phrases that come and go: a page may send those of the answer before, which are no error."""

    def get_block_name(self) -> str:
        """Rendered by the stock component; a subclass is otherwise looked up as a custom one."""
        return "checkboxgroup"

    def preprocess(self, payload: Any) -> list[str | int | float]:
        """The ticked phrases, whichever answer they are of."""
        return [str(one) for one in payload or ()]


class AnswerView:
    """What is looked at: `chosen` is the object shown alone, `token` the (depth, word) whose map is shown."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self.lines = gr.HTML(EMPTY, elem_id=f"{ID}-phrases")
        self.picture = StillImage(label="Found", elem_id=f"{ID}-out", buttons=SAVE, elem_classes="mdk-picture",
                                  show_label=False, **STILL)  # fmt: skip
        with gr.Row():
            self.layers = gr.CheckboxGroup(list(LAYERS), value=START, label="Layers", elem_id=f"{ID}-layers",
                                           min_width=280)  # fmt: skip
            self.opacity = Fader(0, 1, 0.45, step=0.05, label="Opacity", elem_id=f"{ID}-opacity", buttons=[],
                                 min_width=160)  # fmt: skip
        self.on = PhraseBoxes([], value=[], label="Phrases shown", elem_id=f"{ID}-on", visible=False)
        gr.HTML(hint(ABOUT))
        self.absent = gr.HTML("", elem_id=f"{ID}-absent")
        self.notices = gr.HTML("", elem_id=f"{ID}-notices")
        self.table = gr.HTML(hint("No answer yet."), elem_id=f"{ID}-objects", js_on_load=PICK)
        with gr.Accordion("Words, depth by depth", open=True, elem_id=f"{ID}-words-box"):
            self.words = gr.HTML("", elem_id=f"{ID}-words", js_on_load=PICK)
        self.chosen, self.token = gr.State(None), gr.State(None)
        self.controls = [self.layers, self.opacity, self.on, self.chosen, self.token]
        self.drawing = [self.picture, self.lines, self.table, self.words, self.on, self.chosen, self.token]
        self.outputs = [self.notices, self.absent]

    def looked(self, job: Job, result: GroundingResult, values: Values) -> Looked:
        """What of a result is looked at: what was hidden stays hidden, what is gone is not chosen."""
        hidden = self._hidden(values)
        ids = [one.id for one in result.objects]
        chosen = values[self.chosen] if values[self.chosen] in ids else None
        visible = tuple(phrase for phrase in job.phrases if phrase not in hidden) or job.phrases
        return Looked(tuple(values[self.layers] or ()), values[self.opacity], visible, chosen, values[self.token])

    def _hidden(self, values: Values) -> set[str]:
        job = values[self._sight.shown]
        ticked = set(values[self.on] or ())
        if job is None or not ticked or not ticked <= set(job.phrases):
            return set()
        return set(job.phrases) - ticked

    def drawn(self, job: Job, result: GroundingResult, values: Values) -> Updates:
        """The answer as it is looked at."""
        return self._shown(job, result, self.looked(job, result, values))

    def _shown(self, job: Job, result: GroundingResult, looked: Looked) -> Updates:
        bench: GroundingBench = self._sight.bench
        colours, truths = colours_of(job.phrases), bench.truths(job)
        own = bench.result(job.uncorrected)[0] if job.corrections else result  # hit or miss is the network's
        verdicts = {phrase: verdict_of(own, phrase, truth) for phrase, truth in truths.items()}
        pixels = to_bytes(bench.image(job).pixels)
        return {
            self.picture: answer_picture(pixels, scenery_of(result, looked, colours, truths)),
            self.lines: phrase_lines(result, colours, verdicts),
            self.table: object_table(result, colours, looked.chosen),
            self.words: words_shown(result, looked),
            self.on: gr.update(choices=list(job.phrases), value=list(looked.phrases), visible=len(job.phrases) > 1),
            self.chosen: looked.chosen,
            self.token: looked.token,
        }

    def pictured(self, job: Job, result: GroundingResult, values: Values) -> Updates:
        """What stands below the picture; where nothing was found, why."""
        gone = [one for one in result.phrases if is_absent(one, result.thresholds["existence"])]
        absent = [one.phrase for one in gone]
        dropped = self._sight.bench.why_not(job, absent) if absent else {}
        failing = {one.phrase: failing_part(one) for one in gone}
        return {self.notices: notice_lines(_but_absent(result)), self.absent: absent_panel(result, dropped, failing)}

    def seen(self, job: Job, result: GroundingResult, values: Values) -> np.ndarray:
        """The picture with the layers that are on, for files."""
        picture: np.ndarray = self._shown(job, result, self.looked(job, result, values))[self.picture]
        return picture

    def plain(self, job: Job, result: GroundingResult) -> np.ndarray:
        """The picture with boxes and masks, whatever is looked at."""
        looked = Looked(tuple(START), 0.45, job.phrases)
        pixels = to_bytes(self._sight.bench.image(job).pixels)
        return answer_picture(pixels, scenery_of(result, looked, colours_of(job.phrases), {}))

    def wire(self, inputs: set[Any]) -> None:
        changes = [self.layers.input, self.on.input, self.opacity.release, self.opacity.input]
        gr.on(changes, told(self.when_changed), inputs, self.drawing, **LAST)
        self.table.select(told(self.when_picked), inputs, self.drawing, **LAST)
        self.words.select(told(self.when_word_picked), inputs, [*self.drawing, self.layers], **LAST)

    def when_changed(self, values: Values) -> Updates:
        """The same answer with other layers; before the first answer, nothing."""
        if values[self._sight.shown] is None:
            return {self.chosen: None}
        job, result = self._sight.job(values), self._sight.result(values)
        return self.drawn(job, result, values)

    def when_picked(self, event: gr.SelectData, values: Values) -> Updates:
        """The object of the row that was clicked, alone; a second click brings the others back."""
        number = int(event.index)
        return self.when_changed({**values, self.chosen: None if number == values[self.chosen] else number})

    def when_word_picked(self, event: gr.SelectData, values: Values) -> Updates:
        """Where a word is looked at, at a depth; a second click takes it away."""
        depth, word = divmod(int(event.index), 100)
        token = None if values[self.token] == (depth, word) else (depth, word)
        others = [layer for layer in values[self.layers] or () if layer != "words"]
        layers = [*others, "words"] if token else others
        return self.when_changed({**values, self.token: token, self.layers: layers}) | {self.layers: layers}


def words_shown(result: GroundingResult, looked: Looked) -> str:
    """The words of the phrase that is looked at, from the cell of its object."""
    from pipelines.grounding.words import best_cell, word_shares, words_of

    one = looked.phrase_of(result)
    if one is None:
        return ""
    if not tells_words(one.raw):
        return terms_table(one)
    found = next((obj for obj in result.objects if obj.id in one.targets and looked.chosen in (None, obj.id)), None)
    cell = found.cell if found is not None and found.cell is not None else best_cell(one.raw)
    who = f"#{found.id}" if found is not None else "the likeliest place"
    title = f"Which words the cell of {who} looks at, in percent, wherever language enters. Click one to see where."
    return word_grid(words_of(one.phrase), word_shares(one.raw, one.phrase, cell), one.unknown, looked.token, title)


def objects_of(result: GroundingResult, phrase: str) -> list[Any]:
    """The objects of one phrase."""
    return [one for one in result.objects if one.phrase == phrase]


def verdict_of(result: GroundingResult, phrase: str, truth: Truth) -> bool:
    """Whether the answer to a phrase is right; where it was only asked, whether there is such a thing."""
    one = next(one for one in result.phrases if one.phrase == phrase)
    if not one.decodes:
        return is_absent(one, result.thresholds["existence"]) != bool(len(truth.boxes))
    return is_hit(objects_of(result, phrase), truth)


def _but_absent(result: GroundingResult) -> list[Any]:
    """Notices without those that the panel of absent things says at length."""
    return [one for one in result.notices if not one.text.startswith("Nothing in the picture matches")]
