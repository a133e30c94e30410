"""The Lab's recipe: where sweeps and curves start, what a chosen cell gives; to and from the desks of the tabs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.merge_words import describe
from demos.sight import Updates, Values
from demos.tab import TELLING, told
from demos.tab_events import then_run
from demos.words import hint
from pipelines.merging.recipe import MergeRecipe, recipe_hash
from pipelines.shared.errors import UserError
from pipelines.shared.recipe_file import RecipeDocument, dump_yaml

if TYPE_CHECKING:
    from demos.mix_tab import MixTab


class RecipeBox:
    """One line, the buttons, and the recipe as text."""

    def __init__(self, name: str, recipe: MergeRecipe) -> None:
        self.kept = gr.State((name, recipe))
        with gr.Row(elem_classes="lab-recipe"):
            self.line = gr.HTML(line_of(name, recipe), elem_id="lab-recipe-line")
            self.to_desk = gr.Button("To the desk", size="sm", min_width=100, scale=0, elem_id="lab-to-desk")
            self.from_desk = gr.Button("From the desk", size="sm", min_width=110, scale=0, elem_id="lab-from-desk")
        with gr.Accordion("The Lab's recipe as text", open=False, elem_id="lab-recipe-box"):
            self.yaml = gr.Code(document_text(name, recipe), language="yaml", lines=8, max_lines=22, interactive=True,
                                label="Recipe", elem_id="lab-recipe", buttons=["copy", "download"])  # fmt: skip
            self.use = gr.Button("Use this", size="sm", elem_id="lab-recipe-use")
        self.controls = [self.kept, self.yaml]
        self.outputs = [self.kept, self.line, self.yaml]

    def put(self, name: str, recipe: MergeRecipe) -> Updates:
        """Another recipe."""
        return {
            self.kept: (name, recipe),
            self.line: line_of(name, recipe),
            self.yaml: document_text(name, recipe),
        }

    def recipe(self, values: Values) -> MergeRecipe:
        """The recipe that was put here last."""
        found: MergeRecipe = values[self.kept][1]
        return found

    def wire_desks(self, tabs: gr.Tabs, desks: Mapping[str, MixTab], picked: list[Any]) -> None:
        """Each family's desk stands on a tab of its own: the buttons find it."""
        for name, tab in desks.items():
            inputs = {self.kept}
            moved = self.to_desk.click(
                told(_sender(self, tabs, name, tab)), inputs, [tabs, *tab.desk_outputs], **TELLING
            )
            then_run(tab, moved)
            self.from_desk.click(told(_taker(self, name, tab)), {self.kept, *tab.inputs}, picked, **TELLING)
        self.to_desk.click(told(lambda values: self._told(values, desks)), {self.kept}, [self.line], **TELLING)
        self.from_desk.click(told(lambda values: self._told(values, desks)), {self.kept}, [self.line], **TELLING)

    def _told(self, values: Values, desks: Mapping[str, MixTab]) -> Updates:
        name, _ = values[self.kept]
        if name not in desks:
            able = ", ".join(desks) or "no family"
            raise UserError(f"{name} has no desk on this page; {able} has. Its recipe stays here.", "No desk")
        return {self.line: gr.skip()}


def _sender(box: RecipeBox, tabs: gr.Tabs, name: str, tab: MixTab) -> Any:
    def send(values: Values) -> Updates:
        family, recipe = values[box.kept]
        if family != name:
            return {tabs: gr.skip()}
        return {tabs: gr.Tabs(selected=tab.name)} | tab.panel.shown(recipe)

    return send


def _taker(box: RecipeBox, name: str, tab: MixTab) -> Any:
    def take(values: Values) -> Updates:
        family, _ = values[box.kept]
        return box.put(name, tab.panel.recipe(values)) if family == name else {box.line: gr.skip()}

    return take


def line_of(name: str, recipe: MergeRecipe) -> str:
    """The recipe in words."""
    return hint(f"The Lab's recipe, {name}: {describe(recipe)} · #{recipe_hash(recipe)[:8]}")


def document_text(name: str, recipe: MergeRecipe, options: Mapping[str, Any] | None = None) -> str:
    """The Lab's recipe document as YAML."""
    return dump_yaml(RecipeDocument("lab", name, recipe, options or {}))
