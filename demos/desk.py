"""What stands below the desk of a tab: presets, scores and the recipe as text."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from demos.merge_panel import MergePanel
from demos.merge_words import describe
from demos.networks import OWN
from demos.presets import LONGEST_NAME, check_room, joined, of_network, read, with_network, written
from demos.scores import matrix_table, score_rows
from demos.sight import Updates, Values
from demos.starting_mixes import shipped_presets
from demos.steps import LONG, new_file
from demos.tab import BESIDE_QUEUE, Workshop, told, visitor_of
from demos.words import hint, notice_lines
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import recipe_from_dict, recipe_to_dict
from pipelines.shared.errors import UserError

Scores = Callable[[MergeRecipe], Iterator[Mapping[str, float]]]
Scored = tuple[MergeRecipe, Mapping[str, float], bool]  # and whether on whole sets
UNSCORED = "The probe sets of this tab are its own network's; {name} is not scored on them."


class Desk:
    """Presets, scores and recipe of one panel, in the current layout.

    `scores(recipe)` yields task -> score of a mix of the tab's own family, 0 to 1, as far as it is; it is left alone
    when the mix is replaced. `whole`: the same on the sets that the README's table is of, which takes a minute; None
    where they are those of `scores`. Presets belong to the network that is on the desk.
    """

    def __init__(self, panel: MergePanel, workshop: Workshop, scores: Scores, whole: Scores | None = None) -> None:
        self.panel = panel
        self._id, self._assets, self._scores, self._whole = f"{panel.tab}-desk", workshop.assets, scores, whole
        self._turns = workshop.turns[panel.tab]
        self._shipped = {name: shipped_presets(family) for name, family in panel.networks.items()}
        self._build_presets()
        self._build_scores()
        self._build_recipe()
        self.controls = [self.preset, self.own, self.yaml, self.scored]

    def _build_presets(self) -> None:
        with gr.Accordion("Presets", open=False, elem_id=f"{self._id}-presets-box"):
            self.preset = gr.Dropdown(
                list(self._shipped[OWN]),
                value="house mix",
                label="Preset",
                allow_custom_value=True,
                elem_id=f"{self._id}-preset",
                info="type a name to save the desk under it",
            )
            with gr.Row(elem_classes="tight"):
                self.save = gr.Button("Save", size="sm", min_width=60, elem_id=f"{self._id}-save")
                self.delete = gr.Button("Delete", size="sm", min_width=60, elem_id=f"{self._id}-delete")
            with gr.Row(elem_classes="tight"):
                self.export = gr.DownloadButton(
                    "Export all", size="sm", min_width=60, interactive=False, elem_id=f"{self._id}-presets-export"
                )
                self.file = gr.UploadButton(
                    "Import", size="sm", min_width=60, file_types=[".json"], elem_id=f"{self._id}-presets-import"
                )
            self.told = gr.HTML("", elem_id=f"{self._id}-presets-told")
        # Presets are nobody's secret: a fixed one only keeps them readable after a restart.
        secret = os.environ.get("MIXDECK_BROWSER_SECRET") or "mixdeck"
        self.own = gr.BrowserState({}, storage_key=f"mixdeck.presets.{self.panel.tab}.v1", secret=secret)

    def _build_scores(self) -> None:
        with gr.Accordion("Scores", open=False, elem_id=f"{self._id}-scores-box"):
            self.scores = gr.HTML(self._table({}), elem_id=f"{self._id}-scores")
            self.scored = gr.State(None)
            with gr.Row(elem_classes="tight"):
                self.score = gr.Button("Score this mix", size="sm", min_width=60, elem_id=f"{self._id}-score")
                self.score_whole = gr.Button(
                    "On whole sets", size="sm", min_width=60, visible=self._whole is not None,
                    elem_id=f"{self._id}-score-whole",
                )  # fmt: skip
        self.fitting = [self.preset, self.export, self.scores, self.scored, self.score, self.score_whole]

    def _build_recipe(self) -> None:
        with gr.Accordion("Recipe", open=False, elem_id=f"{self._id}-recipe-box"):
            self.yaml = gr.Code(
                "",
                language="yaml",
                lines=8,
                max_lines=22,
                interactive=True,
                label="Recipe",
                elem_id=f"{self._id}-recipe",
                buttons=["copy", "download"],
                wrap_lines=True,
            )
            self.use_yaml = gr.Button("Use this", size="sm", elem_id=f"{self._id}-use")

    def wire(self, inputs: set[Any]) -> None:
        """Events that move nothing on the desk; choosing a preset and using a recipe are the tab's, for they run."""
        self.save.click(told(self.when_saved), inputs, [self.own, self.preset], **BESIDE_QUEUE)
        self.delete.click(told(self.when_deleted), inputs, [self.own, self.preset], **BESIDE_QUEUE)
        network = self.panel.network
        self.file.upload(told(self.when_imported), [self.own, self.file, network], [self.own, self.told],
                         trigger_mode="always_last", **BESIDE_QUEUE)  # fmt: skip
        self.own.change(told(self.when_found), [self.own, network], [self.preset, self.export],
                        trigger_mode="always_last", **BESIDE_QUEUE)  # fmt: skip
        self.score.click(told(self.when_scored), inputs, [self.scores, self.scored], **LONG)
        if self._whole is not None:
            self.score_whole.click(told(self.when_scored_whole), inputs, [self.scores, self.scored], **LONG)

    def fitted(self, network: str, own: Any) -> Updates:
        """The desk of another network: its presets, and scores where it has any."""
        menu, export = self.when_found(own, network)
        updates: Updates = {self.preset: {**menu, "value": "house mix"}, self.export: export, self.scored: None}
        is_scored = network == OWN
        told_of = self._table({}) if is_scored else hint(self._unscored(network), "reason")
        able = gr.update(interactive=is_scored)
        return updates | {self.scores: told_of, self.score: able, self.score_whole: able}

    def _unscored(self, network: str) -> str:
        return UNSCORED.format(name=self.panel.of(network).family.name)

    def when_preset_chosen(self, values: Values) -> Updates:
        """A known preset goes on the desk; a new name waits for Save."""
        network, panel = values[self.panel.network], self.panel.at(values)
        name, own = values[self.preset], of_network(values[self.own], network)
        if name in self._shipped[network]:
            return panel.shown(self._shipped[network][name])
        if name in own:
            return panel.shown(recipe_from_dict(own[name], panel.family.tasks))
        gr.Info("No preset has that name yet; Save keeps the desk under it.")
        return {panel.relative: gr.skip()}

    def when_found(self, own: Any, network: str = OWN) -> tuple[Any, Any]:
        """Menu and file of the presets that this browser keeps, as the page opens and after each change."""
        mine = of_network(own, network)
        return gr.update(choices=[*self._shipped[network], *mine]), self._exported(mine, network)

    def _exported(self, mine: Mapping[str, Any], network: str) -> Any:
        if not mine:
            return gr.update(value=None, interactive=False)
        family = self.panel.of(network).family
        check_room(mine, family)
        path = new_file(f"mixdeck-{self.panel.tab}{f'-{network}' if network else ''}-presets.json")
        path.write_text(written(mine, family), encoding="utf-8")
        return gr.update(value=str(path), interactive=True)

    def when_imported(self, own: Any, file: str, network: str = OWN) -> tuple[Any, str]:
        """The presets of a file beside one's own; of the same name, the file's."""
        family = self.panel.of(network).family
        entries = read(Path(file), family)
        together, lines = joined(of_network(own, network), entries, self._shipped[network], family)
        return with_network(own, network, together), notice_lines(lines)

    def when_saved(self, values: Values) -> Updates:
        """The desk under the typed name, in this browser."""
        network, panel = values[self.panel.network], self.panel.at(values)
        name, own = str(values[self.preset] or "").strip()[:LONGEST_NAME], dict(of_network(values[self.own], network))
        if not name or name in self._shipped[network]:
            raise UserError("Type a name of your own into Preset first; the shipped ones stay as they are.", "No name")
        own[name] = recipe_to_dict(panel.recipe(values))
        check_room(own, panel.family)
        return self._kept(values, own, name)

    def when_deleted(self, values: Values) -> Updates:
        """A preset of one's own is forgotten."""
        name, own = values[self.preset], dict(of_network(values[self.own], values[self.panel.network]))
        if name not in own:
            raise UserError("Only presets of your own can be deleted.", "Not deleted")
        del own[name]
        return self._kept(values, own, "house mix")

    def _kept(self, values: Values, own: Mapping[str, Any], chosen: str) -> Updates:
        network = values[self.panel.network]
        return {self.own: with_network(values[self.own], network, own),
                self.preset: gr.update(choices=[*self._shipped[network], *own], value=chosen)}  # fmt: skip

    def when_scored(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """The desk's mix on every task's probe set, as they come; given up when another mix was run meanwhile."""
        yield from self._scoring(request, values, self._scores, False)

    def when_scored_whole(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """The same on whole sets."""
        assert self._whole is not None
        yield from self._scoring(request, values, self._whole, True)

    def _scoring(self, request: gr.Request, values: Values, scores_of: Scores, is_whole: bool) -> Iterator[Updates]:
        if values[self.panel.network] != OWN:
            raise UserError(self._unscored(values[self.panel.network]), "Not scored")
        visitor, turn = visitor_of(request), self._turns.take()
        recipe = self.panel.recipe(values)
        yield {self.scores: self._told_of((recipe, {}, is_whole)), self.scored: None}
        for scores in scores_of(recipe):
            if not self._turns.is_current(visitor, turn):
                return
            found = (recipe, scores, is_whole)
            yield {self.scores: self._told_of(found), self.scored: found}

    def marked(self, scored: Scored | None, recipe: MergeRecipe) -> Updates:
        """Scores that stand here are this mix's, or say that they are of an earlier one."""
        if scored is None:
            return {}
        return {self.scores: self._told_of(scored, "this mix" if scored[0] == recipe else "earlier mix")}

    def _told_of(self, scored: Scored, title: str = "this mix") -> str:
        recipe, scores, is_whole = scored
        return self._table({title: scores} if scores else {}, is_whole) + hint(f"{title}: {describe(recipe)}")

    def _table(self, mixes: Mapping[str, Mapping[str, float]], is_whole: bool = False) -> str:
        """What came with the weights, and mixes under it."""
        family = self.panel.family
        return matrix_table({**score_rows(self._assets, family, is_whole), **mixes}, family.tasks, is_whole)
