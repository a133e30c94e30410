"""The Lab's recipe: where sweeps and curves start, what a chosen cell gives; to and from the desks of the tabs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.merge_words import describe
from demos.networks import OWN
from demos.sight import Updates, Values
from demos.tab import TELLING, told
from demos.tab_events import then_run
from demos.words import hint
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import recipe_hash
from pipelines.shared.errors import UserError
from pipelines.shared.recipe_file import RecipeDocument, dump_yaml

if TYPE_CHECKING:
    from demos.lab import LabTab
    from demos.mix_tab import MixTab


class RecipeBox:
    """One line, the buttons, and the recipe as text."""

    def __init__(self, name: str, recipe: MergeRecipe) -> None:
        self.kept = gr.State((name, recipe))
        self.desks: tuple[str, ...] = ()  # families that have one on this page
        with gr.Row(elem_classes="lab-recipe"):
            self.line = gr.HTML(line_of(name, recipe), elem_id="lab-recipe-line")
            self.to_desk = gr.Button("To the desk", size="sm", min_width=100, scale=0, elem_id="lab-to-desk")
            self.from_desk = gr.Button("From the desk", size="sm", min_width=110, scale=0, elem_id="lab-from-desk")
        with gr.Accordion("The Lab's recipe as text", open=False, elem_id="lab-recipe-box"):
            self.yaml = gr.Code(document_text(name, recipe), language="yaml", lines=8, max_lines=22, interactive=True,
                                label="Recipe", elem_id="lab-recipe", buttons=["copy", "download"])  # fmt: skip
            self.use = gr.Button("Use this", size="sm", elem_id="lab-recipe-use")
        self.controls = [self.kept, self.yaml]
        self.outputs = [self.kept, self.line, self.yaml, self.to_desk, self.from_desk]

    def put(self, name: str, recipe: MergeRecipe) -> Updates:
        """Another recipe."""
        has_desk = name in self.desks
        return {
            self.kept: (name, recipe),
            self.line: line_of(name, recipe, has_desk),
            self.yaml: document_text(name, recipe),
            self.to_desk: gr.update(interactive=has_desk),
            self.from_desk: gr.update(interactive=has_desk),
        }

    def recipe(self, values: Values) -> MergeRecipe:
        """The recipe that was put here last."""
        found: MergeRecipe = values[self.kept][1]
        return found

    def wire_desks(self, tabs: gr.Tabs, desks: Mapping[str, MixTab], lab: LabTab) -> None:
        """Each family's desk stands on a tab of its own: the buttons find it."""
        self.desks = tuple(desks)
        family, recipe = self.kept.value
        has_desk = family in desks
        self.line.value = line_of(family, recipe, has_desk)
        self.to_desk.interactive = self.from_desk.interactive = has_desk
        for name, tab in desks.items():
            sent = told(_sender(self, tabs, name, tab))
            then_run(tab, self.to_desk.click(sent, {self.kept, *tab.inputs}, [tabs, *tab.settable], **TELLING))
            taken = told(_taker(self, name, tab, lab))
            self.from_desk.click(taken, {*lab.inputs, *tab.inputs}, lab.picked, **TELLING)


def _sender(box: RecipeBox, tabs: gr.Tabs, name: str, tab: MixTab) -> Any:
    def send(values: Values) -> Updates:
        family, recipe = values[box.kept]
        if family != name:
            return {tabs: gr.skip()}
        return {tabs: gr.Tabs(selected=tab.name)} | tab.on_desk(OWN, recipe, values)

    return send


def _taker(box: RecipeBox, name: str, tab: MixTab, lab: LabTab) -> Any:
    def take(values: Values) -> Updates:
        family, _ = values[box.kept]
        if family != name:
            return {box.line: gr.skip()}
        if there := values[tab.panel.network]:
            raise UserError(f"{there} is on that desk; choose {name} there first.", "Another network")
        return lab.put(name, tab.panel.recipe(values), values)

    return take


def line_of(name: str, recipe: MergeRecipe, has_desk: bool = True) -> str:
    """The recipe in words, and why it cannot go to a desk where it cannot."""
    why = "" if has_desk else hint(f"{name} has no desk on this page: its recipes stay here.", "reason")
    return hint(f"The Lab's recipe, {name}: {describe(recipe)} · #{recipe_hash(recipe)[:8]}") + why


def document_text(
    name: str, recipe: MergeRecipe, options: Mapping[str, Any] | None = None, weights: Mapping[str, str] | None = None
) -> str:
    """The Lab's recipe document as YAML; one of a figure also says which weights made it."""
    return dump_yaml(RecipeDocument("lab", name, recipe, options or {}, weights=weights or {}))
