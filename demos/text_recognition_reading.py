"""The reading itself: large letters, the crop with a box per character, and where the network looked for one."""

from __future__ import annotations

from typing import Any

import gradio as gr

from demos.sight import SAVE, STILL, Sight, Updates, Values
from demos.stills import StillImage
from demos.tab import told
from demos.tab_events import LAST
from demos.text_recognition_bench import PHOTO, Job, Sheet, Word
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
    word_table,
)
from demos.words import hint, notice_lines

# The buttons of the characters are made afresh with each reading: the click is caught where they stand.
PICK = """element.addEventListener('click', (event) => {
  const one = event.target.closest('button.char');
  if (one) trigger('select', { index: Number(one.dataset.index), value: one.innerText });
});"""
ABOUT = "Click a character, or its box: the picture shows where the network looked for it."


class ReadingView:
    """The word that is looked at: `chosen` is its character whose evidence is shown, `place` its index in a photo."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self.line = gr.HTML(reading_line(None, None, "no result yet"), elem_id=f"{ID}-reading", js_on_load=PICK,
                            elem_classes="mdk-picture")  # fmt: skip
        gr.HTML(step_legend())
        self.corrections = gr.HTML("", elem_id=f"{ID}-corrections")
        self.photo = StillImage(label="Words found", elem_id=f"{ID}-photo", visible=False, buttons=SAVE, height=420,
                                elem_classes="mdk-picture", **STILL)  # fmt: skip
        self.words = gr.HTML("", elem_id=f"{ID}-words", visible=False)
        self.picture = StillImage(label="Characters", elem_id=f"{ID}-out", buttons=SAVE, elem_classes="mdk-picture",
                                  show_label=False, **STILL)  # fmt: skip
        gr.HTML(hint(ABOUT))
        self.notices = gr.HTML("", elem_id=f"{ID}-notices")
        self.ranking = gr.HTML("", elem_id=f"{ID}-ranking")
        with gr.Accordion("Characters", open=False, elem_id=f"{ID}-characters-box"):
            self.table = gr.HTML("", elem_id=f"{ID}-characters")
        self.chosen, self.place = gr.State(None), gr.State(0)
        self.controls = [self.chosen, self.place]
        self.drawing = [self.line, self.corrections, self.picture, self.photo, self.words, self.chosen, self.place]
        self.outputs = [self.notices, self.ranking, self.table]

    def word(self, sheet: Sheet, values: Values) -> Word | None:
        """The word of a result that is looked at."""
        return sheet.word(values[self.place])

    def drawn(self, job: Job, sheet: Sheet, values: Values) -> Updates:
        """A result: its first word, or the one that is looked at while it is there."""
        place = min(values[self.place], max(len(sheet.words) - 1, 0)) if job.mode == PHOTO else 0
        return self._shown(job, sheet, place, values[self.chosen])

    def _shown(self, job: Job, sheet: Sheet, place: int, chosen: int | None) -> Updates:
        word, is_photo = sheet.word(place), job.mode == PHOTO
        reading = word.reading if word else None
        count = len(reading.characters) if reading else 0
        chosen = chosen if chosen is not None and chosen < count else None
        corners = [one.corners for one in sheet.words if one.corners is not None]
        return {
            self.line: reading_line(reading, chosen, NOTHING if word else NO_WORD),
            self.corrections: correction_lines(reading),
            self.picture: reading_picture(word.pixels, reading.characters, chosen) if word and reading else None,
            self.photo: gr.update(value=photo_picture(sheet.photo, corners, place) if sheet.photo is not None else None,
                                  visible=is_photo),
            self.words: gr.update(value=word_table(sheet) if is_photo else "", visible=is_photo),
            self.chosen: chosen,
            self.place: place,
        }  # fmt: skip

    def pictured(self, job: Job, sheet: Sheet, values: Values) -> Updates:
        """The tables below the picture."""
        word = self.word(sheet, values)
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
        job, sheet = self._sight.job(values), self._sight.result(values)
        if sheet.photo is None:
            return {self.chosen: None}
        corners = [one.corners for one in sheet.words if one.corners is not None]
        place = word_at((float(event.index[0]), float(event.index[1])), sheet.photo, corners) or 0
        looked_at = {**values, self.place: place}
        return self._shown(job, sheet, place, None) | self.pictured(job, sheet, looked_at)
