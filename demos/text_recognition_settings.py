"""What is known of the word beforehand, and when a character is doubted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.fader import Fader
from demos.networks import enabled
from demos.sight import Updates, Values, both
from demos.text_recognition_source import ID, TextSource
from pipelines.text_recognition.options import CHARSETS, CUSTOM, ReadingOptions

if TYPE_CHECKING:
    from pipelines.text_recognition.abilities import Abilities

CHARSET_TITLES = {
    "all": "All 94 printable", "alphanumeric": "Letters and digits", "letters": "Letters", "lower": "Lower case",
    "upper": "Upper case", "digits": "Digits",
}  # fmt: skip
OWN = "own"


class TextSettings:
    """Widgets of one `ReadingOptions`, apart from the procedure, which stands beside the picture.

    `typed` are text boxes: they count when they are left or sent, not at each key.
    """

    def __init__(self, source: TextSource) -> None:
        self._source = source
        with gr.Row():
            self.pattern = gr.Textbox(
                "",
                label="Hint pattern",
                placeholder="C?FF??",
                max_lines=1,
                min_width=200,
                elem_id=f"{ID}-pattern",
                info="? is any one character; a * at the end leaves the length open",
            )
            titles = [(CHARSET_TITLES.get(name, name), name) for name in CHARSETS]
            self.charset = gr.Dropdown(
                [*titles, ("Of my own", OWN)],
                value="all",
                label="Characters that may occur",
                min_width=200,
                elem_id=f"{ID}-charset",
            )
            self.own = gr.Textbox(
                "",
                label="My characters",
                placeholder="0123456789ABCDEF",
                max_lines=1,
                min_width=200,
                interactive=False,
                elem_id=f"{ID}-own-charset",
                info="needs “Of my own” as characters that may occur",
            )
        self.lexicon = gr.Textbox(
            "",
            label="Word list",
            lines=3,
            max_lines=8,
            elem_id=f"{ID}-lexicon",
            info="parted by lines or blanks; if there are any words, the best of them is the reading",
        )
        self.threshold = Fader(
            0,
            1,
            ReadingOptions().doubt_threshold,
            step=0.01,
            label="Doubt threshold",
            buttons=[],
            elem_id=f"{ID}-doubt",
            info="refinement reads again what is confirmed with less than this",
        )
        self.lookalikes = gr.Checkbox(
            False,
            label="Doubt look-alikes",
            elem_id=f"{ID}-lookalikes",
            info="also 0 for O, 1 for l: those that are confirmed too",
        )
        self.typed = [self.pattern, self.own, self.lexicon]
        self.faders = [self.threshold, source.refinements]
        self.switches = [self.lookalikes, source.procedure, source.mode]
        self.controls = [*self.typed, self.charset, self.threshold, self.lookalikes]

    def options(self, values: Values) -> ReadingOptions:
        """What the widgets ask for. Raises UserError as ReadingOptions does."""
        own, is_own = (values[self.own] or "").strip(), values[self.charset] == OWN
        named = "all" if is_own else values[self.charset]
        return ReadingOptions(
            procedure=values[self._source.procedure],
            refinements=int(values[self._source.refinements]),
            pattern=(values[self.pattern] or "").strip(),
            charset=CUSTOM + own if is_own and own else named,
            lexicon=tuple(dict.fromkeys((values[self.lexicon] or "").split())),
            doubt_threshold=values[self.threshold],
            lookalikes=bool(values[self.lookalikes]),
        )

    def shown(self, options: ReadingOptions) -> Updates:
        """The widgets as these options want them."""
        is_own = options.charset.startswith(CUSTOM)
        return {
            self._source.procedure: options.procedure,
            self._source.refinements: options.refinements,
            self.pattern: options.pattern,
            self.charset: OWN if is_own else options.charset,
            self.own: gr.update(value=options.charset.removeprefix(CUSTOM) if is_own else "", interactive=is_own),
            self.lexicon: "\n".join(options.lexicon),
            self.threshold: options.doubt_threshold,
            self.lookalikes: options.lookalikes,
        }

    def able(self, able: Abilities, values: Values) -> Updates:
        """What a network can be told beforehand; what it cannot says why."""
        updates = {one: enabled(one, able.can_be_asked, able.why) for one in self.controls}
        own = self.when_charset_changes(values) if able.can_be_asked else {}
        return both(updates, own) | self._source.able(able, values[self._source.procedure])

    def when_charset_changes(self, values: Values) -> dict[Any, Any]:
        """Characters of one's own are enabled where they mean something."""
        return {self.own: gr.update(interactive=values[self.charset] == OWN)}
