"""The head of the page: the mix in words, a link to it, a way back from a file, and help."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from demos.exports import RECIPE_FILES, pipeline_of, restore
from demos.help import help_page
from demos.links import address
from demos.tab import BESIDE_QUEUE, ON_DEVICE, QUIET, TELLING, told
from pipelines.shared.errors import UserError

TITLE = '<div class="title"><h1>Mixdeck</h1><p>Choose sources, choose how much of each, and see it.</p></div>'
COPY = "(address) => window.mixdeck.copied(address)"


class Header:
    """Built above the tabs, wired when they are there.

    A tab gives `name`, `inputs`, `pictures`, `shown`, `words(shown)`, `when_asked(request, values)`, and `links`:
    settable, query(values), opened_with(query), restored(text, values), then_settle(event).
    """

    def __init__(self, names: Sequence[str]) -> None:
        with gr.Row(elem_id="header"):
            gr.HTML(TITLE)
            self.chip = gr.HTML(chip_of("no mix yet"), elem_id="mix-chip")
            self.copy = gr.Button("Copy link", size="sm", min_width=80, scale=0, elem_id="copy-link")
            self.figure = gr.Button("Figure…", size="sm", min_width=70, scale=0, elem_id="figure-open")
            self.file = gr.UploadButton("Restore…", size="sm", min_width=80, scale=0, file_types=RECIPE_FILES,
                                        elem_id="restore")  # fmt: skip
            self.help = gr.Button("?", size="sm", min_width=36, scale=0, elem_id="help-open")
        self.link = gr.Textbox(visible=False, label="Link to this mix", buttons=["copy"], interactive=False,
                               elem_id="link-text")  # fmt: skip
        gr.HTML(help_page(), elem_id="help")
        self.current = gr.State("")
        self.is_read = gr.State(False)  # the address was
        # Of each tab: how often it was asked to run from here, when first seen and at each restore. Made here: among
        # the tabs a state would count as one, and shift the others.
        self.asked = {name: gr.State(0) for name in names}

    def wire(self, page: gr.Blocks, tabs: gr.Tabs, built: Mapping[str, Any]) -> None:
        """Events of the buttons, and of the page as its address wants it."""
        self._tabs, self._built = tabs, built
        asked = self.asked.values()
        everything = {self.current, self.file, *asked, *(one for tab in built.values() for one in tab.inputs)}
        settable = [tabs, *asked, *(one for tab in built.values() for one in tab.links.settable)]
        self.copy.click(told(self.when_copied), everything, [self.link], **BESIDE_QUEUE).success(
            None, [self.link], [self.link], js=COPY, **BESIDE_QUEUE
        )
        self.file.upload(told(self.when_restored), everything, settable, trigger_mode="always_last", **TELLING)
        self.figure.click(None, js="() => window.mixdeck.figure()", **BESIDE_QUEUE)
        self.help.click(None, js="() => window.mixdeck.help()", **BESIDE_QUEUE)
        page.load(told(self.when_opened), None, [self.is_read, *settable], trigger_mode="once",
                  **TELLING)  # fmt: skip

    def follow(self, opened: gr.Tab, name: str, tab: Any) -> None:
        """The tab that is opened is the current one: its mix is in the chip. What it runs first, it runs now."""
        asked = self.asked[name]

        def chosen(is_read: bool, count: int, shown: Any) -> tuple[str, str, int]:
            return name, chip_of(tab.words(shown)), max(count, int(is_read))

        opened.select(chosen, [self.is_read, asked, tab.shown], [self.current, self.chip, asked],
                      trigger_mode="always_last", **TELLING)  # fmt: skip

    def run_of(self, tab: Any) -> Any:
        """The run of a tab that is asked for from here: its first example when a visitor first sees it, as hidden tabs
        would hold up the one that is seen, and what was restored on it."""
        run = self.asked[tab.name].change(told(tab.when_asked), tab.inputs, tab.pictures, trigger_mode="always_last",
                                          **QUIET, **ON_DEVICE)  # fmt: skip
        tab.links.then_settle(run)
        return run

    def chip_after(self, current: str, tab: Any, shown: Any) -> Any:
        """The chip after a run of a tab, which may not be the one that is looked at."""
        is_seen = current == tab.name or (not current and tab is next(iter(self._built.values())))
        return chip_of(tab.words(shown)) if is_seen else gr.skip()

    def _known(self, *names: str) -> str:
        """The first of these that is a tab; else the page's first."""
        return next(name for name in (*names, *self._built) if name in self._built)

    def when_copied(self, values: Mapping[Any, Any]) -> Any:
        """The address of the mix that is shown; the browser completes and copies it."""
        query = self._built[self._known(values[self.current])].links.query(values)
        return {self.link: gr.update(value=address(query), visible=True)}

    def when_restored(self, values: Mapping[Any, Any]) -> Any:
        """The settings of a dropped file, on the tab that they are for; it alone runs."""
        text = restore(Path(values[self.file]))
        name = self._known(pipeline_of(text), values[self.current])
        asked = self.asked[name]
        updates = self._built[name].links.restored(text, values)
        return updates | {self._tabs: gr.update(selected=name), asked: values[asked] + 1}

    def when_opened(self, request: gr.Request) -> Any:
        """What the address asks for; what cannot be read is told, and the page opens as usual."""
        query = dict(request.query_params) if request else {}
        name = self._known(query.get("tab", ""))
        updates: dict[Any, Any] = {self.is_read: True, self.asked[name]: 1}
        if "tab" in query:
            updates[self._tabs] = gr.update(selected=name)
        try:
            return updates | self._built[name].links.opened_with(query)
        except UserError as error:
            gr.Warning(html.escape(str(error), quote=False), title=error.title)
            return updates


def chip_of(words: str) -> str:
    """The mix in words, as a button that shows the recipe."""
    return f'<button type="button" class="chip" title="Show the recipe">mix: {html.escape(words)}</button>'
