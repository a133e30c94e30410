"""The mixing desk of a tab: widgets drawn from its families' and the methods' records, and their recipe.

The only place that knows which widget is which part of a recipe. Handlers get and give values keyed by component.
A tab of several networks has one desk for all: experts, masks and stages are each network's own, the rest they share.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any

import gradio as gr

from demos.bars import Bars
from demos.fader import Fader
from demos.history import History
from demos.log_fader import LogFader
from demos.mask_controls import MaskControls
from demos.merge_words import formula_line, offline_note, settings_note
from demos.networks import OWN, Networks, OwnParts, networks_of, prefix_of
from demos.stage_controls import StageControls
from demos.strips import Strip, build_strips
from demos.swapping import Swapping, start_of
from pipelines.merging.method import MergeMethod, Setting
from pipelines.merging.recipe import COEFFICIENT_RANGE, MergeRecipe
from pipelines.merging.registry import METHODS, method
from pipelines.shared.family import ModelFamily

if TYPE_CHECKING:
    from gradio.components import Component

Updates = dict[Any, Any]
Values = Mapping[Any, Any]

# On narrow screens the desk is folded behind this; the page fills in the mix.
DESK_SWITCH = ('<button type="button" class="desk-switch" aria-expanded="false">Mixing desk '
               '<span class="desk-mix"></span></button>')  # fmt: skip
# The page says here why the sum of locked faders is not 1.
SUM_NOTE = '<div class="sum-note" role="status"></div>'
DRAGGED = (Fader, LogFader, Bars)


class MergePanel:
    """Builds the desk inside the current layout.

    Attributes:
        tab: whose desk it is; its name begins every element id.
        networks: what can be on it, the tab's own family first; `family` is the one that this desk is looked at for.
        network: the name of the one that is on it.
        controls: every widget whose value is part of a recipe, of any network.
        faders, switches: those of `controls` that are dragged, and those that are set in one go.
        swapping: puts another network on it.
    """

    def __init__(self, tab: str, family: ModelFamily, networks: Networks | None = None) -> None:
        self.family, self.networks = family, networks or networks_of(family)
        self.tab, self._id = tab, f"{tab}-desk"
        self._default = family.default
        self.parts = OwnParts(self.networks)
        gr.HTML(f"{DESK_SWITCH}<style>{self._even_marks()}</style>")
        self._build_method()
        self._build_strips()
        self._build_settings()
        self.masks = MaskControls(self._id, self.networks, self.parts, method(self._default.method))
        self.stages = StageControls(self._id, self.networks, self.parts)
        self._build_memory()
        self.faders: tuple[Any, ...] = tuple(one for one in self._parts() if isinstance(one, DRAGGED))
        self.switches = tuple(one for one in self._parts() if not isinstance(one, DRAGGED))
        self.controls: tuple[Any, ...] = (*self._parts(), self.stages.extra)
        self._views = {name: self if name == OWN else self._seen_as(name) for name in self.networks}
        self.swapping = Swapping(self)

    # --- one desk, several networks

    def _seen_as(self, name: str) -> MergePanel:
        view = copy(self)
        view.family, view.strips = self.networks[name], self._strips[name]
        view.masks, view.stages = self.masks.seen_as(name), self.stages.seen_as(name)
        return view

    def of(self, name: str) -> MergePanel:
        """The same desk, with the experts, masks and stages of this network."""
        return self._views[name]

    def at(self, values: Values) -> MergePanel:
        """The desk with those of the network that is on it."""
        return self._views[values[self.network]]

    def _even_marks(self) -> str:
        """Where an even average stands on the scale's knob, of its whole way; of another network while it is seen."""
        rules = []
        for index, (name, family) in enumerate(self.networks.items()):
            seen = f".desk:has(#{prefix_of(self._id, name)}-w-0) " if index else ""
            rules.append(f"{seen}#{self._id}-scale {{ --even: {1 / max(len(family.tasks), 1) / 2:.4f} }}")
        return " ".join(rules)

    # --- layout

    def _build_method(self) -> None:
        record = method(self._default.method)
        choices = [(f"{one.title} ({one.group})", one.name) for one in METHODS]
        self.method = gr.Dropdown(choices, value=record.name, label="Method", elem_id=f"{self._id}-method")
        self.formula = gr.HTML(formula_line(record), elem_id=f"{self._id}-formula")
        self.scale = Fader(
            0,
            2,
            self._default.scale,
            step=0.01,
            label="Scale α",
            elem_id=f"{self._id}-scale",
            elem_classes="scale-fader",
            info="factor of the merged change; 0 is the base",
            buttons=["reset"],
        )

    def _build_strips(self) -> None:
        self._strips: dict[str, tuple[Strip, ...]] = {}
        for name, family in self.networks.items():
            with self.parts.of(name):
                self._strips[name] = build_strips(prefix_of(self._id, name), family)
        self.strips = self._strips[OWN]
        self.lock = gr.Checkbox(
            False,
            label="Keep sum 1",
            elem_id=f"{self._id}-lock",
            container=False,
            info="the other faders that are not muted give way",
        )
        gr.HTML(SUM_NOTE)
        self.relative = Fader(
            0,
            2,
            1,
            step=0.01,
            label="All experts ×",
            elem_id=f"{self._id}-all",
            buttons=[],
            info="scales all unmuted faders at once, then springs back to 1",
        )

    def _build_settings(self) -> None:
        self.settings: dict[str, dict[str, Any]] = {}
        self._setting_groups: dict[str, gr.Group] = {}
        with gr.Accordion("Method settings", open=False, elem_id=f"{self._id}-settings"):
            self.settings_note = gr.HTML(settings_note(method(self._default.method)))
            for record in METHODS:
                with gr.Group(visible=record.name == self._default.method) as group:
                    controls = {one.name: self._setting_control(record, one) for one in record.settings}
                self.settings[record.name], self._setting_groups[record.name] = controls, group
            gr.HTML(offline_note(), elem_id=f"{self._id}-offline")

    def _setting_control(self, record: MergeMethod, setting: Setting) -> Any:
        elem_id = f"{self._id}-{record.name.replace('_', '-')}-{setting.name.replace('_', '-')}"
        if setting.choices:
            return gr.Dropdown(
                list(setting.choices), value=setting.default, label=setting.title, info=setting.meaning, elem_id=elem_id
            )
        return Fader(
            setting.minimum,
            setting.maximum,
            float(setting.default),
            step=setting.step,
            label=setting.title,
            info=setting.meaning,
            elem_id=elem_id,
            buttons=[],
        )

    def _build_memory(self) -> None:
        with gr.Row(elem_classes="tight"):
            self.undo = gr.Button("Undo (0)", size="sm", min_width=60, interactive=False, elem_id=f"{self._id}-undo")
            self.redo = gr.Button("Redo (0)", size="sm", min_width=60, interactive=False, elem_id=f"{self._id}-redo")
            self.reset = gr.Button("Reset", size="sm", min_width=60, elem_id=f"{self._id}-reset")
        self.apply = gr.Radio(
            ["Live", "On release", "Manual"], value="Live", label="Apply", elem_id=f"{self._id}-apply"
        )
        with gr.Row(elem_classes="tight"):
            self.slot = gr.Radio(
                ["A", "B"],
                value="A",
                label="Slot",
                info="B starts as the base network",
                elem_id=f"{self._id}-slot",
                min_width=120,
            )
            self.pin = gr.Button("Copy to other slot", size="sm", min_width=110, elem_id=f"{self._id}-pin")
        start = start_of(self.family)
        self.history, self.slots = gr.State(start.history), gr.State(start.slots)
        self.network, self.aside = gr.State(OWN), gr.State({})

    def _parts(self) -> list[Component]:
        per_strip = [part for strips in self._strips.values() for one in strips for part in (one.weight, one.flags)]
        per_method = [control for controls in self.settings.values() for control in controls.values()]
        return [self.method, self.scale, *per_strip, *per_method, *self.masks.controls, *self.stages.moved]

    # --- values to recipe

    def recipe(self, values: Values) -> MergeRecipe:
        """What the widgets ask for."""
        record = method(values[self.method])
        settings = tuple((name, values[control]) for name, control in self.settings[record.name].items())
        return MergeRecipe(
            method=record.name,
            coefficients=tuple((one.task, values[one.weight]) for one in self.strips),
            scale=values[self.scale],
            settings=settings,
            masks=self.masks.choice(values),
            blocks=self.stages.rules(values),
            muted=self._flagged(values, "mute"),
            soloed=self._flagged(values, "solo"),
            negated=self._flagged(values, "negate"),
        )

    def _flagged(self, values: Values, flag: str) -> tuple[str, ...]:
        return tuple(one.task for one in self.strips if flag in (values[one.flags] or ()))

    # --- recipe to widgets

    def shown(self, recipe: MergeRecipe) -> Updates:
        """Updates that put a recipe on the desk."""
        record, weights = method(recipe.method), dict(recipe.coefficients)
        updates: Updates = {self.scale: recipe.scale, **self.fitted(record, recipe.masks.mode)}
        updates[self.method] = record.name
        for one in self.strips:
            updates[one.weight] = weights.get(one.task, 0.0)
            updates[one.flags] = self._flags_of(recipe, one.task)
        settings = record.defaults() | dict(recipe.settings)
        updates |= {control: settings[name] for name, control in self.settings[record.name].items()}
        return updates | self.masks.shown(recipe.masks, record) | self.stages.shown(recipe)

    @staticmethod
    def _flags_of(recipe: MergeRecipe, task: str) -> list[str]:
        sets = {"solo": recipe.soloed, "mute": recipe.muted, "negate": recipe.negated}
        return [flag for flag, tasks in sets.items() if task in tasks]

    def fitted(self, record: MergeMethod, mask_mode: str) -> Updates:
        """What changes with the method: formula, settings, masks that have a meaning; a reason where one has none."""
        updates: Updates = {self.formula: formula_line(record), self.settings_note: settings_note(record)}
        updates |= {group: gr.update(visible=name == record.name) for name, group in self._setting_groups.items()}
        return updates | self.masks.fitted(record, mask_mode)

    @property
    def shown_components(self) -> list[Any]:
        """Everything `shown` and `fitted` may update."""
        return [*self.controls, self.formula, self.settings_note, self.stages.box, *self._setting_groups.values()]

    @property
    def inputs(self) -> list[Any]:
        """Everything on the desk that handlers are told."""
        return [*self.controls, self.apply, self.slot, self.slots, self.history, self.relative, self.stages.curve,
                self.network, self.aside]  # fmt: skip

    @property
    def outputs(self) -> list[Any]:
        """Everything that the desk's own events set."""
        return [*self.shown_components, *self.memory_components, self.slots, self.relative, self.stages.curve,
                *self.swapping.outputs]  # fmt: skip

    # --- events that stay on the desk

    def when_method_changes(self, values: Values) -> Updates:
        """The method's own scale, its usual masks or those it had before, settings as they were."""
        record, history = method(values[self.method]), values[self.history]
        mode = history.mask_mode_of(record.name) or record.masks[0]
        return self.fitted(record, mode) | self._counting(values, mode) | {self.scale: record.default_scale}

    @property
    def vector(self) -> Any:
        """The setting that the usual k of Consensus goes by."""
        return self.settings["consensus"]["vector"]

    @property
    def leading(self) -> tuple[Any, ...]:
        """Switches that move other widgets of the desk before it runs."""
        return (self.method, self.masks.mode, self.vector)

    def when_vector_changes(self, values: Values) -> Updates:
        """The usual k of the other vector becomes that of this one."""
        return self.masks.votes_of(values[self.vector], values)

    def when_mask_mode_changes(self, values: Values) -> Updates:
        """The details of the mode, and masks that it can count."""
        mode = values[self.masks.mode]
        return self.masks.fitted_mode(mode) | self._counting(values, mode)

    def _counting(self, values: Values, mode: str) -> Updates:
        """Whose masks count: one expert's in Task, the loudest of those that are ticked; from there on, all again."""
        of, tasks = self.masks.of, self.family.tasks
        ticked = [one for one in self.strips if one.task in (values[of] or tasks)]
        details = self.masks.fitted_mode(mode)[of]
        if mode == "task" and len(ticked) > 1:
            loudest = max(ticked, key=lambda one: 0.0 if "mute" in values[one.flags] else abs(values[one.weight]))
            return {of: {**details, "value": [loudest.task]}}
        if mode in ("union", "consensus") and len(ticked) == 1:
            return {of: {**details, "value": list(tasks)}}
        return {}

    def when_relative_moves(self, values: Values) -> Updates:
        """All unmuted faders times the bar; the bar back to 1."""
        recipe, (low, high), factor = self.recipe(values), COEFFICIENT_RANGE, values[self.relative]
        moved = {
            one.weight: round(min(max(values[one.weight] * factor, low), high), 4)
            for one in self.strips
            if one.task not in recipe.muted
        }
        return {**moved, self.relative: 1.0}

    def when_slot_changes(self, values: Values) -> Updates:
        """The desk is put aside in the slot that is left, and the other slot is put on it."""
        left = "B" if values[self.slot] == "A" else "A"
        slots = {**values[self.slots], left: self.recipe(values)}
        return self.shown(slots[values[self.slot]]) | {self.slots: slots}

    def when_pinned(self, values: Values) -> Updates:
        """The desk copied into the other slot."""
        other = "B" if values[self.slot] == "A" else "A"
        return {self.slots: {**values[self.slots], other: self.recipe(values)}}

    def other_slot(self, values: Values) -> MergeRecipe:
        """The recipe the desk is compared with."""
        other: MergeRecipe = values[self.slots]["B" if values[self.slot] == "A" else "A"]
        return other

    def when_reset(self) -> Updates:
        """The family's own mix."""
        return self.shown(self.family.default)

    def when_undone(self, history: History, steps: int) -> Updates:
        """The desk `steps` further in its history."""
        moved = history.moved(steps)
        return self.shown(moved.current) | self.remembered(moved)

    def remembered(self, history: History) -> Updates:
        """The history and what its buttons say."""
        undo, redo = history.undo_count, history.redo_count
        return {
            self.history: history,
            self.undo: gr.update(value=f"Undo ({undo})", interactive=undo > 0),
            self.redo: gr.update(value=f"Redo ({redo})", interactive=redo > 0),
        }

    @property
    def memory_components(self) -> list[Any]:
        """Everything `remembered` updates."""
        return [self.history, self.undo, self.redo]
