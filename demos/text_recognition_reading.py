"""The reading itself: large letters, the crop with a box per character, and where the network looked for one."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demos.sight import SAVE, STILL, Sight, Updates, Values
from demos.stills import StillImage
from demos.tab import told
from demos.tab_events import LAST
from demos.text_recognition_bench import Job, Sheet, Word
from demos.text_recognition_drawing import character_at, photo_picture, reading_picture, word_at
from demos.text_recognition_source import ID
from demos.text_recognition_words import (
    NO_WORD,
    NOTHING,
    character_table,
    correction_lines,
    ranking_table,
    reading_line,
    step_legend,
    waiting_line,
    word_table,
)
from demos.words import hint, notice_lines
from pipelines.text_recognition.options import PHOTO

# The buttons of characters and words are made afresh with each reading: the click is caught where they stand.
PICK = """element.addEventListener('click', (event) => {
  const one = event.target.closest('button[data-index]');
  if (one) trigger('select', { index: Number(one.dataset.index), value: one.innerText });
});"""
ABOUT = "Click a character, or its box: the picture shows where the network looked for it."
ABOUT_WORDS = "Words found: click one, or its number, to look at it"


class ReadingView:
    """The word that is looked at: `chosen` is its character whose evidence is shown, `place` its index in a photo."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self.line = gr.HTML(waiting_line(), elem_id=f"{ID}-reading", js_on_load=PICK, elem_classes="mdk-picture")
        gr.HTML(step_legend(), elem_classes="when-read")
        self.corrections = gr.HTML("", elem_id=f"{ID}-corrections", elem_classes="when-full")
        self.photo = StillImage(label=ABOUT_WORDS, elem_id=f"{ID}-photo", visible=False, buttons=SAVE,
                                elem_classes="mdk-picture", **STILL)  # fmt: skip
        self.words = gr.HTML("", elem_id=f"{ID}-words", visible=False, js_on_load=PICK)
        self.text = gr.Textbox(label="All words in reading order", elem_id=f"{ID}-text", visible=False, max_lines=8,
                               buttons=["copy"], interactive=False)  # fmt: skip
        self.picture = StillImage(label="Characters", elem_id=f"{ID}-out", buttons=SAVE, show_label=False,
                                  elem_classes=["mdk-picture", "when-full"], **STILL)  # fmt: skip
        gr.HTML(hint(ABOUT), elem_classes="when-read")
        self.notices = gr.HTML("", elem_id=f"{ID}-notices", elem_classes="when-full")
        self.ranking = gr.HTML("", elem_id=f"{ID}-ranking", elem_classes="when-full")
        with gr.Accordion("Characters", open=False, elem_id=f"{ID}-characters-box"):
            self.table = gr.HTML("", elem_id=f"{ID}-characters")
        self.chosen, self.place = gr.State(None), gr.State(0)
        self.controls = [self.chosen, self.place]
        self.drawing = [self.line, self.corrections, self.picture, self.photo, self.words, self.text, self.chosen,
                        self.place]  # fmt: skip
        self.outputs = [self.notices, self.ranking, self.table]

    def word(self, sheet: Sheet, values: Values) -> Word | None:
        """The word of a result that is looked at."""
        return sheet.word(values[self.place])

    def drawn(self, job: Job, sheet: Sheet, values: Values) -> Updates:
        """A result: of another picture its first word, else the word and the character that are looked at."""
        is_same = self._is_of_shown(job, values)
        return self._shown(job, sheet, self._kept_place(job, sheet, values), values[self.chosen] if is_same else None)

    def _is_of_shown(self, job: Job, values: Values) -> bool:
        """Whether the picture is the one whose result was shown last."""
        before: Job | None = values[self._sight.shown]
        return before is None or (before.path, before.mode) == (job.path, job.mode)

    def _kept_place(self, job: Job, sheet: Sheet, values: Values) -> int:
        return min(values[self.place], max(len(sheet.words) - 1, 0)) if self._is_of_shown(job, values) else 0

    def _shown(self, job: Job, sheet: Sheet, place: int, chosen: int | None) -> Updates:
        word, is_photo = sheet.word(place), job.mode == PHOTO
        reading = word.reading if word else None
        count = len(reading.characters) if reading else 0
        chosen = chosen if chosen is not None and 0 <= chosen < count else None
        corners = [one.corners for one in sheet.words if one.corners is not None]
        labels = [one.reading.text for one in sheet.words if one.corners is not None]
        return {
            self.line: reading_line(reading, chosen, NOTHING if word else NO_WORD),
            self.corrections: correction_lines(reading),
            self.picture: reading_picture(word.pixels, reading.characters, chosen) if word and reading else None,
            self.photo: gr.update(
                value=photo_picture(sheet.photo, corners, place, labels) if sheet.photo is not None else None,
                visible=is_photo,
            ),
            self.words: gr.update(value=word_table(sheet, place) if is_photo else "", visible=is_photo),
            self.text: gr.update(value=sheet.text if is_photo else "", visible=is_photo),
            self.chosen: chosen,
            self.place: place,
        }  # fmt: skip

    def pictured(self, job: Job, sheet: Sheet, values: Values) -> Updates:
        """The tables below the picture."""
        word = sheet.word(self._kept_place(job, sheet, values))
        reading = word.reading if word else None
        return {
            self.notices: notice_lines((*sheet.notices, *(reading.notices if reading else ()))),
            self.ranking: ranking_table(reading),
            self.table: character_table(reading),
        }

    def wire(self, inputs: set[Any]) -> None:
        both = [*self.drawing, *self.outputs]
        self.line.select(told(self.when_picked), inputs, self.drawing, **LAST)
        self.picture.select(told(self.when_pointed), inputs, self.drawing, **LAST)
        self.photo.select(told(self.when_word_pointed), inputs, both, **LAST)
        self.words.select(told(self.when_word_picked), inputs, both, **LAST)

    def when_picked(self, event: gr.SelectData, values: Values) -> Updates:
        """The evidence of the character that was clicked; a second click takes it away."""
        return self._with_chosen(values, int(event.index))

    def when_pointed(self, event: gr.SelectData, values: Values) -> Updates:
        """The same by its box."""
        word = self.word(self._sight.result(values), values)
        if word is None:
            return {self.chosen: None}
        point = (float(event.index[0]), float(event.index[1]))
        return self._with_chosen(values, character_at(point, word.pixels, word.reading.characters))

    def _with_chosen(self, values: Values, index: int | None) -> Updates:
        job, sheet = self._sight.job(values), self._sight.result(values)
        return self._shown(job, sheet, values[self.place], None if index == values[self.chosen] else index)

    def when_word_pointed(self, event: gr.SelectData, values: Values) -> Updates:
        """The word of the photograph that was clicked, as a word."""
        sheet = self._sight.result(values)
        if sheet.photo is None:
            return {self.chosen: None}
        corners = [one.corners for one in sheet.words if one.corners is not None]
        return self._at_word(values, word_at((float(event.index[0]), float(event.index[1])), sheet.photo, corners) or 0)

    def when_word_picked(self, event: gr.SelectData, values: Values) -> Updates:
        """The same by its number in the table."""
        return self._at_word(values, max(0, int(event.index)))

    def _at_word(self, values: Values, place: int) -> Updates:
        job, sheet = self._sight.job(values), self._sight.result(values)
        looked_at = {**values, self.place: place}
        return self._shown(job, sheet, place, None) | self.pictured(job, sheet, looked_at)
