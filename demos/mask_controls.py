"""The masks of the desk: where in the network the mix may act, and why a control has no meaning at the moment."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

import gradio as gr

from demos.fader import Fader
from demos.log_fader import MARKS, LogFader
from demos.networks import OWN, Networks, OwnParts, prefix_of
from pipelines.merging.method import MergeMethod
from pipelines.merging.recipe import DEFAULT_THRESHOLD, MASK_MODES, MaskChoice
from pipelines.merging.registry import METHODS
from pipelines.shared.errors import UserError

Updates = dict[Any, Any]
Values = Mapping[Any, Any]

TITLES = {"off": "Off", "task": "Task", "union": "Union", "consensus": "Consensus"}
IDLE = "needs a mask: choose one above"
NO_VOTES = "only Consensus counts votes"
# k of Consensus by merged vector: arXiv:2405.07813 drops selfish weights of the sum, and of TIES none but catastrophic.
USUAL_VOTES = {"sum": 2, "ties": 1}
VOTES = "keep what at least k tasks use"
SPARSER = "higher keeps fewer weights"
MUTES = "frozen: its mask goes; rebuild: it also leaves the vector"
OFF: dict[str, Any] = {"interactive": False, "info": IDLE}


class MaskControls:
    """An accordion with the mode and its details.

    Attributes:
        of, votes, thresholds: whose masks count, the least votes, a fader λ per task; each network has its own.
        controls: every widget whose value is part of the recipe.
        counts: the line of live counts, filled by runs.
    """

    def __init__(self, name: str, networks: Networks, parts: OwnParts, record: MergeMethod) -> None:
        self._tasks_of = {network: family.tasks for network, family in networks.items()}
        with gr.Accordion("Masks", open=False, elem_id=f"{name}-masks"):
            self.mode = gr.Radio(mask_choices(record), value="off", label="Where the mix may act",
                                 info=mask_reason(record), interactive=len(record.masks) > 1,
                                 elem_id=f"{name}-mask-mode")  # fmt: skip
            self._build_owners(name, parts)
            self.compare = gr.Radio([("> as released", "gt"), ("≥ as printed", "ge")], value="gt", label="Comparison",
                                    elem_id=f"{name}-compare", **OFF)  # fmt: skip
            self.on_mute = gr.Radio([("frozen", "frozen"), ("rebuild", "rebuild")], value="frozen",
                                    label="A muted expert", elem_id=f"{name}-on-mute", **OFF)  # fmt: skip
            self._build_thresholds(name, parts)
            self.counts = gr.HTML("", elem_id=f"{name}-mask-counts")
        owned = [one for name in networks for one in (self._of[name], self._votes[name], *self._thresholds[name])]
        self.controls: list[Any] = [self.mode, self.compare, self.on_mute, *owned]
        self._look_at(OWN)

    def _build_owners(self, name: str, parts: OwnParts) -> None:
        self._of, self._votes = {}, {}
        for network, tasks in self._tasks_of.items():
            prefix = prefix_of(name, network)
            with parts.of(network):
                self._of[network] = gr.CheckboxGroup(list(tasks), value=list(tasks), label="Masks of",
                                                     elem_id=f"{prefix}-mask-tasks", **OFF)  # fmt: skip
                self._votes[network] = Fader(0, len(tasks), 2, step=1, label="Votes k", buttons=[],
                                             elem_id=f"{prefix}-votes", **OFF)  # fmt: skip

    def _build_thresholds(self, name: str, parts: OwnParts) -> None:
        self._thresholds = {}
        for network, tasks in self._tasks_of.items():
            with parts.of(network):
                self._thresholds[network] = tuple(
                    LogFader(marks=MARKS, label=f"λ {task}", infos=(SPARSER, IDLE), interactive=False,
                             elem_id=f"{prefix_of(name, network)}-lambda-{index}")
                    for index, task in enumerate(tasks)
                )  # fmt: skip

    def _look_at(self, network: str) -> None:
        self._tasks, self.thresholds = self._tasks_of[network], self._thresholds[network]
        self.of, self.votes = self._of[network], self._votes[network]

    def seen_as(self, network: str) -> MaskControls:
        """The same widgets, with those that this network has for itself."""
        view = copy(self)
        view._look_at(network)
        return view

    def choice(self, values: Values) -> MaskChoice:
        """What the widgets ask for. Raises UserError where no expert's mask is chosen."""
        if values[self.mode] in (None, "off"):
            return MaskChoice()
        chosen = values[self.of] or []
        if self._tasks and not chosen:  # of a recipe, none means all
            raise UserError("No mask counts: tick at least one expert under “Masks of”, or switch the masks off.",
                            "No mask")  # fmt: skip
        return MaskChoice(
            mode=values[self.mode],
            tasks=() if len(chosen) == len(self._tasks) else tuple(one for one in self._tasks if one in chosen),
            thresholds=tuple((task, values[one]) for task, one in zip(self._tasks, self.thresholds, strict=True)),
            votes=int(values[self.votes]),
            compare=values[self.compare],
            on_mute=values[self.on_mute],
        )

    def votes_of(self, vector: str, values: Values) -> Updates:
        """k as the merged vector usually has it, where it stands at what the other one has."""
        is_untouched = values[self.votes] in (k for name, k in USUAL_VOTES.items() if name != vector)
        return {self.votes: USUAL_VOTES[vector] if is_untouched else gr.skip()}

    def shown(self, masks: MaskChoice, record: MergeMethod) -> Updates:
        """Updates that put a choice on the widgets."""
        thresholds, updates = dict(masks.thresholds), self.fitted(record, masks.mode)
        values: dict[Any, Any] = {
            self.of: list(masks.tasks or self._tasks), self.compare: masks.compare, self.on_mute: masks.on_mute,
            **{one: thresholds.get(task, DEFAULT_THRESHOLD)
               for task, one in zip(self._tasks, self.thresholds, strict=True)},
        }  # fmt: skip
        updates |= {one: {**updates[one], "value": value} for one, value in values.items()}
        return updates | {self.votes: {**updates[self.votes], **self.votes.room(float(masks.votes))}}

    def fitted(self, record: MergeMethod, mode: str) -> Updates:
        """Modes that mean something for the method, and the details of the mode."""
        mode = mode if mode in record.masks else record.masks[0]
        choices = gr.update(choices=mask_choices(record), value=mode, info=mask_reason(record),
                            interactive=len(record.masks) > 1)  # fmt: skip
        return {self.mode: choices} | self.fitted_mode(mode)

    def fitted_mode(self, mode: str) -> Updates:
        """Details are enabled where the mode uses them; the others say what would enable them."""
        is_on, is_vote = mode != "off", mode == "consensus"
        meanings: dict[Any, str] = {
            self.of: "whose masks count",
            self.compare: "how a weight is held against λ",
            self.on_mute: MUTES,
        }
        details = {one: gr.update(interactive=is_on, info=info if is_on else IDLE) for one, info in meanings.items()}
        votes = VOTES if is_vote else NO_VOTES if is_on else IDLE
        details |= {one: one.able(is_on) for one in self.thresholds}
        return details | {self.votes: gr.update(interactive=is_vote, info=votes)}


def mask_choices(record: MergeMethod) -> list[tuple[str, str]]:
    """The mask modes that mean something for a method."""
    return [(TITLES[mode], mode) for mode in MASK_MODES if mode in record.masks]


def mask_reason(record: MergeMethod) -> str:
    """Why there is no choice of masks, or what the choice is."""
    if len(record.masks) > 1:
        return "Task: where one expert moved most. Union: any of them. Consensus: at least k of them."
    able = ", ".join(one.title for one in METHODS if len(one.masks) > 1)
    return f"{record.title} takes no mask; choose {able}."
