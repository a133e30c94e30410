"""Questions about the word that is on the page: by a template, or in a line of English."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.sight import SAVE, STILL, Sight, Updates, Values
from demos.stills import StillImage
from demos.tab import BESIDE_QUEUE, told
from demos.tab_events import LAST
from demos.text_recognition_drawing import enlarged, evidence_over
from demos.text_recognition_reading import ReadingView
from demos.text_recognition_source import ID
from demos.text_recognition_words import answer_line
from demos.words import hint
from pipelines.shared.errors import UserError
from pipelines.text_recognition.charset import MAX_LENGTH
from pipelines.text_recognition.question_parser import parse_question
from pipelines.text_recognition.questions import ARGUMENTS, KINDS, NUMBERS, Question

if TYPE_CHECKING:
    from demos.text_recognition_bench import Job, Sheet
    from pipelines.text_recognition.abilities import Abilities

ABOUT = (
    "The network is asked itself; its answer need not be what its reading says, and then it is marked. "
    "Bright is where it looked."
)


ASLEEP = gr.update(interactive=False)


class AskView:
    """A menu of questions with two fields, a free line, and the answer with where the network looked for it."""

    def __init__(self, sight: Sight, reading: ReadingView) -> None:
        self._sight, self._reading = sight, reading
        with gr.Accordion("Ask", open=False, elem_id=f"{ID}-ask-box"):
            self.about = gr.HTML(hint(ABOUT), elem_id=f"{ID}-ask-about")
            with gr.Row():
                self.free = gr.Textbox("", label="In your words", placeholder="How many e?", max_lines=1,
                                       elem_id=f"{ID}-ask-free", info="Enter asks", min_width=260)  # fmt: skip
            with gr.Row(elem_classes="tight"):
                self.kind = gr.Dropdown([(title, name) for name, title in KINDS.items()], value="count",
                                        label="Or by template", elem_id=f"{ID}-ask-kind", min_width=200)  # fmt: skip
                self.number = gr.Number(1, label="Position, n-th", precision=0, minimum=1, maximum=MAX_LENGTH,
                                        elem_id=f"{ID}-ask-number", min_width=110, interactive=False)  # fmt: skip
                self.text = gr.Textbox("e", label="Text", max_lines=1, elem_id=f"{ID}-ask-text",
                                       min_width=110)  # fmt: skip
                self.ask = gr.Button("Ask", size="sm", min_width=70, elem_id=f"{ID}-ask")
            self.answer = gr.HTML("", elem_id=f"{ID}-answer")
            self.picture = StillImage(label="Where the network looked", elem_id=f"{ID}-answer-picture", visible=False,
                                      show_label=False, buttons=SAVE, **STILL)  # fmt: skip
        self.controls = [self.free, self.kind, self.number, self.text]
        self.outputs = [self.answer, self.picture]
        self.fitting = [self.about, *self.controls, self.ask]

    def pictured(self, job: Job, sheet: Sheet, values: Values) -> Updates:
        """An answer belongs to the reading that it was asked of: it goes with it."""
        if values[self._sight.shown] == job:
            return {}
        return {self.answer: "", self.picture: gr.update(value=None, visible=False)}

    def able(self, able: Abilities, values: Values) -> Updates:
        """Questions to a network that answers them; to another, why there are none."""
        is_on = able.can_be_asked
        fields = self.when_kind_changes(values) if is_on else dict.fromkeys((self.number, self.text), ASLEEP)
        return {self.about: hint(ABOUT) if is_on else hint(able.why, "reason"), **fields,
                **{one: gr.update(interactive=is_on) for one in (self.free, self.kind, self.ask)}}  # fmt: skip

    def wire(self, inputs: set[Any]) -> None:
        self.kind.input(told(self.when_kind_changes), inputs, [self.number, self.text], **LAST)
        self.ask.click(told(self.when_asked), inputs, self.outputs, **BESIDE_QUEUE)
        self.free.submit(told(self.when_asked_freely), inputs, self.outputs, trigger_mode="once", **BESIDE_QUEUE)
        self.text.submit(told(self.when_asked), inputs, self.outputs, trigger_mode="once", **BESIDE_QUEUE)

    def when_kind_changes(self, values: Values) -> Updates:
        """The fields that the question has are enabled."""
        names = ARGUMENTS[values[self.kind]]
        return {
            self.number: gr.update(interactive=any(name in NUMBERS for name in names)),
            self.text: gr.update(interactive=any(name not in NUMBERS for name in names)),
        }

    def when_asked(self, values: Values) -> Updates:
        """The question of the template."""
        given = {True: int(values[self.number] or 1), False: (values[self.text] or "").strip()}
        arguments = tuple(given[name in NUMBERS] for name in ARGUMENTS[values[self.kind]])
        return self._asked(values, Question(values[self.kind], arguments))

    def when_asked_freely(self, values: Values) -> Updates:
        """The question in a line of English."""
        return self._asked(values, parse_question(values[self.free] or ""))

    def _asked(self, values: Values, question: Question) -> Updates:
        job, sheet = self._sight.job(values), self._sight.result(values)
        word = self._reading.word(sheet, values)
        if word is None:
            raise UserError("There is no word to ask about: nothing was found in the photograph.", "Nothing to ask")
        answer = self._sight.bench.ask(job, word, question)
        seen = evidence_over(enlarged(word.pixels)[0], answer.evidence)
        return {self.answer: answer_line(sentence(question), answer),
                self.picture: gr.update(value=seen, visible=True)}  # fmt: skip


def sentence(question: Question) -> str:
    """The question as it was understood."""
    words = {
        "char_at": "What is character {0}?", "is_char_at": "Is character {0} a {1}?", "count": "How many {0}?",
        "count_kind": "How many {0}?",
        "exists": "Is there a {0}?", "find_nth": "Where is {1} number {0}?", "length": "How many characters?",
        "starts_with": "Does it start with {0}?", "contains": "Does it contain {0}?",
    }  # fmt: skip
    given = list(question.arguments)
    if question.kind == "exists":
        given = [" or a ".join(str(given[0]))]
    return words[question.kind].format(*given)
