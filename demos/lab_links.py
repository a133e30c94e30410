"""What the head of the page asks of the Lab: a link to its settings, and the Lab as a link or file has it."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.lab_work import checked
from demos.links import pack, unpack
from demos.sight import Updates, Values, with_updates
from pipelines.merging.errors import MergeError
from pipelines.merging.recipe_form import recipe_from_dict
from pipelines.shared.errors import UserError
from pipelines.shared.recipe_file import KEYS, VERSION, RecipeDocument, mapping, parse_text, told_weights
from pipelines.shared.weights import other_weights

if TYPE_CHECKING:
    from demos.lab import LabTab


class LabLinks:
    """The Lab as the head of the page sees it."""

    def __init__(self, tab: LabTab) -> None:
        self._tab = tab
        self.settable = tab.settable

    def then_settle(self, run: Any) -> None:
        """Nothing runs by itself in the Lab."""

    def query(self, values: Values) -> dict[str, str]:
        """What a link to the Lab's recipe says."""
        name, recipe = values[self._tab.box.kept]
        options = {"tasks": list(values[self._tab.tasks] or ()), "split": values[self._tab.split]}
        return {"tab": "lab", "recipe": pack(RecipeDocument("lab", name, recipe, options))}

    def opened_with(self, query: Mapping[str, str]) -> Updates:
        """The Lab as an address wants it."""
        return self.restored(unpack(query["recipe"])) if "recipe" in query else {}

    def restored(self, text: str, values: Values | None = None) -> Updates:
        """Family, experts, recipe and the experiment's settings of a document, checked, on the page.

        Raises:
            UserError: it is not one of the Lab's, or has an unknown key or value.
        """
        tab, document = self._tab, self._checked(text)
        name, options = str(document["family"]), dict(mapping("options", document.get("options") or {}))
        tasks = list(tab.bench.tasks(name))
        try:
            recipe = recipe_from_dict(mapping("merge", document.get("merge", {})), tasks)
        except MergeError as error:
            raise UserError(str(error), title="The recipe does not fit") from error
        start = values or {one: one.value for one in tab.inputs if hasattr(one, "value")}
        updates = tab.chosen_family(name, start) | tab.put(name, recipe, start) | self._optional(options, tasks)
        shown = with_updates(start, updates)
        updates[tab.sweep.echo] = tab.sweep.echoed(name, recipe, shown)
        lines = (tab.words((name, recipe)), *other_weights(told_weights(document.get("weights") or {}), tab.assets))
        gr.Success("Settings restored: " + html.escape(". ".join(lines), quote=False))
        return updates

    def _checked(self, text: str) -> Mapping[str, Any]:
        document = mapping("the recipe", parse_text(text))
        if unknown := [str(key) for key in document if key not in KEYS]:
            raise UserError(f"Unknown keys in the recipe: {', '.join(unknown)}; known are {', '.join(KEYS)}.")
        if document.get("mixdeck_recipe") != VERSION or document.get("pipeline") != "lab":
            raise UserError(f"This is no recipe of the Lab: it wants `mixdeck_recipe: {VERSION}` and `pipeline: lab`.",
                            "Not a recipe of the Lab")  # fmt: skip
        known = [one.name for one in self._tab.bench.families()]
        if document.get("family") not in known:
            raise UserError(f"Family {document.get('family')!r} is not known here; known are {', '.join(known)}. "
                            "Own checkpoints have to be dropped again.", "Family not here")  # fmt: skip
        return document

    def _optional(self, options: dict[str, Any], tasks: list[str]) -> Updates:
        tab = self._tab
        updates: Updates = {}
        experiment = tab.experiments.get(str(options.pop("experiment", "")))
        if "tasks" in options:
            wanted = checked("tasks", tab.tasks, options.pop("tasks"), tasks)
            updates[tab.tasks] = gr.update(choices=tasks, value=[one for one in tasks if one in wanted])
        if "split" in options:
            updates[tab.split] = checked("split", tab.split, options.pop("split"))
        if experiment is not None:
            updates |= {tab.parts: gr.Tabs(selected=experiment.name)} | experiment.shown(options)
        unknown = [name for name in options if experiment is None or name not in experiment.settings]
        if unknown:
            raise UserError(f"Unknown options in the recipe: {', '.join(unknown)}.", "Not a recipe of the Lab")
        return updates
