"""What the head of the page asks of a tab: a link to the result, and the page as a link or file has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from demos.links import example_named, pack, unpack
from demos.sight import Sight, Updates, Values
from demos.tab_events import then_settle

if TYPE_CHECKING:
    from demos.mix_tab import MixTab


class TabLinks:
    """A tab as the head of the page sees it."""

    def __init__(self, tab: MixTab) -> None:
        self._tab = tab
        self.settable = [*tab.settable, tab.export.restored]

    def then_settle(self, run: Any) -> None:
        """After a run that the head of the page asked for."""
        then_settle(self._tab, run)

    def query(self, values: Values) -> dict[str, str]:
        """What a link to the result on the page says; inputs of an example are named, others stay here."""
        tab = self._tab
        job, slug = Sight(tab.bench, tab.shown).job(values), tab.example_of(values)
        document = tab.document(job)
        if not slug:
            return {"tab": tab.name, "recipe": pack(document)}
        return {"tab": tab.name, "example": slug, "recipe": pack(replace(document, inputs=()))}

    def opened_with(self, query: Mapping[str, str]) -> Updates:
        """The page as an address wants it: the example, and its recipe on top."""
        tab, updates = self._tab, {}
        if "example" in query:
            example = example_named(tab.source.examples, query["example"])
            updates = tab.with_example(example)
        if "recipe" in query:
            updates |= tab.restored(unpack(query["recipe"]))
        if "example" in query:
            updates |= tab.source.with_example(example)
        return updates

    def restored(self, text: str, values: Values | None = None) -> Updates:
        """The page as a recipe wants it."""
        return self._tab.restored(text, values)
