"""What the head of the page asks of the fusion tab: a link to the picture, and the page as a link or file has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from demos.fusion_events import then_run
from demos.fusion_export import document_of
from demos.fusion_words import ENGINE_TITLES
from demos.links import example_named, pack, unpack
from demos.merge_panel import describe
from demos.sight import Sight, Updates, Values
from pipelines.merging.recipe import recipe_hash

if TYPE_CHECKING:
    from demos.fusion import FusionTab
    from demos.fusion_bench import Job


class FusionLinks:
    """The fusion tab as the head of the page sees it."""

    def __init__(self, tab: FusionTab) -> None:
        self._tab = tab
        self.settable = [*tab.settable, tab.export.restored]

    def then_run(self, event: Any) -> None:
        """Run what an event has put on the page."""
        then_run(self._tab, event)

    def query(self, values: Values) -> dict[str, str]:
        """What a link to the picture on the page says; frames of an example are named, others stay here."""
        tab = self._tab
        job, slug = Sight(tab.bench, tab.shown).job(values), values[tab.source.example]
        document = document_of(job, tab.bench.frames(job), tab.family.name)
        if not slug or values[tab.source.swap]:
            return {"tab": "fusion", "recipe": pack(document)}
        return {"tab": "fusion", "example": slug, "recipe": pack(replace(document, inputs=()))}

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

    def restored(self, text: str) -> Updates:
        """The page as a recipe wants it."""
        return self._tab.restored(text)


def words_of(job: Job | None) -> str:
    """A job's mix in words and the start of its hash."""
    if job is None:
        return "no mix yet"
    if job.options.engine != "net":
        return ENGINE_TITLES[job.options.engine]
    return f"{describe(job.recipe)} · #{recipe_hash(job.recipe)[:8]}"
