"""The Lab: experiments on a family's checkpoints, each watched as it runs, each a figure with its recipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr

from demos.lab_bench import LabBench, Subject
from demos.lab_curves import CurveExperiment
from demos.lab_fed import FedExperiment
from demos.lab_learned import LearnedExperiment
from demos.lab_links import LabLinks
from demos.lab_masks import MaskExperiment
from demos.lab_menus import Menu, Ticks
from demos.lab_own import OwnView
from demos.lab_recipe import RecipeBox, document_text
from demos.lab_storage import StorageExperiment
from demos.lab_sweep import SweepExperiment
from demos.lab_table import TableExperiment
from demos.lab_vectors import VectorExperiment
from demos.lab_work import Experiment
from demos.merge_words import describe
from demos.mix_tab import MixTab
from demos.sight import Updates, Values
from demos.tab import BESIDE_QUEUE, TELLING, Tab, Workshop, told
from demos.words import hint
from pipelines.merging.recipe import MergeRecipe
from pipelines.merging.recipe_form import recipe_hash
from pipelines.shared.weights import weights_hashes

WHAT = "Pick a family and see what merging does to it: scores, curves, masks, vectors, bytes; every figure a file."
EXPERIMENTS: tuple[tuple[str, type[Experiment]], ...] = (
    ("Methods", TableExperiment),
    ("Curves", CurveExperiment),
    ("Sweep", SweepExperiment),
    ("Masks", MaskExperiment),
    ("Vectors", VectorExperiment),
    ("Storage", StorageExperiment),
    ("Learned", LearnedExperiment),
    ("With samples", FedExperiment),
)


class LabTab:
    """Layout, what all experiments share, and what the head of the page asks of a tab."""

    name = "lab"

    def __init__(self, workshop: Workshop, bench: LabBench | None = None) -> None:
        self.bench, self.assets = bench or LabBench(workshop.cache), workshop.assets
        workshop.forget.append(self.bench.forget)
        self._build()
        self._list()
        self._wire()
        self.links = LabLinks(self)

    # --- layout

    def _build(self) -> None:
        first, recipe = self.starts()
        gr.HTML(hint(WHAT))
        with gr.Row():
            names = [one.name for one in self.bench.families()]
            self.family = Menu(names, value=first, label="Family", elem_id="lab-family", min_width=160)
            tasks = list(self.bench.tasks(first))
            self.tasks = Ticks(tasks, value=tasks, label="Experts", elem_id="lab-tasks", scale=3,
                                          show_select_all=True)  # fmt: skip
            self.split = gr.Radio([("validation, quick", "validation"), ("test", "test")], value="validation",
                                  label="Scored on", elem_id="lab-split", min_width=160)  # fmt: skip
        self.shown = gr.State((first, recipe))
        self.box = RecipeBox(first, recipe)
        self.picked = [*self.box.outputs, self.shown]
        self.experiments: dict[str, Experiment] = {}
        with gr.Tabs(elem_id="lab-experiments", overflow_behavior="wrap") as self.parts:
            for title, kind in EXPERIMENTS:
                with gr.Tab(title, id=kind.name, elem_id=f"lab-part-{kind.name}"):
                    self.experiments[kind.name] = kind(self)
            with gr.Tab("Own checkpoints", id="own", elem_id="lab-part-own"):
                self.own = OwnView()

    def _list(self) -> None:
        experiments = self.experiments.values()
        sweep = self.experiments["sweep"]
        assert isinstance(sweep, SweepExperiment)
        self.sweep = sweep
        self.inputs = {
            self.family, self.tasks, self.split, self.shown, *self.box.controls, *self.own.controls,
            *(one for experiment in experiments for one in experiment.controls),
        }  # fmt: skip
        menus = [self.sweep.settings[key] for key in ("columns", "rows", "measure")]
        menus += [menu for experiment in experiments for menu in experiment.menus]
        starts = [one for experiment in experiments for one in (experiment.start, experiment.reason)]
        self.picked += [self.family, self.tasks, self.sweep.echo, *menus, *starts]
        self.chosen = self.picked
        widgets = [one for experiment in experiments for one in experiment.settings.values()]
        self.settable = [*dict.fromkeys([*self.chosen, self.split, self.parts, *widgets])]
        self.pictures = [self.shown]

    def _wire(self) -> None:
        for experiment in self.experiments.values():
            experiment.wire(self.inputs)
        self.own.wire(self)
        last: dict[str, Any] = {"trigger_mode": "always_last", **BESIDE_QUEUE}
        self.runs = [
            self.family.input(told(self.when_family_chosen), self.inputs, self.chosen, **last),
            self.box.use.click(told(self.when_used), self.inputs, self.settable, **TELLING),
            *(grid.chosen for experiment in self.experiments.values() for grid in experiment.grids),
        ]

    def meet(self, tabs: gr.Tabs, built: Mapping[str, Any]) -> None:
        """The other tabs of the page: recipes go to their desks and come from them."""
        desks = {tab.family.name: tab for tab in built.values() if isinstance(tab, MixTab)}
        self.box.wire_desks(tabs, desks, self)

    # --- what experiments share

    def starts(self) -> tuple[str, MergeRecipe]:
        """Family and recipe that the page opens with."""
        first = self.bench.families()[0].name
        return first, self.bench.default_recipe(first)

    def subject(self, values: Values) -> Subject:
        """Family, experts and split that are chosen; ticks of the family before count for nothing."""
        name = values[self.family]
        tasks = self.bench.tasks(name)
        chosen = tasks if self._is_behind(values) else values[self.tasks] or ()
        return Subject(name, tuple(one for one in tasks if one in chosen), values[self.split])

    def recipe(self, values: Values) -> MergeRecipe:
        """The Lab's recipe; while another family is on its way to the page, what it will start with."""
        return self.bench.default_recipe(values[self.family]) if self._is_behind(values) else self.box.recipe(values)

    def _is_behind(self, values: Values) -> bool:
        """Whether the menu names another family already than the one that the page shows."""
        return bool(values[self.box.kept][0] != values[self.family])

    def put(self, name: str, recipe: MergeRecipe, values: Values | None = None) -> Updates:
        """A recipe made the Lab's; one of another family brings that family."""
        updates = self.box.put(name, recipe) | {self.shown: (name, recipe)}
        if values is None:
            return updates
        if name != values[self.family]:
            updates = self._chosen(name, values) | updates
        return updates | self.sweep.offered(name, recipe, values) if self._is_scored(name) else updates

    def document_text(self, subject: Subject, recipe: MergeRecipe, options: dict[str, Any]) -> str:
        """The recipe document that goes into figures."""
        chosen = {"tasks": list(subject.tasks), "split": subject.split, **options}
        return document_text(subject.name, recipe, chosen, weights_hashes(self.assets, subject.name))

    def when_family_chosen(self, request: gr.Request, values: Values) -> Updates:
        """A family chosen by hand. What still runs is of the one before: it ends, and its results stay with its name.

        The menu is not written to: it may have moved on while this was on its way. A choice tells itself twice; the
        second time the page is there already, and what the visitor did since must stay.
        """
        if not self._is_behind(values):
            return {self.shown: gr.skip()}
        for experiment in self.experiments.values():
            experiment.when_stopped(request)
        updates = self.chosen_family(values[self.family], values)
        return {one: update for one, update in updates.items() if one is not self.family}

    def chosen_family(self, name: str, values: Values) -> Updates:
        """Another family: its experts, its own mix, and what can be swept of it."""
        values = {**values, self.family: name}
        return self._chosen(name, values) | self.put(name, self.bench.default_recipe(name), values)

    def _chosen(self, name: str, values: Values) -> Updates:
        """Everything but the recipe that follows the family."""
        tasks = list(self.bench.tasks(name))
        names = list(dict.fromkeys([*(one.name for one in self.bench.families()), name]))
        items = self.experiments.values()
        allowed = (one.allowed(name, values) for one in items)
        return {
            self.family: gr.update(choices=names, value=name),
            self.tasks: gr.update(choices=tasks, value=tasks),
            **{one: update for item in items for one, update in item.followed(tasks, values).items()},
            **{one: update for updates in allowed for one, update in updates.items()},
        }

    def _is_scored(self, name: str) -> bool:
        return name in [one.name for one in self.bench.families()]

    def when_used(self, values: Values) -> Updates:
        """The text of the recipe box, checked, on the page."""
        return self.links.restored(values[self.box.yaml] or "", values)

    # --- what the page asks of a tab

    def words(self, shown: Any) -> str:
        """The Lab's recipe in words and the start of its hash."""
        name, recipe = shown
        return f"{name}: {describe(recipe)} · #{recipe_hash(recipe)[:8]}"

    def when_asked(self, request: gr.Request, values: Values) -> Iterator[Updates]:
        """Nothing runs by itself here."""
        yield {self.shown: gr.skip()}

    def add_endpoints(self) -> None:
        """None of its own."""


def warm(workshop: Workshop) -> None:
    """Nothing: the Lab loads what it is asked about."""


LAB = Tab("lab", "Lab", LabTab, warm)
